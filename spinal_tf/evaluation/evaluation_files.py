"""Files of an evaluation: ``metrics.json``, a CSV file for each table, and further files. All or none are written."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import spinal_tf
from spinal_tf.evaluation.evaluation import Evaluation
from spinal_tf.evaluation.evaluation_rows import PlainRow, plain_tables
from spinal_tf.evaluation.statistics.intervals import LEVEL
from spinal_tf.file_names import legible
from spinal_tf.files import make_folder, output_files
from spinal_tf.tables.csv_file import write_csv

METRICS = "metrics.json"

Writer = Callable[[Path], object]
"""Function that writes a file to a temporary path."""

RECORD_VERSION = 1
"""Version of the record; increased when a field is renamed, removed or changes its meaning."""

NOTICE = (
    "Research use only. Not a medical device. These numbers describe these predictions of these cases, and say nothing "
    "of other patients."
)


def write_evaluation(
    evaluation: Evaluation,
    folder: Path,
    *,
    note: str = "",
    others: Mapping[str, Writer] | None = None,
    overwrite: bool = False,
) -> tuple[Path, ...]:
    """Write all files into a folder, which is created if it is missing.

    Tables without rows are written as empty files, so that no table of an earlier evaluation remains.

    Args:
        evaluation: results to write.
        folder: folder for the files.
        note: remark on the cases, for example that they are simulated.
        others: writers of further files, by file name.
        overwrite: whether existing files are replaced.

    Returns:
        Paths of the files.

    Raises:
        OutputError: the folder cannot be made or written to, or a file exists and ``overwrite`` is not set.
    """
    make_folder(folder)
    tables = plain_tables(evaluation)
    record = metrics_json(evaluation, tables, note=note)
    text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    writers: dict[str, Writer] = {METRICS: lambda path: path.write_text(text, encoding="utf-8")}
    writers |= {f"{name}.csv": partial(write_csv, rows=rows) for name, rows in tables.items()}
    writers |= others or {}
    targets = tuple(folder / name for name in writers)
    with output_files(*targets, overwrite=overwrite) as paths:
        for write, path in zip(writers.values(), paths, strict=True):
            write(path)
    return targets


def metrics_json(evaluation: Evaluation, tables: dict[str, list[PlainRow]], *, note: str = "") -> dict[str, Any]:
    """Return the record that docs/schema/metrics.schema.json describes: unrounded, without NaN or folder names.

    Args:
        evaluation: results.
        tables: rows of the evaluation by name of the table, see `evaluation_rows.plain_tables`.
        note: see `write_evaluation`.
    """
    options = evaluation.options
    named = {"predictions": evaluation.predictions, "against": evaluation.against, "lesions": evaluation.lesions}
    sources: dict[str, str | None] = {}
    for name, table in named.items():
        sources |= {
            name: legible(table.source.name) if table else None,
            f"{name}_sha256": table.sha256 if table else None,
        }
    return {
        "record_version": RECORD_VERSION,
        "notice": NOTICE,
        "note": note,
        **sources,
        "software": software_versions(),
        "options": {
            "chosen_on": options.chosen_on.value,
            "subgroups": list(options.subgroups),
            **asdict(options.resampling),
            "confidence_level": LEVEL,
            "poor_dice": options.poor_dice,
        },
        "warnings": list(evaluation.warnings),
        "difficult_cases": asdict(evaluation.difficult),
        **tables,
    }


def software_versions() -> dict[str, str]:
    """Return the versions of the software that computes an evaluation."""
    libraries = {name: version(name) for name in ("numpy", "scipy")}
    return {"spinal-tf": spinal_tf.__version__, "python": platform.python_version(), **libraries}
