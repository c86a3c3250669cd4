"""The files of an evaluation: ``metrics.json``, a CSV file for each table, and Table 2 as LaTeX; all or none."""

from __future__ import annotations

import csv
import json
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import spinal_tf
from spinal_tf.errors import OutputError
from spinal_tf.evaluation.evaluate import Evaluation
from spinal_tf.evaluation.evaluation_rows import TABLES, Row
from spinal_tf.evaluation.statistics.intervals import LEVEL
from spinal_tf.evaluation.table2_latex import as_latex
from spinal_tf.files import output_files

METRICS, LATEX = "metrics.json", "table2.tex"

RECORD_VERSION = 1
"""Raised when a field of the record is renamed, removed or changes its meaning."""

NOTICE = (
    "Research use only. Not a medical device. These numbers describe these predictions of these cases, and say nothing "
    "of other patients."
)


def write_evaluation(evaluation: Evaluation, folder: Path, *, overwrite: bool = False) -> tuple[Path, ...]:
    """Write all files into a folder, which is made where it is missing.

    Tables without a row are written, too, with nothing in them, so that none of an earlier evaluation is left.

    Returns:
        The files.

    Raises:
        OutputError: the folder cannot be made or written to, or a file exists and ``overwrite`` is not set.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made ({error.strerror}); choose another folder") from error
    tables = {name: list(rows(evaluation)) for name, rows in TABLES.items()}
    targets = (folder / METRICS, folder / LATEX, *(folder / f"{name}.csv" for name in tables))
    with output_files(*targets, overwrite=overwrite) as (metrics, latex, *sheets):
        text = json.dumps(metrics_json(evaluation, tables), indent=2, ensure_ascii=False, allow_nan=False)
        metrics.write_text(text + "\n", encoding="utf-8")
        latex.write_text(as_latex(evaluation), encoding="utf-8")
        for sheet, rows in zip(sheets, tables.values(), strict=True):
            _write_csv(sheet, rows)
    return targets


def metrics_json(evaluation: Evaluation, tables: dict[str, list[Row]]) -> dict[str, Any]:
    """The record, which docs/schema/metrics.schema.json describes; unrounded, without NaN, without folder names.

    Args:
        evaluation: what came out.
        tables: its rows by name of the table, see `evaluation_rows.TABLES`.
    """
    options, difficult = evaluation.options, evaluation.difficult
    return {
        "record_version": RECORD_VERSION,
        "notice": NOTICE,
        "predictions": evaluation.predictions.source.name,
        "software": {
            "spinal-tf": spinal_tf.__version__,
            "python": platform.python_version(),
            **{name: version(name) for name in ("numpy", "scipy")},
        },
        "options": {
            "chosen_on": options.chosen_on.value,
            "subgroups": list(options.subgroups),
            "resamples": options.resampling.resamples,
            "seed": options.resampling.seed,
            "confidence_level": LEVEL,
            "poor_dice": options.poor_dice,
        },
        "warnings": list(evaluation.warnings),
        "difficult_cases": {
            "stated": difficult.stated,
            "disagreed": difficult.disagreed,
            "both": difficult.both,
            "derived": difficult.derived,
        },
        **tables,
    }


def _write_csv(path: Path, rows: list[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        if rows:
            table = csv.DictWriter(stream, list(rows[0]))
            table.writeheader()
            table.writerows(rows)
