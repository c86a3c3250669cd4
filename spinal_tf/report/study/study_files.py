"""Files of an evaluation besides its numbers: page, checklists, LaTeX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from spinal_tf.evaluation.evaluation import Evaluation
from spinal_tf.evaluation.evaluation_files import Writer
from spinal_tf.evaluation.evaluation_rows import TABLES
from spinal_tf.report.study.checklist import CHECKLISTS, checklist_rows, fill_in
from spinal_tf.report.study.figure_file import FigureFile
from spinal_tf.report.study.layouts import table2
from spinal_tf.report.study.study_page import evaluation_page
from spinal_tf.report.study.table_parts import filled
from spinal_tf.tables.csv_file import write_csv
from spinal_tf.tables.latex_table import latex

PAGE = "report.html"

TABLE_2_CAPTION = "Differentiation of spinal cord lesions by deep learning models"

NOTHING = "% no rows\n"


def study_files(evaluation: Evaluation, figures: Sequence[FigureFile], *, note: str) -> Mapping[str, Writer]:
    """Return a writer for each file by its name, for `evaluation_files.write_evaluation`.

    Args:
        evaluation: results of the evaluation.
        figures: figures of the evaluation, for the page.
        note: see `study_page.evaluation_page`.
    """
    writers: dict[str, Writer] = {PAGE: partial(_write_text, evaluation_page(evaluation, figures, note=note))}
    for checklist in CHECKLISTS:
        rows = checklist_rows(fill_in(checklist, evaluation), note=note)
        writers[f"{checklist.name}.csv"] = partial(write_csv, rows=rows)
    for name, text in latex_tables(evaluation, note=note).items():
        writers[f"{name}.tex"] = partial(_write_text, text)
    return writers


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


def _write_text(text: str, path: Path) -> None:
    path.write_text(text, encoding="utf-8")
