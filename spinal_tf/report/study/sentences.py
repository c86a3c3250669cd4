"""An evaluation in sentences, for the top of the page and the checklists."""

from __future__ import annotations

from collections.abc import Iterator

from spinal_tf.evaluation.evaluation import Evaluation
from spinal_tf.evaluation.formats import LABELS, limits, measure_cell, paper_cell
from spinal_tf.evaluation.paper.paper_table2 import paper_column
from spinal_tf.evaluation.performance import Measure, Performance
from spinal_tf.evaluation.predictions import CaseSet, main_set
from spinal_tf.evaluation.scored import ScoredTask
from spinal_tf.taxonomy import tree

INTERVAL = " (95 % interval {} to {})"


def judged_set(evaluation: Evaluation) -> CaseSet:
    """Return the test, or validation if there is no test."""
    return main_set([case_set for case_set, by_task in evaluation.performances.items() if by_task])


def summary(evaluation: Evaluation) -> Iterator[tuple[str, str]]:
    """Yield the name of each task with a one-sentence summary, and the paper's numbers if shown."""
    for name, judged in evaluation.performances[judged_set(evaluation)].items():
        scored, measures = judged.scored, judged.measures
        paper = paper_column(scored.case_set, name)
        accuracy, area = measures["accuracy"], measures["auc"]
        right = f"{judged.confusion.tp + judged.confusion.tn} of {len(scored.cases)} {scored.case_set.term} cases"
        sentence = (
            f"{right} were called right, {100 * accuracy.value:.0f} %"
            f"{limits(accuracy.formula, 0, scale=100, form=INTERVAL)}; AUC {measure_value(area)}"
            f"{limits(area.bootstrap, form=INTERVAL)}."
        )
        if paper:
            sentence += f" The paper: {paper_cell('accuracy', paper).split()[0]} %, {paper.auc:.2f}."
        yield scored.task.printed, sentence


def measure_value(measure: Measure) -> str:
    """Format a measure to two decimals."""
    return measure_cell("auc", measure).split()[0].replace("-", "not defined")


def measured(judged: Performance, names: tuple[str, ...]) -> str:
    """Format some measures with their intervals in one line."""
    cells = (f"{_inline(LABELS[name])} {measure_cell(name, judged.measures[name])}" for name in names)
    return f"{judged.scored.task.printed}: {', '.join(cells)}"


def point(task: ScoredTask) -> str:
    """Describe the operating point of a task and who chose it."""
    positive = tree().term(task.task.classes[1])
    if task.point.chosen_on is None:
        origin = "given by whoever evaluated"
    else:
        origin = f"chosen by Youden's index on the {task.point.chosen_on.value} cases"
    return f"{task.task.printed}: {positive} from a probability of {task.point.value:.3f}, {origin}"


def _inline(label: str) -> str:
    return label if label.isupper() else label.lower()
