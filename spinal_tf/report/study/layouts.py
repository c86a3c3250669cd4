"""Tables with their own layout: Table 2 as in the paper, masks by disease, measures side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from spinal_tf.evaluation import overlap_text
from spinal_tf.evaluation.columns import NOTHING
from spinal_tf.evaluation.contrasts import COMPARED
from spinal_tf.evaluation.evaluation import Evaluation
from spinal_tf.evaluation.evaluation_text import LABELS, measure_cell, paper_cell, printed_task
from spinal_tf.evaluation.overlap_summary import GroupSummary
from spinal_tf.evaluation.paper.paper_table2 import PAPER_LEGEND, paper_column
from spinal_tf.evaluation.paper.reference import beside_paper
from spinal_tf.evaluation.performance import MEASURES
from spinal_tf.evaluation.predictions import CaseSet
from spinal_tf.report.study.sheets import Sheet, text
from spinal_tf.taxonomy import Diagnosis, tree

TABLE_2_NOTE = (
    "Percent (n/N) [Wilson's 95 % interval]; AUC (95 % interval, bootstrap over patients). PPV: positive predictive "
    "value; NPV: negative predictive value. Precision is PPV and recall is sensitivity, as in the paper. Positive: "
    "the class that a task names second. \N{EN DASH} not defined."
)


@dataclass(frozen=True, kw_only=True)
class Block:
    """Table 2 for one set: the cells of `table2_kinds` for each task, side by side."""

    case_set: CaseSet
    rows: tuple[tuple[str, ...], ...]


def table2_kinds() -> tuple[str, ...]:
    """Return the columns of each task."""
    return ("This cohort", "Paper") if beside_paper() else ("This cohort",)


def table2_note() -> str:
    """Return the note below the table."""
    return " ".join([*([PAPER_LEGEND] if beside_paper() else []), TABLE_2_NOTE])


def table2_tasks() -> tuple[str, ...]:
    """Return the headings above the columns of each task."""
    return tuple(map(printed_task, tree().tasks))


def table2(evaluation: Evaluation) -> tuple[Block, ...]:
    """Return the blocks of the table from top to bottom."""
    return tuple(Block(case_set=case_set, rows=tuple(_table2_rows(evaluation, case_set))) for case_set in CaseSet)


def _table2_rows(evaluation: Evaluation, case_set: CaseSet) -> Iterator[tuple[str, ...]]:
    judged = [evaluation.performances[case_set].get(task.name) for task in tree().tasks]
    for name in MEASURES:
        cells = [LABELS[name]]
        for task, one in zip(tree().tasks, judged, strict=True):
            cells.append(_dashed(measure_cell(name, one.measures[name])) if one else text(None))
            paper = paper_column(case_set, task.name)
            cells += [paper_cell(name, paper)] if paper else []
        yield tuple(cells)


def subgroups(evaluation: Evaluation) -> Sheet:
    """Lay out a row for each group of cases and a column for each compared measure."""
    rows = []
    for group in evaluation.subgroups:
        scored = group.performance.scored
        about = (printed_task(scored.task), group.column, group.level, str(len(scored.cases)))
        measures = group.performance.measures
        rows.append((*about, *(_dashed(measure_cell(name, measures[name])) for name in COMPARED)))
    header = ("Task", "Column", "Group", "Cases", *(LABELS[name] for name in COMPARED))
    return Sheet(header=header, rows=tuple(rows), numeric=frozenset(range(3, len(header))))


def masks(evaluation: Evaluation) -> Sheet:
    """Lay out a column for each disease, and one for healthy cases, if any, with their number and false marks only."""
    case_set, ill, healthy = _main_masks(evaluation)
    lines = [*overlap_text.mask_lines(ill, beside_paper=case_set is CaseSet.TEST)] if ill else [["Cases"]]
    if healthy:
        known = {"Cases": str(healthy.cases)}
        marked = NOTHING if healthy.falsely_marked is None else str(healthy.falsely_marked)
        lines = [[*line, known.get(line[0], NOTHING)] for line in lines]
        lines.append(["Marked without a lesion", *(NOTHING for _ in ill), marked])
    return _by_disease(("Measure",), (*(disease.printed for disease in ill), *(["Healthy"] if healthy else [])), lines)


def lesion_detection(evaluation: Evaluation) -> Sheet:
    """Lay out a column for each disease, and rows for each rule."""
    _, ill, _ = _main_masks(evaluation)
    found = [[rule, *line] for rule, lines in overlap_text.detection_lines(ill) for line in lines]
    return _by_disease(("Counted", "Measure or size"), (disease.printed for disease in ill), found)


def _main_masks(evaluation: Evaluation) -> tuple[CaseSet, dict[Diagnosis, GroupSummary], GroupSummary | None]:
    """Return the main set (the test, or validation if there is no test), its diseases and its healthy cases."""
    sets = {group.case_set for group in evaluation.masks}
    main = CaseSet.TEST if CaseSet.TEST in sets else CaseSet.VALIDATION
    groups = {group.diagnosis: group.summary for group in evaluation.masks if group.case_set is main}
    return main, {disease: one for disease, one in groups.items() if disease}, groups.get(None)


def _by_disease(labels: tuple[str, ...], groups: Iterable[str], lines: Iterable[list[str]]) -> Sheet:
    header = (*labels, *groups)
    rows = tuple(tuple(map(_dashed, line)) for line in lines)
    return Sheet(header=header, rows=rows, numeric=frozenset(range(len(labels), len(header))))


def _dashed(cell: str) -> str:
    """Replace the sign for unknown values by the dash of reports."""
    alone = cell == NOTHING or cell.startswith(f"{NOTHING};")
    return text(None) + cell.removeprefix(NOTHING) if alone else cell
