"""LaTeX tables of an evaluation for a manuscript; include each file in a document that loads `PACKAGES`."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping, Sequence

from spinal_tf.evaluation.evaluation import Evaluation
from spinal_tf.evaluation.evaluation_rows import TABLES
from spinal_tf.report.study import layouts
from spinal_tf.report.study.sheets import Sheet
from spinal_tf.report.study.table_parts import Part, filled

TABLE_2_CAPTION = "Differentiation of spinal cord lesions by deep learning models"

PACKAGES = ("array", "booktabs", "longtable", "pdflscape")
"""LaTeX packages that the document must load."""

NOTHING = "% no rows\n"

NARROW, PORTRAIT = 65, 90
"""Maximum letters of a row for columns of natural width, and for a page in portrait."""

SPACE = 4
"""Letters added to each column for the space between columns and for wide capitals and signs."""

SMALL = r"\footnotesize\setlength{\tabcolsep}{3pt}"

MINUS = re.compile(r"(?<![^\s\[(])-(?=[\d.])")
"""Minus sign before a number, at the start of a word or an interval."""

SPECIAL = {
    **{letter: f"\\{letter}" for letter in "&%$#{}"},
    "_": r"\_\allowbreak{}",
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "\N{EN DASH}": r"\textendash{}",
}


def latex_tables(evaluation: Evaluation, *, note: str) -> Mapping[str, str]:
    """Return the text of each file by the name of its table; a table without rows becomes a comment.

    Args:
        evaluation: results of the evaluation.
        note: see `study_page.write_evaluation_page`; printed below each table.
    """
    return {name: _table2(evaluation, note) if name == "table2" else _others(evaluation, name, note) for name in TABLES}


def escaped(words: str) -> str:
    """Escape LaTeX's special characters."""
    return "".join(SPECIAL.get(letter, letter) for letter in words)


def _others(evaluation: Evaluation, name: str, note: str) -> str:
    tables = ["\n".join(_long_table(part, sheet, note)) for part, sheet in filled(evaluation, [name])]
    return "\n".join([*tables, ""]) if tables else NOTHING


def _long_table(part: Part, sheet: Sheet, note: str) -> Iterator[str]:
    letters = _letters(sheet.header, sheet.rows)
    begin, end = _page(letters)
    yield begin
    yield r"\setlength{\LTcapwidth}{\linewidth}"
    yield rf"\begin{{longtable}}{{{_columns(letters, sheet.numeric)}}}"
    yield rf"\caption{{{escaped(' '.join(filter(None, (part.caption, note))))}}}\\"
    for end_of_head in (r"\endfirsthead", r"\endhead"):
        yield from (r"\toprule", _row(sheet.header), r"\midrule", end_of_head)
    yield from map(_row, sheet.rows)
    yield r"\bottomrule"
    yield r"\end{longtable}"
    yield end


def _letters(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    """Count the letters that each column needs: its longest cell or the longest word of its heading, and some space."""
    columns = zip(header, *rows, strict=True)
    return [max(*map(len, column[1:]), *map(len, column[0].split()), 1) + SPACE for column in columns]


def _page(letters: Sequence[int]) -> tuple[str, str]:
    """Return what precedes and follows a table: small letters, and a landscape page if it is too wide."""
    if sum(letters) > PORTRAIT:
        return rf"\begin{{landscape}}{SMALL}", r"\end{landscape}"
    return rf"\begingroup{SMALL}", r"\endgroup"


def _columns(letters: Sequence[int], numeric: Container[int]) -> str:
    """Return column types: widths proportional to letters, with line breaks in cells; natural widths if narrow."""
    if sum(letters) <= NARROW:
        return "".join("r" if place in numeric else "l" for place in range(len(letters)))
    sides = ("ragged" + ("left" if place in numeric else "right") for place in range(len(letters)))
    shares = (count / sum(letters) for count in letters)
    return "".join(
        rf">{{\{side}\arraybackslash}}p{{\dimexpr {share - 0.0005:.3f}\linewidth-2\tabcolsep\relax}}"
        for side, share in zip(sides, shares, strict=True)
    )


def _table2(evaluation: Evaluation, note: str) -> str:
    return "\n".join([*_table2_lines(evaluation, note), ""])


def _table2_lines(evaluation: Evaluation, note: str) -> Iterator[str]:
    tasks, width, blocks = layouts.table2_tasks(), len(layouts.table2_kinds()), layouts.table2(evaluation)
    header = ("Classification", *layouts.table2_kinds() * len(tasks))
    letters = _letters(header, [row for block in blocks for row in block.rows])
    begin, end = _page(letters)
    yield begin
    yield r"\begin{table}[p]"
    yield SMALL
    yield rf"\caption{{{TABLE_2_CAPTION}}}"
    yield rf"\begin{{tabular}}{{{_columns(letters, ())}}}"
    yield r"\toprule"
    yield " & ".join(["", *(rf"\multicolumn{{{width}}}{{l}}{{{escaped(task)}}}" for task in tasks)]) + r" \\"
    yield _row(header)
    for block in blocks:
        yield r"\midrule"
        yield _row((block.case_set.printed, *[""] * width * len(tasks)))
        yield from map(_row, block.rows)
    yield r"\bottomrule"
    yield r"\end{tabular}"
    yield rf"\par\smallskip {escaped(' '.join(filter(None, (layouts.table2_note(), note))))}"
    yield r"\end{table}"
    yield end


def _row(cells: Sequence[str]) -> str:
    return " & ".join(MINUS.sub("$-$", escaped(cell)) for cell in cells) + r" \\"
