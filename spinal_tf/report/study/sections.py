"""HTML of the sections of an evaluation's page: tables, figures, checklists, origin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from spinal_tf.evaluation.evaluation import Evaluation
from spinal_tf.evaluation.evaluation_files import software_versions
from spinal_tf.evaluation.statistics.intervals import LEVEL
from spinal_tf.report import markup
from spinal_tf.report.study import layouts
from spinal_tf.report.study.checklist import Checklist, Item, State, fill_in
from spinal_tf.report.study.figure_file import FigureFile
from spinal_tf.report.study.sheets import Sheet, text
from spinal_tf.report.study.table_parts import Part

LARGEST_SVG_BYTES = 1_000_000
"""Size above which a drawing is shown as PNG, if that is smaller, so that the page can be sent and opened."""


def part(shown: Part, sheet: Sheet) -> str:
    """Build a table with its definition and the name of the file with all rows."""
    caption = f"{shown.caption} All rows: {shown.table}.csv."
    table = markup.table(caption, sheet.header, sheet.rows, numeric=sheet.numeric, headings=sheet.headings)
    return markup.folded(shown.folded, table) if shown.folded else table


def table2(evaluation: Evaluation) -> str:
    """Build Table 2, with the paper's columns beside this cohort's if the tree is the paper's."""
    spans = [(task, len(layouts.table2_kinds())) for task in layouts.table2_tasks()]
    header = ("Classification", *layouts.table2_kinds() * len(spans))
    blocks = [(block.case_set.printed, block.rows) for block in layouts.table2(evaluation)]
    return markup.block_table(f"{layouts.table2_note()} All rows: table2.csv.", spans, header, blocks)


def drawing(figure: FigureFile) -> str:
    """Build a figure with its caption, which is also the alternative text."""
    vector, pixels = figure.svg.read_bytes(), figure.png.read_bytes()
    if len(vector) > max(LARGEST_SVG_BYTES, len(pixels)):
        picture = markup.image(figure.caption, pixels, "image/png")
    else:
        picture = markup.image(figure.caption, vector, "image/svg+xml")
    return markup.figure(picture, figure.title, figure.caption)


def checklist(listed: Checklist, evaluation: Evaluation) -> str:
    """Build a checklist, filled in as far as the run can answer."""
    items = fill_in(listed, evaluation)
    states = Counter(item.state for item in items)
    counts = ", ".join(f"{states[state]} {state.value}" for state in State)
    caption = (
        f"{listed.source}. Items have their published numbers and our words. {counts}. All rows: {listed.name}.csv."
    )
    header = ("Item", "Section", "To be reported", "State", "What this run says", "Left to the author")
    return markup.table(caption, header, [_cells(item) for item in items], numeric=(), name="checklist")


def origin(evaluation: Evaluation) -> str:
    """List everything needed to reproduce the numbers."""
    return "\n".join(
        [
            markup.table("Evaluated tables", ("Table", "SHA-256 of its file"), evaluation.tables, numeric=()),
            markup.table("Options", ("Option", "Value"), _options(evaluation), numeric=()),
            markup.table("Software", ("Package", "Version"), list(software_versions().items()), numeric=()),
        ]
    )


def _cells(item: Item) -> tuple[str, ...]:
    return (item.number, item.section, item.asks, item.state.value, item.run, item.author)


def _options(evaluation: Evaluation) -> Iterator[tuple[str, str]]:
    options = evaluation.options
    given = {name: f"{value}, given" for name, value in options.points.items()}
    default = f"on {options.chosen_on.value}" if options.point is None else f"{options.point}, given"
    yield "Operating points chosen", ", ".join([default, *(f"{name}: {value}" for name, value in given.items())])
    yield "Subgroups besides age and sex", ", ".join(options.subgroups) or text(None)
    yield "A mask is poor with a Dice below", f"{options.poor_dice:g}"
    yield "Bootstrap samples", str(options.resampling.resamples)
    yield "Seed", str(options.resampling.seed)
    yield "Confidence level", f"{LEVEL:.0%}"
