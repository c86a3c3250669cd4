"""One self-contained HTML page about an evaluation: nothing is loaded, nothing runs, every text is escaped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from spinal_tf.evaluation.evaluation import Evaluation
from spinal_tf.evaluation.evaluation_files import NOTICE
from spinal_tf.evaluation.paper.reference import beside_paper
from spinal_tf.report.pages import page
from spinal_tf.report.study.checklist import CHECKLISTS
from spinal_tf.report.study.figure_file import FigureFile
from spinal_tf.report.study.sections import Piece, checklist, drawing, origin, table2, tables
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


def write_evaluation_page(evaluation: Evaluation, figures: Sequence[FigureFile], path: Path, *, note: str) -> None:
    """Write the page as UTF-8.

    Args:
        evaluation: results of the evaluation.
        figures: figures of the evaluation; their files are read.
        path: file to write.
        note: what a reader must know about the cases, for example that they are simulated; may be empty.
    """
    path.write_text(evaluation_page(evaluation, figures, note=note), encoding="utf-8")


def evaluation_page(evaluation: Evaluation, figures: Sequence[FigureFile], *, note: str) -> str:
    """Return the page as text; see `write_evaluation_page`."""
    name = evaluation.predictions.source.name
    sections: dict[str, list[Piece]] = {}
    for title, piece in _pieces(evaluation, figures):
        shown = ALONE if title == PERFORMANCE and not beside_paper() else title
        sections.setdefault(shown, []).append(piece)
    return page(
        "study.html",
        title=f"{name}: spinal-tf evaluation",
        styles=("page.css", "study/study.css"),
        name=name,
        notice=NOTICE,
        note=note,
        warnings=evaluation.warnings,
        summary=summary(evaluation),
        sections=sections,
    )


def _pieces(evaluation: Evaluation, figures: Sequence[FigureFile]) -> Iterator[tuple[str, Piece]]:
    """Yield title and content of each part of a section, in the order of the page."""
    if beside_paper():
        yield PERFORMANCE, Piece("words", CAUTION)
    yield PERFORMANCE, table2(evaluation)
    yield from tables(evaluation)
    for figure in figures:
        yield SECTION_OF.get(figure.name.partition("-")[0], FIGURES), drawing(figure)
    for shown in CHECKLISTS:
        yield shown.title, checklist(shown, evaluation)
    for piece in origin(evaluation):
        yield ORIGIN, piece
