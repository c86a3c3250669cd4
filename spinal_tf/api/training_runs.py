"""``spinal_tf.train_segmenter``, ``spinal_tf.train_classifier`` and ``spinal_tf.train_anatomy``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from spinal_tf.engine import refuse_missing_gpu
from spinal_tf.keras_start import start_keras
from spinal_tf.taxonomy import tree
from spinal_tf.training.plans import AnatomyPlan, ClassifierPlan, SegmenterPlan
from spinal_tf.training.run_folder import RunFolder
from spinal_tf.training.training_choices import ANATOMY_OPTIONS, SEGMENTER_OPTIONS, TrainingOptions

if TYPE_CHECKING:
    from spinal_tf.checkpoints.data_kind import DataKind
    from spinal_tf.training.data import TrainingCohort
    from spinal_tf.training.setting import Report, Setting

AUTO = "auto"


@dataclass(frozen=True, kw_only=True)
class TrainedNetwork:
    """Result of a training.

    Attributes:
        folder: folder of the run, with its record, log and weights.
        step: step of the best weights.
        operating_point: operating point chosen on the validation cases; for classifiers, with T2w alone.
        operating_point_t1c: the same with T2w and T1c; None without enough such cases.
        measures: measures of the best weights on the validation cases, by name.
    """

    folder: Path
    step: int
    operating_point: float
    operating_point_t1c: float | None = None
    measures: dict[str, float]

    def save(
        self, folder: str | Path, *, data: str, kind: DataKind | None = None, notes: str = "", overwrite: bool = False
    ) -> str:
        """Add the best weights to a weights folder like ``spinal-tf weights release``, all or none.

        Args:
            folder: weights folder, created if missing.
            data: training data, in words that complete "trained on"; every report repeats them.
            kind: kind of these cases; None derives it from the cohort's column ``scanner``.
            notes: further measurements in Markdown, for the model card.
            overwrite: replace weights of the same name.

        Returns:
            ``installed``, ``replaced``, ``kept`` or ``already there``.

        Raises:
            OutputError: the folder cannot be written to.
            WeightsError: the weights there are damaged.
        """
        from spinal_tf.training.release import release_run

        run = RunFolder(path=self.folder)
        return release_run(run, Path(folder), data=data, kind=kind, notes=notes, overwrite=overwrite)


def train_segmenter(
    cohort: str | Path,
    folder: str | Path,
    *,
    plan: SegmenterPlan | None = None,
    options: TrainingOptions | None = None,
    device: str = AUTO,
    progress: Callable[[Report], None] | None = None,
) -> TrainedNetwork:
    """Train the segmenter on a cohort, in batches of 8 crops unless options say otherwise.

    Args:
        cohort: table of the cohort; see docs/cohort.md.
        folder: folder of the run, created if missing. An existing run in it is resumed.
        plan: network and samples; None takes the defaults.
        options: options of the training; None takes the authors' learning rate, schedule and end.
        device: ``auto``, ``cpu``, ``gpu``, ``gpu:N`` or ``gpu:all``.
        progress: function called with the step, the finished share, each validation, and its cases.

    Raises:
        CohortError: the table or an image has a fault.
        TrainingError: a split has no lesion, or the folder holds a different run.
        DeviceError: this machine has no such device.
        OutputError: the folder cannot be written to.
    """
    refuse_missing_gpu(device)
    start_keras()
    from spinal_tf.training.train_segmenter import train_segmenter as train

    setting, opened = _opened(Path(cohort), Path(folder), device, progress)
    plan, options = plan or SegmenterPlan(), options or SEGMENTER_OPTIONS
    return _trained(train(opened, Path(folder), plan, options, setting, resume=True))


def train_classifier(
    cohort: str | Path,
    task: str,
    folder: str | Path,
    *,
    plan: ClassifierPlan | None = None,
    options: TrainingOptions | None = None,
    device: str = AUTO,
    progress: Callable[[Report], None] | None = None,
) -> TrainedNetwork:
    """Train the classifier of a task on a cohort, in batches of 32 tiles unless options say otherwise.

    Args:
        cohort: table of the cohort; see docs/cohort.md.
        task: ``tumor_vs_demyelinating``, ``astrocytoma_vs_ependymoma`` or ``ms_vs_nmosd``.
        folder: folder of the run, created if missing. An existing run in it is resumed.
        plan: network and samples; None takes the defaults.
        options: options of the training; None takes the authors' learning rate, schedule and end.
        device: ``auto``, ``cpu``, ``gpu``, ``gpu:N`` or ``gpu:all``.
        progress: function called with the step, the finished share, each validation, and its cases.

    Raises:
        CohortError: the table or an image has a fault.
        TrainingError: a class has no case in a split, or the folder holds a different run.
        DeviceError: this machine has no such device.
        OutputError: the folder cannot be written to.
        ValueError: the task is unknown.
    """
    refuse_missing_gpu(device)
    start_keras()
    from spinal_tf.training.train_classifier import train_classifier as train

    chosen, options = tree().task(task), options or TrainingOptions()
    setting, opened = _opened(Path(cohort), Path(folder), device, progress)
    return _trained(train(opened, chosen, Path(folder), plan or ClassifierPlan(), options, setting, resume=True))


def train_anatomy(
    cohort: str | Path,
    folder: str | Path,
    *,
    plan: AnatomyPlan | None = None,
    options: TrainingOptions | None = None,
    device: str = AUTO,
    progress: Callable[[Report], None] | None = None,
) -> TrainedNetwork:
    """Train the anatomy network on the cases of a cohort that have a label map.

    Args:
        cohort: table of the cohort; see docs/cohort.md.
        folder: folder of the run, created if missing. An existing run in it is resumed.
        plan: network and samples; None takes the defaults.
        options: options of the training; None takes those of ``spinal-tf train anatomy``.
        device: ``auto``, ``cpu``, ``gpu``, ``gpu:N`` or ``gpu:all``.
        progress: function called with the step, the finished share, each validation, and its cases.

    Raises:
        CohortError: the table or an image has a fault.
        TrainingError: a split has no labeled case, a label map has a fault, or the folder holds a different run.
        DeviceError: this machine has no such device.
        OutputError: the folder cannot be written to.
    """
    refuse_missing_gpu(device)
    start_keras()
    from spinal_tf.training.train_anatomy import train_anatomy as train

    setting, opened = _opened(Path(cohort), Path(folder), device, progress)
    plan, options = plan or AnatomyPlan(), options or ANATOMY_OPTIONS
    return _trained(train(opened, Path(folder), plan, options, setting, resume=True))


def _opened(
    cohort: Path, folder: Path, device: str, progress: Callable[[Report], None] | None
) -> tuple[Setting, TrainingCohort]:
    """Open the devices, before TensorFlow does anything else, and then the checked cohort."""
    from spinal_tf.training.data import open_cohort
    from spinal_tf.training.devices import open_strategy
    from spinal_tf.training.setting import Setting, nobody

    setting = Setting(report=progress or nobody, strategy=open_strategy(device))
    return setting, open_cohort(cohort, folder / "cache")


def _trained(run: RunFolder) -> TrainedNetwork:
    best = run.read_best()
    return TrainedNetwork(
        folder=run.path,
        step=best["step"],
        operating_point=best["operating_point"],
        operating_point_t1c=(best.get("with_t1c") or {}).get("operating_point"),
        measures=dict(best["measures"]),
    )
