"""One self-contained HTML page about an evaluation: nothing is loaded, nothing runs, every text is escaped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path

from spinal_tf.evaluation.evaluation import Evaluation
from spinal_tf.evaluation.evaluation_files import METRICS, NOTICE
from spinal_tf.evaluation.evaluation_rows import TABLES
from spinal_tf.evaluation.paper.reference import beside_paper
from spinal_tf.report.case_page import style
from spinal_tf.report.markup import callout, contents, document, element, section
from spinal_tf.report.study.checklist import CHECKLISTS
from spinal_tf.report.study.figure_file import FigureFile
from spinal_tf.report.study.sections import checklist, drawing, origin, part, table2
from spinal_tf.report.study.sentences import summary
from spinal_tf.report.study.table_parts import CALIBRATION, CASES, MASKS, PERFORMANCE, SUBGROUPS, filled

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
    bodies: dict[str, list[str]] = {}
    for title, html in _bodies(evaluation, figures):
        bodies.setdefault(title, []).append(html)
    links = [(f"part-{number}", _shown(title)) for number, title in enumerate(bodies, start=1)]
    sections = [section(title, *parts, name=name) for (name, title), parts in zip(links, bodies.values(), strict=True)]
    look = style() + files(__package__).joinpath("study.css").read_text(encoding="utf-8")
    head = [*_head(evaluation, note), contents(links)]
    return document(f"{name}: spinal-tf evaluation", *head, *sections, style=look)


def _shown(title: str) -> str:
    return ALONE if title == PERFORMANCE and not beside_paper() else title


def _head(evaluation: Evaluation, note: str) -> Iterator[str]:
    yield element("p", NOTICE, css_class="notice")
    yield element("h1", f"Evaluation of {evaluation.predictions.source.name}")
    if note:
        yield element("p", note, css_class="notice")
    if evaluation.warnings:
        yield callout("Warnings", evaluation.warnings)
    for task, sentence in summary(evaluation):
        yield f"<p>{element('strong', f'{task}:')} {element('span', sentence)}</p>"


def _bodies(evaluation: Evaluation, figures: Sequence[FigureFile]) -> Iterator[tuple[str, str]]:
    """Yield title and HTML of each part of a section, in the order of the page."""
    if beside_paper():
        yield PERFORMANCE, element("p", CAUTION)
    yield PERFORMANCE, table2(evaluation)
    for one, sheet in filled(evaluation, list(TABLES)):
        yield one.section, part(one, sheet)
    for figure in figures:
        yield SECTION_OF.get(figure.name.partition("-")[0], FIGURES), drawing(figure)
    for listed in CHECKLISTS:
        yield listed.title, checklist(listed, evaluation)
    yield ORIGIN, origin(evaluation)
    yield (
        ORIGIN,
        element("p", f"{METRICS} and the CSV files beside it hold every number of this page, unrounded."),
    )
