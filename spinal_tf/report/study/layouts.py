"""Tables with their own layout: Table 2 as in the paper, masks by disease, measures side by side."""

from __future__ import annotations

from spinal_tf.evaluation import overlap_text
from spinal_tf.evaluation.contrasts import COMPARED
from spinal_tf.evaluation.evaluation import Evaluation
from spinal_tf.evaluation.evaluation_text import NO_INTERVAL, table2_lines
from spinal_tf.evaluation.formats import LABELS, NOTHING, dashed, measure_cell
from spinal_tf.evaluation.overlap_summary import GroupSummary
from spinal_tf.evaluation.paper.paper_table2 import PAPER_LEGEND
from spinal_tf.evaluation.paper.reference import beside_paper
from spinal_tf.evaluation.predictions import CaseSet, main_set
from spinal_tf.tables.table_model import Column, Table, filled, listed, number_column
from spinal_tf.taxonomy import Diagnosis, tree

TABLE_2_NOTE = (
    "Percent (n/N) [Wilson's 95 % interval]; AUC (95 % interval, bootstrap over patients). PPV: positive predictive "
    "value; NPV: negative predictive value. Precision is PPV and recall is sensitivity, as in the paper. Positive: "
    f"the class that a task names second. \N{EN DASH} not defined. {NO_INTERVAL}"
)


def table2(evaluation: Evaluation) -> Table:
    """Lay out the table of all sets, with the paper's columns beside this cohort's if the tree is the paper's."""
    kinds = ("This cohort", "Paper") if beside_paper() else ("This cohort",)
    rows: list[tuple[str, ...]] = []
    for case_set in CaseSet:
        rows.append((case_set.printed,))
        for label, ours, theirs in table2_lines(evaluation, case_set):
            beside = zip(map(dashed, ours), theirs, strict=True) if theirs else zip(map(dashed, ours), strict=True)
            rows.append((label, *(cell for cells in beside for cell in cells)))
    return Table(
        header=("Classification", *kinds * len(tree().tasks)),
        rows=tuple(rows),
        caption=" ".join([*([PAPER_LEGEND] if beside_paper() else []), TABLE_2_NOTE]),
        spans=tuple((task.printed, len(kinds)) for task in tree().tasks),
    )


def subgroups(evaluation: Evaluation) -> Table:
    """Lay out a row for each group of cases and a column for each compared measure."""
    columns = (
        Column("Task", lambda group: group.performance.scored.task.printed),
        Column("Column", lambda group: group.column),
        Column("Group", lambda group: group.level),
        number_column("Cases", lambda group: str(len(group.performance.scored.cases))),
        *map(_measure, COMPARED),
    )
    return filled(columns, evaluation.subgroups)


def _measure(name: str) -> Column:
    return number_column(LABELS[name], lambda group: dashed(measure_cell(name, group.performance.measures[name])))


def masks(evaluation: Evaluation) -> Table:
    """Lay out a column for each disease, and one for healthy cases, if any, with their number and false marks only."""
    case_set, ill, healthy = _main_masks(evaluation)
    lines = [*overlap_text.mask_lines(ill, beside_paper=case_set is CaseSet.TEST)] if ill else [["Cases"]]
    if healthy:
        known = {"Cases": str(healthy.cases)}
        marked = NOTHING if healthy.falsely_marked is None else str(healthy.falsely_marked)
        lines = [[*line, known.get(line[0], NOTHING)] for line in lines]
        lines.append(["Marked without a lesion", *(NOTHING for _ in ill), marked])
    header = ("Measure", *(disease.printed for disease in ill), *(["Healthy"] if healthy else []))
    return listed("", header, (map(dashed, line) for line in lines), numeric=True)


def lesion_detection(evaluation: Evaluation) -> Table:
    """Lay out a column for each disease, and rows for each rule."""
    _, ill, _ = _main_masks(evaluation)
    found = ([rule, *map(dashed, line)] for rule, lines in overlap_text.detection_lines(ill) for line in lines)
    header = ("Counted", "Measure or size", *(disease.printed for disease in ill))
    return listed("", header, found, numeric=True, headings=2)


def _main_masks(evaluation: Evaluation) -> tuple[CaseSet, dict[Diagnosis, GroupSummary], GroupSummary | None]:
    """Return the main set (the test, or validation if there is no test), its diseases and its healthy cases."""
    main = main_set({group.case_set for group in evaluation.masks})
    groups = {group.diagnosis: group.summary for group in evaluation.masks if group.case_set is main}
    return main, {disease: one for disease, one in groups.items() if disease}, groups.get(None)
