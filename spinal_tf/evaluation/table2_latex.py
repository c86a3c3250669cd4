"""Table 2 for a manuscript, laid out like the paper's, each number beside the paper's."""

from __future__ import annotations

from collections.abc import Iterator

from spinal_tf.evaluation.columns import NOTHING
from spinal_tf.evaluation.evaluate import Evaluation
from spinal_tf.evaluation.evaluation_text import LABELS, measure_cell, paper_cell, printed_task
from spinal_tf.evaluation.paper_table2 import TABLE_2
from spinal_tf.evaluation.performance import MEASURES
from spinal_tf.evaluation.predictions import CaseSet
from spinal_tf.taxonomy import TASKS

NOTE = (
    r"Percentages with numerators/denominators and Wilson's 95\,\% interval; AUC with 95\,\% interval (bootstrap over "
    r"patients). Paper: Zhuo et al. 2022, doi:10.1148/ryai.210292. PPV = positive predictive value, NPV = negative "
    r"predictive value."
)


def as_latex(evaluation: Evaluation) -> str:
    """A ``table*`` for the package booktabs."""
    return "\n".join([*_lines(evaluation), ""])


def _lines(evaluation: Evaluation) -> Iterator[str]:
    yield r"\begin{table*}"
    yield r"\caption{Differentiation of spinal cord lesions by deep learning models}"
    yield rf"\begin{{tabular}}{{l{'ll' * len(TASKS)}}}"
    yield r"\toprule"
    yield _row("", [rf"\multicolumn{{2}}{{l}}{{{printed_task(task)}}}" for task in TASKS])
    yield _row("Classification", ["This cohort", "Paper"] * len(TASKS))
    for case_set in CaseSet:
        yield r"\midrule"
        yield _row(case_set.printed, [""] * 2 * len(TASKS))
        for name in MEASURES:
            yield _row(LABELS[name], list(_cells(evaluation, case_set, name)))
    yield r"\bottomrule"
    yield r"\end{tabular}"
    yield rf"\par\footnotesize {NOTE}"
    yield r"\end{table*}"


def _cells(evaluation: Evaluation, case_set: CaseSet, name: str) -> Iterator[str]:
    for task in TASKS:
        judged = evaluation.performances[case_set].get(task.name)
        yield measure_cell(name, judged.measures[name]) if judged else NOTHING
        yield paper_cell(name, TABLE_2[case_set][task.name])


def _row(label: str, cells: list[str]) -> str:
    shown = [r"\textendash" if cell == NOTHING else cell for cell in cells]
    return " & ".join([label, *shown]) + r" \\"
