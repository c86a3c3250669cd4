"""LaTeX tables of an evaluation for a manuscript; include each file where `latex_table.PACKAGES` are loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from spinal_tf.evaluation.evaluation import Evaluation
from spinal_tf.evaluation.evaluation_rows import TABLES
from spinal_tf.report.study.layouts import table2
from spinal_tf.report.study.table_parts import filled
from spinal_tf.tables.latex_table import latex

TABLE_2_CAPTION = "Differentiation of spinal cord lesions by deep learning models"

NOTHING = "% no rows\n"


def latex_tables(evaluation: Evaluation, *, note: str) -> Mapping[str, str]:
    """Return the text of each file by the name of its table; a table without rows becomes a comment.

    Args:
        evaluation: results of the evaluation.
        note: see `study_page.evaluation_page`; printed below each table.
    """
    return {name: _table2(evaluation, note) if name == "table2" else _others(evaluation, name, note) for name in TABLES}


def _others(evaluation: Evaluation, name: str, note: str) -> str:
    return "".join(latex(table, note=note) for _, table in filled(evaluation, [name])) or NOTHING


def _table2(evaluation: Evaluation, note: str) -> str:
    table = table2(evaluation)
    return latex(replace(table, caption=TABLE_2_CAPTION), note=" ".join(filter(None, (table.caption, note))))
