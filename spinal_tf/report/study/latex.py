"""The tables of an evaluation for a manuscript, each a file to be included; they need booktabs and longtable."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from spinal_tf.evaluation.evaluate import Evaluation
from spinal_tf.evaluation.evaluation_rows import TABLES
from spinal_tf.report.study import layouts
from spinal_tf.report.study.parts import Part, filled
from spinal_tf.report.study.sheets import Sheet

TABLE_2_CAPTION = "Differentiation of spinal cord lesions by deep learning models"

NOTHING = "% no rows\n"

MINUS = re.compile(r"(?<![^\s\[(])-(?=[\d.])")
"""Before a number, at the start of a word or an interval."""

SPECIAL = {
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "\N{EN DASH}": r"\textendash{}",
}


def latex_tables(evaluation: Evaluation, *, note: str) -> Mapping[str, str]:
    """The text of each file by the name of its table; a table without rows is a comment.

    Args:
        evaluation: what came out.
        note: see `page.write_evaluation_page`; stands below each table.
    """
    return {name: _table2(evaluation, note) if name == "table2" else _others(evaluation, name, note) for name in TABLES}


def escaped(words: str) -> str:
    """Words as LaTeX prints them."""
    return "".join(SPECIAL.get(letter, letter) for letter in words)


def _others(evaluation: Evaluation, name: str, note: str) -> str:
    tables = ["\n".join(_long_table(part, sheet, note)) for part, sheet in filled(evaluation, [name])]
    return "\n".join([*tables, ""]) if tables else NOTHING


def _long_table(part: Part, sheet: Sheet, note: str) -> Iterator[str]:
    columns = "".join("r" if place in sheet.numeric else "l" for place in range(len(sheet.header)))
    yield rf"\begin{{longtable}}{{{columns}}}"
    yield rf"\caption{{{escaped(' '.join(filter(None, (part.caption, note))))}}}\\"
    for end in (r"\endfirsthead", r"\endhead"):
        yield from (r"\toprule", _row(sheet.header), r"\midrule", end)
    yield from map(_row, sheet.rows)
    yield r"\bottomrule"
    yield r"\end{longtable}"


def _table2(evaluation: Evaluation, note: str) -> str:
    return "\n".join([*_table2_lines(evaluation, note), ""])


def _table2_lines(evaluation: Evaluation, note: str) -> Iterator[str]:
    tasks, width = layouts.table2_tasks(), len(layouts.KINDS)
    yield r"\begin{table*}"
    yield rf"\caption{{{TABLE_2_CAPTION}}}"
    yield rf"\begin{{tabular}}{{l{'l' * width * len(tasks)}}}"
    yield r"\toprule"
    yield " & ".join(["", *(rf"\multicolumn{{{width}}}{{l}}{{{escaped(task)}}}" for task in tasks)]) + r" \\"
    yield _row(("Classification", *layouts.KINDS * len(tasks)))
    for block in layouts.table2(evaluation):
        yield r"\midrule"
        yield _row((block.case_set.printed, *[""] * width * len(tasks)))
        yield from map(_row, block.rows)
    yield r"\bottomrule"
    yield r"\end{tabular}"
    yield rf"\par\footnotesize {escaped(' '.join(filter(None, (layouts.TABLE_2_NOTE, note))))}"
    yield r"\end{table*}"


def _row(cells: Sequence[str]) -> str:
    return " & ".join(MINUS.sub("$-$", escaped(cell)) for cell in cells) + r" \\"
