"""Tables of a predicted cohort: the cohort's own columns and the predictions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from spinal_tf.cohort.case import Case
from spinal_tf.cohort.cells import FILE_COLUMNS
from spinal_tf.cohort.read_cohort import parse_table, require_no_faults
from spinal_tf.errors import CohortError
from spinal_tf.evaluation.lesion_place import PLACE_COLUMNS
from spinal_tf.evaluation.lesion_table import COLUMNS as LESION_COLUMNS
from spinal_tf.evaluation.lesion_table import lesion_rows
from spinal_tf.evaluation.lesionwise import LesionwiseScore
from spinal_tf.evaluation.prediction_table import JUDGED
from spinal_tf.evaluation.predictions import probability_column
from spinal_tf.file_names import legible
from spinal_tf.files import output_files
from spinal_tf.prediction.folder import RECORD_VERSION
from spinal_tf.prediction.predict_case import CasePrediction, predicted_columns, without_prediction
from spinal_tf.prediction_options import PredictionOptions
from spinal_tf.report.notice import notice
from spinal_tf.report.record import model_entry, software_versions
from spinal_tf.results import ModelRecord
from spinal_tf.tables.csv_file import write_csv
from spinal_tf.taxonomy import tree

TABLES = PREDICTIONS, LESIONS, RECORD = "predictions.csv", "lesions.csv", "predictions.json"

PROBLEM = "problem"
"""Column that states why a case could not be predicted."""

Cells = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class JudgedCases:
    """The validation and test cases of a cohort, in the order of its table.

    Attributes:
        source: table of the cohort.
        cases: validation and test cases.
        facts: cells of the table by name of the case, without image columns.
    """

    source: Path
    cases: tuple[Case, ...]
    facts: Mapping[str, Cells]

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the facts."""
        return tuple(next(iter(self.facts.values())))


def read_judged(path: Path) -> JudgedCases:
    """Read a cohort's table for prediction without opening images.

    Raises:
        CohortError: the table cannot be read or has a fault, contains a column that the evaluation writes, or has no
            validation or test case.
    """
    parsed = parse_table(path)
    require_no_faults(path, parsed.faults)
    taken = [column for column in parsed.table.columns if column in (*predicted_columns(), PROBLEM)]
    if taken:
        raise CohortError(f"{path.name}: the column {taken[0]} is one that the evaluation writes; rename it")
    cases = tuple(case for case in parsed.cases if case.split in JUDGED)
    if not cases:
        raise CohortError(f"{path.name}: has no case of validation or test, so there is nothing to evaluate; add some")
    columns = [column for column in parsed.table.columns if column not in FILE_COLUMNS]
    cells = {row.cells["case"]: row.cells for row in parsed.table.rows}
    facts = {case.name: {column: cells[case.name][column] for column in columns} for case in cases}
    return JudgedCases(source=path, cases=cases, facts=facts)


def provisional(judged: JudgedCases) -> dict[str, CasePrediction]:
    """Return placeholder predictions of every case, to find faults of the table in advance."""
    half = dict.fromkeys((probability_column(task) for task in tree().tasks), "0.5")
    made_up = CasePrediction(
        cells={**dict.fromkeys(predicted_columns(), ""), **half}, lesions=LesionwiseScore(reference=(), predicted=())
    )
    return {case.name: made_up for case in judged.cases}


def write_tables(
    folder: Path,
    judged: JudgedCases,
    predicted: Mapping[str, CasePrediction],
    failed: Mapping[str, str],
    record: Mapping[str, Any],
    *,
    overwrite: bool,
) -> tuple[Path, Path]:
    """Write all of ``predictions.csv``, ``lesions.csv`` and their record, or none.

    Args:
        folder: existing folder for the tables.
        judged: judged cases.
        predicted: predictions by name of the case; a case that is neither here nor in ``failed`` is left out.
        failed: error message by name of the case.
        record: see `run_record`.
        overwrite: replace earlier tables.

    Returns:
        Paths of the tables.

    Raises:
        OutputError: the folder cannot be written to, or a file exists and ``overwrite`` is not set.
    """
    targets = folder / PREDICTIONS, folder / LESIONS
    with output_files(*targets, folder / RECORD, overwrite=overwrite) as (predictions, lesions, about):
        about.write_text(json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
        added = [column for column in PLACE_COLUMNS if column not in judged.columns]
        columns = [*judged.columns, *added, *predicted_columns(), PROBLEM]
        write_csv(predictions, _rows(judged, predicted, failed), columns)
        marked = [(case.name, predicted[case.name].lesions) for case in judged.cases if case.name in predicted]
        write_csv(lesions, (row for case, found in marked for row in lesion_rows(case, found)), LESION_COLUMNS)
    return targets


def run_record(
    judged: JudgedCases,
    models: Sequence[ModelRecord],
    options: PredictionOptions,
    predicted: Mapping[str, CasePrediction],
    failed: Mapping[str, str],
) -> dict[str, Any]:
    """Return a JSON-serializable record of the cohort's table, weights, options and versions behind the tables."""
    return {
        "record_version": RECORD_VERSION,
        "notice": notice(models),
        "cohort": {"file": legible(judged.source.name), "sha256": sha256(judged.source.read_bytes()).hexdigest()},
        "cases": len(judged.cases),
        "predicted": len(predicted),
        "failed": dict(failed),
        "from_images": {
            column: sum(column in _filled(judged.facts[name], one) for name, one in predicted.items())
            for column in PLACE_COLUMNS
        },
        "models": [model_entry(one) for one in models],
        "options": asdict(options),
        "software": software_versions(),
    }


def _rows(
    judged: JudgedCases, predicted: Mapping[str, CasePrediction], failed: Mapping[str, str]
) -> Iterator[dict[str, str]]:
    for case in judged.cases:
        facts = {**dict.fromkeys(PLACE_COLUMNS, ""), **judged.facts[case.name]}
        if case.name in predicted:
            one = predicted[case.name]
            yield {**facts, **_filled(facts, one), **one.cells, PROBLEM: ""}
        elif case.name in failed:
            yield {**facts, **without_prediction(), PROBLEM: failed[case.name]}


def _filled(facts: Cells, prediction: CasePrediction) -> dict[str, str]:
    """Return level and extent from the image where the cohort's table does not have them."""
    return {column: text for column, text in prediction.place.items() if not facts.get(column)}
