"""Parts of the sections of an evaluation's page: tables, figures, checklists, origin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from markupsafe import Markup

from spinal_tf.evaluation.evaluation import Evaluation
from spinal_tf.evaluation.evaluation_files import METRICS, software_versions
from spinal_tf.evaluation.evaluation_rows import TABLES
from spinal_tf.evaluation.statistics.intervals import LEVEL
from spinal_tf.report.pages import embedded, part
from spinal_tf.report.study import layouts
from spinal_tf.report.study.checklist import COLUMNS, Checklist, State, fill_in
from spinal_tf.report.study.figure_file import FigureFile
from spinal_tf.report.study.table_parts import filled as filled_parts
from spinal_tf.tables.html_table import html
from spinal_tf.tables.table_model import DASH, Table, filled, listed

LARGEST_SVG_BYTES = 1_000_000
"""Size above which a drawing is shown as PNG, if that is smaller, so that the page can be sent and opened."""


def tables(evaluation: Evaluation) -> Iterator[tuple[str, Markup]]:
    """Yield section and table, each with its definition and the name of the file with all rows."""
    for one, table in filled_parts(evaluation, list(TABLES)):
        shown = _with_file(table, one.table)
        yield one.section, part("folded", one.folded, shown) if one.folded else shown


def table2(evaluation: Evaluation) -> Markup:
    """Return Table 2, with the paper's columns beside this cohort's if the tree is the paper's."""
    return _with_file(layouts.table2(evaluation), "table2", name="blocks")


def drawing(figure: FigureFile) -> Markup:
    """Return a figure with its picture: the drawing, or its pixels if it is too large."""
    vector, pixels = figure.svg.read_bytes(), figure.png.read_bytes()
    large = len(vector) > max(LARGEST_SVG_BYTES, len(pixels))
    picture = embedded(pixels, "image/png") if large else embedded(vector, "image/svg+xml")
    return part("figure", figure.title, figure.caption, picture)


def checklist(shown: Checklist, evaluation: Evaluation) -> Markup:
    """Return a checklist, filled in as far as the run can answer."""
    items = fill_in(shown, evaluation)
    states = Counter(item.state for item in items)
    counts = ", ".join(f"{states[state]} {state.value}" for state in State)
    caption = f"{shown.source}. Items have their published numbers and our words. {counts}."
    return _with_file(filled(COLUMNS, items, caption=caption), shown.name, name="checklist")


def origin(evaluation: Evaluation) -> Iterator[Markup]:
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
