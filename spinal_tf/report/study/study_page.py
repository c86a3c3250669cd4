"""One self-contained HTML page about an evaluation: nothing is loaded, nothing runs, every text is escaped."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from markupsafe import Markup

from spinal_tf.evaluation.evaluation import Evaluation
from spinal_tf.evaluation.evaluation_files import METRICS, NOTICE, software_versions
from spinal_tf.evaluation.evaluation_rows import TABLES
from spinal_tf.evaluation.paper.reference import beside_paper
from spinal_tf.evaluation.statistics.intervals import LEVEL
from spinal_tf.file_names import legible
from spinal_tf.report.pages import embedded, page, part
from spinal_tf.report.study import layouts
from spinal_tf.report.study.checklist import CHECKLISTS, COLUMNS, Checklist, State, fill_in
from spinal_tf.report.study.figure_file import FigureFile
from spinal_tf.report.study.sentences import summary
from spinal_tf.report.study.table_parts import CALIBRATION, CASES, MASKS, PERFORMANCE, SUBGROUPS
from spinal_tf.report.study.table_parts import filled as filled_parts
from spinal_tf.tables.html_table import html
from spinal_tf.tables.table_model import DASH, Table, filled, listed

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


LARGEST_SVG_BYTES = 1_000_000
"""Size above which a drawing is shown as PNG, if that is smaller, so that the page can be sent and opened."""


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
    yield PERFORMANCE, _table2(evaluation)
    yield from _tables(evaluation)
    for figure in figures:
        yield SECTION_OF.get(figure.name.partition("-")[0], FIGURES), _drawing(figure)
    yield from ((shown.title, _checklist(shown, evaluation)) for shown in CHECKLISTS)
    yield from ((ORIGIN, found) for found in _origin(evaluation))


def _tables(evaluation: Evaluation) -> Iterator[tuple[str, Markup]]:
    """Yield section and table, each with its definition and the name of the file with all rows."""
    for one, table in filled_parts(evaluation, list(TABLES)):
        shown = _with_file(table, one.table)
        yield one.section, part("folded", one.folded, shown) if one.folded else shown


def _table2(evaluation: Evaluation) -> Markup:
    """Return Table 2, with the paper's columns beside this cohort's if the tree is the paper's."""
    return _with_file(layouts.table2(evaluation), "table2", name="blocks")


def _drawing(figure: FigureFile) -> Markup:
    """Return a figure with its picture: the drawing, or its pixels if it is too large."""
    vector, pixels = figure.svg.read_bytes(), figure.png.read_bytes()
    large = len(vector) > max(LARGEST_SVG_BYTES, len(pixels))
    picture = embedded(pixels, "image/png") if large else embedded(vector, "image/svg+xml")
    return part("figure", figure.title, figure.caption, picture)


def _checklist(shown: Checklist, evaluation: Evaluation) -> Markup:
    """Return a checklist, filled in as far as the run can answer."""
    items = fill_in(shown, evaluation)
    states = Counter(item.state for item in items)
    counts = ", ".join(f"{states[state]} {state.value}" for state in State)
    caption = f"{shown.source}. Items have their published numbers and our words. {counts}."
    return _with_file(filled(COLUMNS, items, caption=caption), shown.name, name="checklist")


def _origin(evaluation: Evaluation) -> Iterator[Markup]:
    """Yield everything needed to reproduce the numbers."""
    yield html(listed("Evaluated tables", ("Table", "SHA-256 of its file"), evaluation.tables))
    yield html(listed("Options", ("Option", "Value"), _options(evaluation)))
    yield html(listed("Software", ("Package", "Version"), software_versions().items()))
    yield part("paragraph", f"{METRICS} and the CSV files beside it hold every number of this page, unrounded.")


def _with_file(table: Table, file: str, name: str = "") -> Markup:
    return html(replace(table, caption=f"{table.caption} All rows: {file}.csv."), name=name)


def _options(evaluation: Evaluation) -> Iterator[tuple[str, str]]:
    options = evaluation.options
    given = {name: f"{value}, given" for name, value in options.points.items()}
    default = f"on {options.chosen_on.value}" if options.point is None else f"{options.point}, given"
    yield "Operating points chosen", ", ".join([default, *(f"{name}: {value}" for name, value in given.items())])
    yield "Subgroups besides age and sex", ", ".join(options.subgroups) or DASH
    yield "A mask is poor with a Dice below", f"{options.poor_dice:g}"
    yield "Bootstrap samples", str(options.resampling.resamples)
    yield "Seed", str(options.resampling.seed)
    yield "Confidence level", f"{LEVEL:.0%}"
