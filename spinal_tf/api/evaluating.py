"""``spinal_tf.predict_cohort`` and ``spinal_tf.evaluate``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spinal_tf.api.case_images import Weights, as_weights
from spinal_tf.evaluation.evaluation import Evaluation
from spinal_tf.evaluation.evaluation import evaluate as judge
from spinal_tf.evaluation.evaluation_files import METRICS, metrics_json, write_evaluation
from spinal_tf.evaluation.evaluation_options import EvaluationOptions
from spinal_tf.evaluation.evaluation_rows import plain_tables
from spinal_tf.evaluation.evaluation_text import as_text
from spinal_tf.evaluation.map_check import MapCheck
from spinal_tf.evaluation.prediction_checks import check_predictions
from spinal_tf.files import refuse_unusable
from spinal_tf.one_by_one import Tell, tell_nobody
from spinal_tf.prediction.cohort_prediction import CohortPrediction, Predicted
from spinal_tf.prediction_options import PredictionOptions
from spinal_tf.report.notice import with_training
from spinal_tf.results import ModelRecord

if TYPE_CHECKING:
    from spinal_tf.report.study.figure_file import FigureFile
    from spinal_tf.report.study.pictures import CasePicture

Pictures = Callable[[Evaluation], "Mapping[str, CasePicture]"]
"""Function that returns slices of the cases shown in a figure, by name of the case."""


def no_pictures(evaluation: Evaluation) -> Mapping[str, CasePicture]:
    """Return no pictures, because a table of predictions has no images."""
    return {}


@dataclass(frozen=True, kw_only=True)
class PredictedCohort(Predicted):
    """Predictions of a cohort's validation and test cases, as files.

    Attributes:
        predictions: table of the cases.
        lesions: table of the lesions in their masks; None if no mask has a lesion.
        failed: error message by name of each case that could not be predicted.
        total: number of cases.
        warnings: one sentence each.
        source: prediction that provides pictures and models to `evaluate`.
    """

    warnings: tuple[str, ...]
    source: CohortPrediction = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class EvaluationResult:
    """Result of an evaluation.

    Attributes:
        evaluation: the whole evaluation.
        note: note about the cases for readers.
        pictures: function that returns slices for the figures.
    """

    evaluation: Evaluation = field(repr=False)
    note: str = ""
    pictures: Pictures = field(default=no_pictures, repr=False)

    @property
    def metrics(self) -> dict[str, Any]:
        """All numbers by table, unrounded: the content of ``metrics.json``."""
        return metrics_json(self.evaluation, plain_tables(self.evaluation), note=self.note)

    @property
    def text(self) -> str:
        """Tables as printed by ``spinal-tf evaluate``."""
        return as_text(self.evaluation)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings, one sentence each."""
        return self.evaluation.warnings

    def save(
        self,
        folder: str | Path,
        *,
        figures: bool = True,
        learning_curves: Sequence[Path] = (),
        overwrite: bool = False,
    ) -> tuple[Path, ...]:
        """Write numbers, tables, page, checklists and figures like ``spinal-tf evaluate``.

        Args:
            folder: folder for the results, created if missing.
            figures: draw figures, which takes most of the time.
            learning_curves: tables of ``train learning-curve`` to draw.
            overwrite: replace existing files.

        Returns:
            Paths of the files; figures come last.

        Raises:
            OutputError: a file exists and ``overwrite`` is not set, or the folder cannot be written to.
            CohortError: a table of a learning curve cannot be read.
        """
        from spinal_tf.report.study.study_files import study_files

        out = Path(folder)
        refuse_saved(out, figures=figures, overwrite=overwrite)  # refuse existing tables before figures are written
        drawn = self._figures(out, figures, learning_curves, overwrite)
        others = study_files(self.evaluation, drawn, note=self.note)
        written = write_evaluation(self.evaluation, out, note=self.note, others=others, overwrite=overwrite)
        return (*written, *(path for figure in drawn for path in (figure.svg, figure.png)))

    def _figures(
        self, out: Path, wanted: bool, learning_curves: Sequence[Path], overwrite: bool
    ) -> tuple[FigureFile, ...]:
        if wanted:
            from spinal_tf.report.study.figures import write_figures

            return write_figures(
                self.evaluation,
                out,
                overwrite=overwrite,
                note=self.note,
                learning_curves=learning_curves,
                pictures=self.pictures(self.evaluation),
            )
        if overwrite:
            from spinal_tf.report.study.figure_file import remove_figures

            remove_figures(out)  # they show other numbers
        return ()


def refuse_saved(folder: Path, *, figures: bool, overwrite: bool) -> None:
    """Refuse a folder that holds results, before the work for new ones starts.

    Raises:
        OutputError: the folder holds results and ``overwrite`` is not set.
    """
    from spinal_tf.report.study.figure_file import existing_figures

    if folder.is_dir():
        refuse_unusable([folder / METRICS, *(existing_figures(folder) if figures else [])], overwrite=overwrite)


def predict_cohort(
    cohort: str | Path,
    folder: str | Path,
    *,
    weights: Weights = None,
    options: PredictionOptions | None = None,
    progress: Tell | None = None,
) -> PredictedCohort:
    """Segment and classify the validation and test cases of a cohort, and judge their masks by the cohort's.

    Args:
        cohort: table of the cohort; see docs/cohort.md.
        folder: folder for masks and tables, created if missing. Existing predictions in it are reused.
        weights: a folder, or the result of `load_weights`; None takes ``$SPINAL_TF_WEIGHTS``, or else the bundled ones.
        options: options of the prediction.
        progress: function called after each newly predicted case.

    Returns:
        The tables, for `evaluate`. A failed case does not stop the others; ``failed`` lists these cases.

    Raises:
        CohortError: the table has a fault.
        OutputError: the folder cannot be written to, or has tables that this function did not write.
        WeightsError: the weights are missing or damaged; also DeviceError and ServerError.
    """
    warnings: list[str] = []
    options = options or PredictionOptions()
    source = CohortPrediction(Path(cohort), Path(folder), as_weights(weights), options)
    predicted = source.predict(tell=progress or tell_nobody, warn=warnings.append)
    return PredictedCohort(**vars(predicted), warnings=tuple(warnings), source=source)


def evaluate(
    predictions: str | Path | PredictedCohort,
    *,
    lesions: str | Path | None = None,
    against: str | Path | None = None,
    options: EvaluationOptions | None = None,
    map_checks: Sequence[MapCheck] = (),
    note: str = "",
) -> EvaluationResult:
    """Evaluate predictions beside the paper's numbers, with intervals, comparisons, subgroups and calibration.

    Args:
        predictions: table of cases with probabilities (docs/evaluation.md), or the result of `predict_cohort`.
        lesions: table of the lesions in the masks; a result of `predict_cohort` has its own.
        against: table of another model's predictions of the same cases.
        options: operating points, subgroups, bootstrap.
        map_checks: comparisons of Grad-CAM maps with those of random weights.
        note: note about the cases for readers, such as that they are simulated.

    Raises:
        CohortError: a table has a fault; the message names the first.
    """
    pictures: Pictures = no_pictures
    models: Sequence[ModelRecord] = ()
    if isinstance(predictions, PredictedCohort):
        lesions, pictures, models = predictions.lesions, predictions.source.pictures, predictions.source.models
        predictions = predictions.predictions
    options = options or EvaluationOptions()
    other, spots = (None if path is None else Path(path) for path in (against, lesions))
    evaluation = judge(check_predictions(Path(predictions), options, other, spots), options, map_checks=map_checks)
    note = with_training(note or evaluation.predictions.note, models)
    return EvaluationResult(evaluation=evaluation, note=note, pictures=pictures)
