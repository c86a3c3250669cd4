"""One run of ``train``: from the command line's options to the training, with its progress on the terminal."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click
import tensorflow as tf

from spinal_tf.cli.failures import noted_stop
from spinal_tf.cli.field_options import filled
from spinal_tf.cli.output_option import output_option
from spinal_tf.cli.progress import progress_bar, progress_share
from spinal_tf.datasets.sample_plans import AnatomyCropPlan, CropPlan, TilePlan
from spinal_tf.networks.network_registry import network_spec
from spinal_tf.preprocess import Preprocessing
from spinal_tf.taxonomy import tree
from spinal_tf.training.batches import refuse_uneven
from spinal_tf.training.curve_files import Row
from spinal_tf.training.data import TrainingCohort, open_cohort
from spinal_tf.training.devices import open_strategy
from spinal_tf.training.learning_curve import PICTURE, TABLE, Curve, classifier_curve, segmenter_curve
from spinal_tf.training.plans import AnatomyPlan, ClassifierPlan, CurvePlan, Initial, SegmenterPlan
from spinal_tf.training.run_folder import RunFolder
from spinal_tf.training.setting import Report, Setting
from spinal_tf.training.step import configure_tensorflow
from spinal_tf.training.train_anatomy import train_anatomy
from spinal_tf.training.train_classifier import train_classifier
from spinal_tf.training.train_segmenter import train_segmenter
from spinal_tf.training.training_choices import TrainingOptions


class TrainingSession:
    """Trains a network or draws a learning curve, as the command's options say."""

    def __init__(self, table: Path, out: Path, given: Mapping[str, Any]) -> None:
        """Read the options.

        Args:
            table: table of the cohort.
            out: run folder.
            given: other options of the command by name.

        Raises:
            click.UsageError: two options contradict each other.
        """
        self._table, self._out, self._given = table, out, given
        self._resume: bool = given["resume"]
        self._options = filled(TrainingOptions, given)

    def segmenter(self) -> None:
        """Train the segmenter."""
        plan = _segmenter_plan(self._given)
        with self._opened() as (cohort, setting):
            run = train_segmenter(cohort, self._out, plan, self._options, setting, resume=self._resume)
        _conclude(run, setting)

    def classifier(self) -> None:
        """Train the classifier of a task."""
        task, plan = tree().task(self._given["task"]), _classifier_plan(self._given)
        with self._opened() as (cohort, setting):
            run = train_classifier(cohort, task, self._out, plan, self._options, setting, resume=self._resume)
        _conclude(run, setting)

    def anatomy(self) -> None:
        """Train the anatomy network."""
        plan = _anatomy_plan(self._given)
        with self._opened() as (cohort, setting):
            run = train_anatomy(cohort, self._out, plan, self._options, setting, resume=self._resume)
        _conclude(run, setting)

    def segmenter_curve(self) -> None:
        """Draw the segmenter's learning curve."""
        plan = _segmenter_plan(self._given)
        with self._opened() as (cohort, setting):
            rows = self._draw(segmenter_curve(cohort, self._out, plan, setting))
        self._conclude_curve(rows)

    def classifier_curve(self) -> None:
        """Draw the learning curve of a task's classifier."""
        task, plan = tree().task(self._given["task"]), _classifier_plan(self._given)
        with self._opened() as (cohort, setting):
            rows = self._draw(classifier_curve(cohort, task, self._out, plan, setting))
        self._conclude_curve(rows)

    def _draw(self, curve: Curve) -> list[Row]:
        points = filled(CurvePlan, self._given, fractions=tuple(sorted(set(self._given["fractions"]))))
        return curve.draw(points, self._options, resume=self._resume, report=_say)

    def _conclude_curve(self, rows: list[Row]) -> None:
        click.echo(f"{self._out / TABLE}: {len(rows)} trainings; drawn in {PICTURE}")

    @contextmanager
    def _opened(self) -> Iterator[tuple[TrainingCohort, Setting]]:
        """Open the devices, the cohort and the progress report, in this order."""
        setting = self._setting()
        cohort = self._cohort(setting)
        with _reporting() as report:
            yield cohort, replace(setting, report=report)

    def _setting(self) -> Setting:
        """Choose the devices before TensorFlow does anything else.

        Raises:
            DeviceError: the devices do not exist, or cannot share a batch evenly.
        """
        tf.get_logger().setLevel("ERROR")  # it logs every device and every reduction
        configure_tensorflow(self._options)
        strategy = open_strategy(self._given["device"], slurm=self._given.get("slurm", False))
        refuse_uneven(strategy, self._options.batch)
        return Setting(listen=noted_stop, strategy=strategy)

    def _cohort(self, setting: Setting) -> TrainingCohort:
        given = self._given
        with output_option("--cache"), progress_bar("Checking the images") as progress:
            return setting.workers.chief_first(
                partial(
                    open_cohort,
                    self._table,
                    given["cache"] or self._out / "cache",
                    assume_orientation=given["assume_orientation"],
                    allow_plane=given["allow_plane"],
                    progress=progress,
                )
            )


def _segmenter_plan(given: Mapping[str, Any]) -> SegmenterPlan:
    spec, crop = network_spec(given["network"]), given["crop"]
    spacing_mm = given["spacing_mm"] if given["fit"] == "spacing" else None
    return filled(
        SegmenterPlan,
        given,
        preprocessing=filled(Preprocessing, given, spacing_mm=spacing_mm, multiple=spec.multiple, **_distances(given)),
        crops=filled(CropPlan, given, size=(crop, crop), sampling_weights=dict(given["sampling_weights"])),
        arguments=_width(given),
        initial=filled(Initial, given),
    )


def _anatomy_plan(given: Mapping[str, Any]) -> AnatomyPlan:
    multiple, fixed = network_spec(given["network"]).multiple, AnatomyPlan.preprocessing
    return filled(
        AnatomyPlan,
        given,
        preprocessing=filled(
            Preprocessing, given, fit=fixed.fit, intensity=fixed.intensity, multiple=multiple, **_distances(given)
        ),
        crops=filled(AnatomyCropPlan, given, size=given["crop"]),
        arguments=_width(given),
        initial=filled(Initial, given),
    )


def _distances(given: Mapping[str, Any]) -> dict[str, float | None]:
    return {name: given[name] or None for name in ("neighbour_mm", "slab_mm")}


def _width(given: Mapping[str, Any]) -> dict[str, int]:
    return {"width": given["width"]} if given["width"] else {}


def _classifier_plan(given: Mapping[str, Any]) -> ClassifierPlan:
    return filled(
        ClassifierPlan,
        given,
        preprocessing=filled(Preprocessing, given, size=(given["size"], given["size"])),
        tiles=filled(TilePlan, given),
        initial=filled(Initial, given),
    )


@contextmanager
def _reporting() -> Iterator[Callable[[Report], None]]:
    """Print one line for every validation, and show the progress of steps and validations in between."""
    with progress_share("Training") as show_share:

        def show(report: Report) -> None:
            _say_validation(report)
            show_share(report.share, _state(report))

        yield show


def _state(report: Report) -> str:
    if report.cases is None:
        return f"step {report.step}, loss {report.loss:.4f}"
    done, total = report.cases
    return f"validation of step {report.step}, {done}/{total} cases"


def _say_validation(report: Report) -> None:
    if report.validation is None:
        return
    measures = ", ".join(f"{name} {value:.3f}" for name, value in report.validation.measures.items())
    _say(f"step {report.step}: loss {report.loss:.4f}, {measures}{', best' if report.best else ''}")


def _say(line: str) -> None:
    """Print a line in the place of the bar, which is redrawn below."""
    if sys.stderr.isatty():
        click.echo("\r\033[K", nl=False, err=True)
    click.echo(line)


def _conclude(run: RunFolder, setting: Setting) -> None:
    if not setting.workers.is_chief:
        return
    best = run.read_best()
    with_t1c = best.get("with_t1c")
    also = f", with T1c {with_t1c['operating_point']:.3f}" if with_t1c else ""
    click.echo(f"{run.path}: best weights of step {best['step']}, operating point {best['operating_point']:.3f}{also}")
    click.echo(f"  to use them: spinal-tf weights release {shlex.quote(str(run.path))} --into FOLDER --data WORDS")
