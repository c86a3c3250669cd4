"""Tables as LaTeX, for documents that load `PACKAGES`."""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from spinal_tf.tables.table_model import Table

PACKAGES = ("array", "booktabs", "longtable", "pdflscape")
"""LaTeX packages that the document must load."""

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


def latex(table: Table, *, note: str = "") -> str:
    """Return a table with small letters, on a landscape page if it is wide.

    A table with headings that span columns is a float with the note below it; others may run over several pages, with
    the note in the caption.
    """
    rows = [row for row in table.rows if len(row) == len(table.header)]
    letters = _letters(table.header, rows)
    columns = _columns(letters, table.numeric)
    wide = sum(letters) > PORTRAIT
    template = _environment().get_template("table.tex")
    return template.render(table=table, columns=Markup(columns), small=Markup(SMALL), landscape=wide, note=note)


def escaped(words: str) -> str:
    """Escape LaTeX's special characters."""
    return "".join(SPECIAL.get(letter, letter) for letter in words)


@cache
def _environment() -> Environment:
    """Return an environment that escapes all words for LaTeX unless they are marked as safe."""
    return Environment(
        loader=PackageLoader("spinal_tf.tables"),
        autoescape=True,
        finalize=lambda words: words if isinstance(words, Markup) else Markup(MINUS.sub("$-$", escaped(str(words)))),
        undefined=StrictUndefined,
        trim_blocks=True,
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<<",
        variable_end_string=">>",
        comment_start_string="<#",
        comment_end_string="#>",
    )


def _letters(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    """Count the letters that each column needs: its longest cell or the longest word of its heading, and some space."""
    columns = zip(header, *rows, strict=True)
    return [max(*map(len, column[1:]), *map(len, column[0].split()), 1) + SPACE for column in columns]


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
