"""One self-contained HTML page about an evaluation: nothing is loaded, nothing runs, every text is escaped."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from markupsafe import Markup

from spinal_tf.evaluation.evaluation import Evaluation
from spinal_tf.evaluation.evaluation_files import NOTICE
from spinal_tf.evaluation.paper.reference import beside_paper
from spinal_tf.file_names import legible
from spinal_tf.report.pages import page, part
from spinal_tf.report.study.checklist import CHECKLISTS
from spinal_tf.report.study.figure_file import FigureFile
from spinal_tf.report.study.sections import checklist, drawing, origin, table2, tables
from spinal_tf.report.study.sentences import summary
from spinal_tf.report.study.table_parts import CALIBRATION, CASES, MASKS, PERFORMANCE, SUBGROUPS

SECTION_OF = {
    "flow": CASES,
    "roc": PERFORMANCE,
    "reliability": CALIBRATION,
    "decision": CALIBRATION,
    "subgroups": SUBGROUPS,
    "volumes": MASKS,
    "dice": MASKS,
}
"""Sections of figures by the first word of their names; other figures share a section."""

FIGURES, ORIGIN = "Figures", "How this was made"

ALONE = "Performance"
"""Title of the performance section if the paper's numbers are not shown."""

CAUTION = (
    "The paper's numbers are of other patients and other models; that a number here is higher or lower says little "
    "without a comparison on the same cases."
)


def evaluation_page(evaluation: Evaluation, figures: Sequence[FigureFile], *, note: str) -> str:
    """Return the page as text.

    Args:
        evaluation: results of the evaluation.
        figures: figures of the evaluation; their files are read.
        note: what a reader must know about the cases, for example that they are simulated; may be empty.
    """
    name = legible(evaluation.predictions.source.name)
    sections: dict[str, list[Markup]] = defaultdict(list)
    for title, found in _parts(evaluation, figures):
        sections[ALONE if title == PERFORMANCE and not beside_paper() else title].append(found)
    return page(
        title=f"{name}: spinal-tf evaluation",
        notice=NOTICE,
        heading=f"Evaluation of {name}",
        introduction=_introduction(evaluation, note),
        sections=sections,
        contents=True,
        styles=("page.css", "study/study.css"),
    )


def _introduction(evaluation: Evaluation, note: str) -> Iterator[Markup]:
    if note:
        yield part("paragraph", note, "notice")
    if evaluation.warnings:
        yield part("callout", "Warnings", evaluation.warnings)
    yield from (part("titled", task, sentence) for task, sentence in summary(evaluation))


def _parts(evaluation: Evaluation, figures: Sequence[FigureFile]) -> Iterator[tuple[str, Markup]]:
    """Yield title and content of each part of a section, in the order of the page."""
    if beside_paper():
        yield PERFORMANCE, part("paragraph", CAUTION)
    yield PERFORMANCE, table2(evaluation)
    yield from tables(evaluation)
    for figure in figures:
        yield SECTION_OF.get(figure.name.partition("-")[0], FIGURES), drawing(figure)
    yield from ((shown.title, checklist(shown, evaluation)) for shown in CHECKLISTS)
    yield from ((ORIGIN, found) for found in origin(evaluation))
