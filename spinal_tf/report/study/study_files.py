"""Files of an evaluation besides its numbers: page, checklists, LaTeX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from spinal_tf.evaluation.evaluation import Evaluation
from spinal_tf.evaluation.evaluation_files import Writer
from spinal_tf.report.study.checklist import CHECKLISTS, checklist_rows, fill_in
from spinal_tf.report.study.figure_file import FigureFile
from spinal_tf.report.study.latex import latex_tables
from spinal_tf.report.study.study_page import evaluation_page
from spinal_tf.tables.csv_file import write_csv

PAGE = "report.html"


def study_files(evaluation: Evaluation, figures: Sequence[FigureFile], *, note: str) -> Mapping[str, Writer]:
    """Return a writer for each file by its name, for `evaluation_files.write_evaluation`.

    Args:
        evaluation: results of the evaluation.
        figures: figures of the evaluation, for the page.
        note: see `study_page.evaluation_page`.
    """
    pages = {PAGE: evaluation_page(evaluation, figures, note=note)}
    pages |= {f"{name}.tex": latex for name, latex in latex_tables(evaluation, note=note).items()}
    writers: dict[str, Writer] = {name: partial(_write_text, text) for name, text in pages.items()}
    for checklist in CHECKLISTS:
        rows = checklist_rows(fill_in(checklist, evaluation), note=note)
        writers[f"{checklist.name}.csv"] = partial(write_csv, rows=rows)
    return writers


def _write_text(text: str, path: Path) -> None:
    path.write_text(text, encoding="utf-8")
