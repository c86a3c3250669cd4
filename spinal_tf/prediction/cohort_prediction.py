"""Prediction of the cases of a cohort that have no prediction yet; a failed case does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from spinal_tf.cohort.case import Case
from spinal_tf.errors import OutputError, in_one_line
from spinal_tf.evaluation.map_check import MapCheck, MapComparison
from spinal_tf.file_names import legible
from spinal_tf.files import make_folder, temporary_folder
from spinal_tf.images.volume import Volume, read_mask
from spinal_tf.loaded_weights import LoadedWeights
from spinal_tf.locks import locked
from spinal_tf.models import Classifier, Networks, model_record
from spinal_tf.one_by_one import Tell, run_one_by_one, tell_nobody
from spinal_tf.prediction.compare_maps import cases_to_check, compare_maps
from spinal_tf.prediction.folder import PredictionFolder
from spinal_tf.prediction.key import prediction_key
from spinal_tf.prediction.predict_case import (
    CasePrediction,
    disease_heatmap,
    predict_case,
    read_images,
    uses_t1c,
)
from spinal_tf.prediction.prediction_files import (
    PREDICTIONS,
    TABLES,
    provisional,
    read_judged,
    run_record,
    write_tables,
)
from spinal_tf.prediction_options import PredictionOptions
from spinal_tf.report.words import found
from spinal_tf.results import ModelRecord

if TYPE_CHECKING:
    from spinal_tf.evaluation.evaluation import Evaluation
    from spinal_tf.report.study.pictures import CasePicture

MASKS = "masks"

Say = Callable[[str], None]
"""Function that is called with a sentence."""


@dataclass(frozen=True, kw_only=True)
class Predicted:
    """Results of a run.

    Attributes:
        predictions: table of the cases.
        lesions: table of the lesions in their masks; None if no mask has a lesion.
        failed: error message by name of each case that could not be predicted.
        total: number of cases.
    """

    predictions: Path
    lesions: Path | None
    failed: dict[str, str]
    total: int


class CohortPrediction:
    """Predicts the validation and test cases, and keeps masks and predictions in a folder."""

    def __init__(
        self,
        cohort: Path,
        folder: Path,
        weights: LoadedWeights,
        options: PredictionOptions,
        *,
        overwrite: bool = False,
    ) -> None:
        """Read the cohort's table and the records of the local or served weights, but no images.

        Args:
            cohort: table of the cohort.
            folder: folder for masks and tables, created when prediction starts; existing predictions are reused.
            weights: the networks.
            options: options of the prediction.
            overwrite: replace tables that an earlier prediction of this kind did not write.

        Raises:
            CohortError: the table has a fault.
            WeightsError: weights are missing.
            ServerError: a request to the server fails, or it has other networks than expected.
            OutputError: the folder has tables that an earlier prediction of this kind did not write.
        """
        self._out, self._options, self._weights = folder, options, weights
        self._judged = read_judged(cohort)
        # Ask the server first: the keys of stored predictions include the description of its models.
        self._checkpoints = weights.checkpoints()
        self._served = weights.served()
        self._folder = PredictionFolder(path=folder / MASKS)
        self._predicted: dict[str, CasePrediction] = {}
        self._may_replace = overwrite or self._folder.path.is_dir()
        if not self._may_replace:
            _refuse_existing_tables(folder)

    @contextmanager
    def provisional_table(self) -> Iterator[Path]:
        """Yield a table with placeholder probabilities, to find faults before the long work starts.

        It has the name of the cohort's table, which is what a reader can correct.
        """
        with temporary_folder() as folder:
            table, _ = write_tables(folder, self._judged, provisional(self._judged), {}, {}, overwrite=False)
            yield table.rename(table.with_name(self._judged.source.name))

    def predict(self, *, tell: Tell = tell_nobody, say: Say = tell_nobody, warn: Say = tell_nobody) -> Predicted:
        """Predict the missing cases and write the tables; after an interrupt, finished cases are kept.

        Args:
            tell: function called after each newly predicted case.
            say: function called with the number of existing predictions, in a sentence.
            warn: function called with a warning.

        Raises:
            OutputError: the folder cannot be written to, or another process predicts into it.
            WeightsError: weights are missing or damaged; also DeviceError.
        """
        make_folder(self._folder.path)
        with locked(self._out / PREDICTIONS, wait=False):
            return self._predict(tell, say, warn)

    def _predict(self, tell: Tell, say: Say, warn: Say) -> Predicted:
        todo = dict(self._todo())
        total = len(self._judged.cases)
        if len(todo) < total:
            say(f"{total - len(todo)} of {total} cases are predicted already")
        if not self._with_t1c and any(case.t1c for case in self._judged.cases):
            warn("contrast-enhanced scans are not used: the weights were trained without any")
        try:
            errors = run_one_by_one(todo, tell)
        except BaseException:  # keep finished cases after any interrupt
            if self._predicted:
                self._write_tables({})
            raise
        failed = {name: legible(in_one_line(error)).removeprefix(f"{name}: ") for name, error in errors.items()}
        predictions, lesions = self._write_tables(failed)
        known = any(one.lesions.reference or one.lesions.predicted for one in self._predicted.values())
        return Predicted(predictions=predictions, lesions=lesions if known else None, failed=failed, total=total)

    def check_maps(self, count: int, *, say: Say = tell_nobody) -> tuple[MapCheck, ...]:
        """Compare Grad-CAM maps with those of random weights.

        Args:
            count: number of cases of each task; 0 for no comparison.
            say: function called with a sentence for each compared classifier.

        Raises:
            VolumeError: an image has become unusable.
        """
        checks = []
        for classifier in self._weights.classifiers() if count else ():
            case_set, cases = cases_to_check(self._judged.cases, self._predicted, classifier.task, count)
            if cases:
                say(f"comparing Grad-CAM maps with random weights: {classifier.task.name}")
                compared = [self._compare_maps(case, classifier) for case in cases]
                checks.append(MapCheck(task=classifier.task, case_set=case_set, cases=compared))
        return tuple(checks)

    def _compare_maps(self, case: Case, classifier: Classifier) -> tuple[MapComparison, ...]:
        images = read_images(case, self._options, with_t1c=False)
        mask = images.mask if self._options.with_mask else self._automatic_mask(case, images.t2)
        return compare_maps(images.t2, mask, classifier)

    def pictures(self, evaluation: Evaluation) -> dict[str, CasePicture]:
        """Return a slice of each representative case, with the segmenter's mask and the cohort's.

        The first case also shows the steps of the pipeline, so it has a heat map.

        Raises:
            VolumeError: an image has become unusable.
        """
        from spinal_tf.report.study.representative import representative_cases

        cases = {case.name: case for case in self._judged.cases}
        names = [case.name for case in representative_cases(evaluation).values()]
        return {name: self._picture(cases[name], with_heat=name == names[0]) for name in names}

    def _picture(self, case: Case, *, with_heat: bool) -> CasePicture:
        from spinal_tf.report.study.pictures import widest_slice

        images = read_images(case, self._options, with_t1c=False)
        predicted = self._automatic_mask(case, images.t2)
        classified = images.mask if self._options.with_mask else predicted
        heat = disease_heatmap(images, self._networks, classified) if with_heat else None
        return widest_slice(images.t2.data, predicted, images.mask, images.t2.spacing_mm, heat)

    def _automatic_mask(self, case: Case, t2: Volume) -> np.ndarray:
        return read_mask(self._folder.mask(case.name), like=t2)

    def _todo(self) -> Iterator[tuple[str, Callable[[], str]]]:
        """Yield the work on each case that has no prediction with these images, weights and options."""
        for case in self._judged.cases:
            try:
                key = prediction_key(case, self._checkpoints, self._options, served=self._served)
            except OSError:
                key = ""  # reading the images raises the error
            done = self._folder.read(case.name, key) if key else None
            if done is None:
                yield case.name, partial(self._predict_case, case, key)
            else:
                self._predicted[case.name] = done

    def _predict_case(self, case: Case, key: str) -> str:
        images = read_images(case, self._options, with_t1c=self._with_t1c)
        prediction, result = predict_case(images, self._networks, self._options)
        self._folder.write(case.name, key, prediction, result)
        self._predicted[case.name] = prediction
        t1c_warnings = images.t1c.warnings if images.t1c else ()
        dice, warnings = prediction.cells["dice"], (*result.warnings, *t1c_warnings, *images.mask_warnings)
        flagged = bool(result.segmentation and result.segmentation.review.needed)
        facts = [found(result), *([f"Dice {float(dice):.2f}"] if dice else []), *(["please review"] if flagged else [])]
        return "\n".join([f"{case.name}: {'; '.join(facts)}", *(f"  warning: {one}" for one in warnings)])

    def _write_tables(self, failed: Mapping[str, str]) -> tuple[Path, Path]:
        record = run_record(self._judged, self.models, self._options, self._predicted, failed)
        return write_tables(self._out, self._judged, self._predicted, failed, record, overwrite=self._may_replace)

    @property
    def models(self) -> list[ModelRecord]:
        """Records of the weights used for prediction."""
        return [model_record(one, served=self._served.get(one.name)) for one in self._checkpoints]

    @property
    def _networks(self) -> Networks:
        return self._weights.networks()

    @property
    def _with_t1c(self) -> bool:
        return any(map(uses_t1c, self._checkpoints))


def _refuse_existing_tables(folder: Path) -> None:
    for table in (folder / name for name in TABLES):
        if table.exists():
            raise OutputError(f"{table}: was not written by evaluate --cohort and was kept; choose another folder")
