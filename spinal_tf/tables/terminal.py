"""Tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tabulate import tabulate

from spinal_tf.tables.table_model import Table


def terminal(table: Table) -> str:
    """Return the lines of a table, its header first."""
    return aligned([table.header, *table.rows], numeric=table.numeric)


def aligned(rows: Iterable[Sequence[object]], *, numeric: Iterable[int] = ()) -> str:
    """Return rows as lines with aligned columns; a row may have fewer cells than others.

    Args:
        rows: cells of each row.
        numeric: indices of columns to align on the right.
    """
    rows = list(rows)
    right = frozenset(numeric)
    sides = ["right" if place in right else "left" for place in range(max(map(len, rows), default=0))]
    shown = tabulate(rows, tablefmt="plain", colalign=sides, disable_numparse=True, preserve_whitespace=True)
    return "\n".join(line.rstrip() for line in shown.splitlines())
