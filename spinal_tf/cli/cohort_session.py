"""One run of ``evaluate --cohort``: what is not predicted yet is, one failure stopping nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click
import numpy as np

from spinal_tf.checkpoints.manifest import Checkpoint, find_weights, read_manifest
from spinal_tf.cli.batch import run_several
from spinal_tf.cli.options import PredictionChoices
from spinal_tf.cli.quiet import quiet_stderr
from spinal_tf.cohort.case import Case
from spinal_tf.errors import OutputError
from spinal_tf.evaluation.map_check import MapCheck, MapComparison
from spinal_tf.files import make_folder
from spinal_tf.images.volume import Volume, read_mask
from spinal_tf.models import (
    SEGMENTER,
    Classifier,
    Segmenter,
    Served,
    classifier_checkpoints,
    load_classifiers,
    load_segmenter,
    model_record,
    named_checkpoint,
)
from spinal_tf.prediction.compare_maps import cases_to_check, compare_maps
from spinal_tf.prediction.folder import PredictionFolder
from spinal_tf.prediction.key import prediction_key
from spinal_tf.prediction.predict_case import (
    CasePrediction,
    Models,
    PredictionOptions,
    disease_heatmap,
    predict_case,
    read_images,
    uses_t1c,
)
from spinal_tf.prediction.prediction_files import PREDICTIONS, provisional, read_judged, run_record, write_tables
from spinal_tf.remote.connection import Connection
from spinal_tf.remote.networks import remote_classifiers, remote_segmenter
from spinal_tf.remote.server import Server
from spinal_tf.report.words import found

if TYPE_CHECKING:
    from spinal_tf.evaluation.evaluation import Evaluation
    from spinal_tf.report.study.pictures import CasePicture

MASKS = "masks"


@dataclass(frozen=True, kw_only=True)
class CohortChoices(PredictionChoices):
    """What was chosen with the options; see their help."""

    cohort: Path
    out: Path
    with_mask: bool

    @property
    def options(self) -> PredictionOptions:
        """Those that predictions depend on."""
        return PredictionOptions(
            segmentation=self.segmentation,
            with_mask=self.with_mask,
            assume_orientation=self.assume_orientation,
            allow_plane=self.allow_plane,
        )


@dataclass(frozen=True, kw_only=True)
class Predicted:
    """What a run left.

    Attributes:
        predictions: table of the cases.
        lesions: table of the lesions of their masks; None where there is none in any.
        failed: what was wrong with the cases that could not be predicted, by name.
        total: number of cases.
    """

    predictions: Path
    lesions: Path | None
    failed: dict[str, str]
    total: int


class CohortSession:
    """Predicts the cases of validation and test."""

    def __init__(self, choices: CohortChoices) -> None:
        """Read the cohort's table and the records of the weights, here or of the server; no image is read yet.

        Raises:
            CohortError: the table has a fault.
            WeightsError: there are no weights.
            RequirementError: a server is to be asked over gRPC, which is not installed.
            ServerError: the server cannot be asked, or has other networks than it should.
            OutputError: the folder has a table of predictions that no such run wrote.
        """
        self._choices = choices
        self._judged = read_judged(choices.cohort)
        self._served: dict[str, Served] = {}
        self._checkpoints: list[Checkpoint]
        if choices.server is None:
            self._weights = choices.weights_folder or find_weights()
            self._checkpoints = [named_checkpoint(self._weights, SEGMENTER), *classifier_checkpoints(self._weights)]
        else:
            # Asked before any case: predictions are kept by what the server says of its models.
            self._models = _served_models(choices.server, choices.weights_folder)
            networks: list[Segmenter | Classifier] = [self._models.segmenter, *self._models.classifiers]
            self._checkpoints = [one.checkpoint for one in networks]
            self._served = {one.checkpoint.name: one.served for one in networks if one.served}
        self._folder = PredictionFolder(path=choices.out / MASKS)
        self._predicted: dict[str, CasePrediction] = {}
        table = choices.out / PREDICTIONS
        if table.exists() and not self._folder.path.is_dir() and not choices.overwrite:
            raise OutputError(f"{table}: was not written by evaluate --cohort and was kept; choose another folder")

    @contextmanager
    def provisional_table(self) -> Iterator[Path]:
        """A table as it will be, with made-up probabilities: what is wrong with it can be told before the long work."""
        with TemporaryDirectory() as folder:
            table, _ = write_tables(Path(folder), self._judged, provisional(self._judged), {}, {})
            yield table

    def predict(self) -> Predicted:
        """Predict what is not predicted yet, and write the tables; an interrupt leaves the cases that are done."""
        make_folder(self._folder.path)
        todo = dict(self._todo())
        total = len(self._judged.cases)
        if len(todo) < total:
            click.echo(f"{total - len(todo)} of {total} cases are predicted already", err=True)
        self._tell_of_t1c()
        try:
            failed = run_several(todo)
        except BaseException:  # whoever stops the work keeps what is done
            if self._predicted:
                self._write_tables({})
            raise
        predictions, lesions = self._write_tables(failed)
        known = any(one.lesions.reference or one.lesions.predicted for one in self._predicted.values())
        return Predicted(predictions=predictions, lesions=lesions if known else None, failed=failed, total=total)

    def check_maps(self, count: int) -> tuple[MapCheck, ...]:
        """Compare Grad-CAM maps with those of random weights, of this many cases of each task; none for 0.

        Raises:
            VolumeError: an image cannot be used any more.
        """
        checks = []
        for classifier in self._models.classifiers if count else ():
            case_set, cases = cases_to_check(self._judged.cases, self._predicted, classifier.task, count)
            if cases:
                click.echo(f"comparing Grad-CAM maps with random weights: {classifier.task.name}", err=True)
                compared = [self._compare_maps(case, classifier) for case in cases]
                checks.append(MapCheck(task=classifier.task, case_set=case_set, cases=compared))
        return tuple(checks)

    def _compare_maps(self, case: Case, classifier: Classifier) -> tuple[MapComparison, ...]:
        images = read_images(case, self._choices.options, with_t1c=False)
        mask = images.mask if self._choices.with_mask else self._automatic_mask(case, images.t2)
        return compare_maps(images.t2, mask, classifier)

    def pictures(self, evaluation: Evaluation) -> dict[str, CasePicture]:
        """A slice of each representative case, with the segmenter's mask and the cohort's.

        The first one, which also shows the steps of the pipeline, has its heat map.

        Raises:
            VolumeError: an image cannot be used any more.
        """
        from spinal_tf.report.study.representative import representative_cases

        cases = {case.name: case for case in self._judged.cases}
        names = [case.name for case in representative_cases(evaluation).values()]
        return {name: self._picture(cases[name], with_heat=name == names[0]) for name in names}

    def _picture(self, case: Case, *, with_heat: bool) -> CasePicture:
        from spinal_tf.report.study.pictures import widest_slice

        images = read_images(case, self._choices.options, with_t1c=False)
        predicted = self._automatic_mask(case, images.t2)
        classified = images.mask if self._choices.with_mask else predicted
        heat = disease_heatmap(images, self._models, classified) if with_heat else None
        return widest_slice(images.t2.data, predicted, images.mask, images.t2.spacing_mm, heat)

    def _automatic_mask(self, case: Case, t2: Volume) -> np.ndarray:
        return read_mask(self._folder.mask(case.name), like=t2)

    def _todo(self) -> Iterator[tuple[str, Callable[[], str]]]:
        """The work on each case that has no prediction of these images, weights and options."""
        for case in self._judged.cases:
            try:
                key = prediction_key(case, self._checkpoints, self._choices.options, served=self._served)
            except OSError:
                key = ""  # reading the images will tell
            done = self._folder.read(case.name, key) if key else None
            if done is None:
                yield case.name, partial(self._predict_case, case, key)
            else:
                self._predicted[case.name] = done

    def _predict_case(self, case: Case, key: str) -> str:
        images = read_images(case, self._choices.options, with_t1c=self._with_t1c)
        prediction, result = predict_case(images, self._models, self._choices.options)
        self._folder.write(case.name, key, prediction, result)
        self._predicted[case.name] = prediction
        dice = prediction.cells["dice"]
        flagged = bool(result.segmentation and result.segmentation.review.needed)
        facts = [found(result), *([f"Dice {float(dice):.2f}"] if dice else []), *(["please review"] if flagged else [])]
        return "\n".join([f"{case.name}: {'; '.join(facts)}", *(f"  warning: {one}" for one in result.warnings)])

    def _write_tables(self, failed: Mapping[str, str]) -> tuple[Path, Path]:
        models = [model_record(one, served=self._served.get(one.name)) for one in self._checkpoints]
        record = run_record(self._judged, models, self._choices.options, self._predicted, failed)
        return write_tables(self._choices.out, self._judged, self._predicted, failed, record)

    @cached_property
    def _models(self) -> Models:
        with quiet_stderr():
            return Models(
                segmenter=load_segmenter(self._weights, device=self._choices.device),
                classifiers=load_classifiers(self._weights, device=self._choices.device),
            )

    @property
    def _with_t1c(self) -> bool:
        return any(map(uses_t1c, self._checkpoints))

    def _tell_of_t1c(self) -> None:
        if not self._with_t1c and any(case.t1c for case in self._judged.cases):
            click.echo("contrast-enhanced scans are not used: the weights were trained without any", err=True)


def _served_models(server: Server, weights_folder: Path | None) -> Models:
    connection, expected = Connection(server), None if weights_folder is None else read_manifest(weights_folder)
    return Models(
        segmenter=remote_segmenter(connection, expected), classifiers=remote_classifiers(connection, expected)
    )
