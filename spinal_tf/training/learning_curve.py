"""Learning curves: performance against the number of training cases, one training per fraction and seed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

import spinal_tf.keras_started  # noqa: F401 - before Keras and TensorFlow

import keras

from spinal_tf.cohort.case import Case, Split
from spinal_tf.errors import DeviceError
from spinal_tf.keras_start import our_keras
from spinal_tf.tables.csv_file import read_numbers, replace_csv
from spinal_tf.taxonomy import Task
from spinal_tf.threads import Progress
from spinal_tf.training.curve_files import Row, draw_curve
from spinal_tf.training.data import TrainingCohort, cases_by_split
from spinal_tf.training.job import Job, load_best, run_job, tell_cases
from spinal_tf.training.plans import ClassifierPlan, CurvePlan, SegmenterPlan
from spinal_tf.training.run_folder import RunFolder, held_run, open_run
from spinal_tf.training.setting import PLAIN, Report, Setting, nobody
from spinal_tf.training.step import Trainer, configure_tensorflow
from spinal_tf.training.subsets import nested_subset
from spinal_tf.training.train_classifier import classifier_job, of_task
from spinal_tf.training.train_segmenter import segmenter_job
from spinal_tf.training.training_choices import LIMITS, TrainingOptions

DICE, AUC = "dice", "auc"
"""Measures drawn for the segmenter and for classifiers, as in the authors' code."""

TABLE, PICTURE = "learning-curve.csv", "learning-curve.png"


class Prepare(Protocol):
    """Function that prepares a training: `segmenter_job` or `classifier_job` with its plan."""

    def __call__(self, *, options: TrainingOptions, only: Collection[str] | None = None) -> Job:
        """Prepare a training with only these training cases; None for all."""


class Curve:
    """Folder with a run for each point, plus their table and picture."""

    def __init__(self, out: Path, prepare: Prepare, cases: Sequence[Case], measure: str, setting: Setting) -> None:
        """Set up a learning curve.

        Args:
            out: the folder, created if missing.
            prepare: prepares a training.
            cases: all training cases.
            measure: name of the measure to draw.
            setting: setting of every training.
        """
        self._out, self._prepare, self._cases, self._measure, self._setting = out, prepare, cases, measure, setting

    @our_keras()
    def draw(
        self, plan: CurvePlan, options: TrainingOptions, *, resume: bool, report: Callable[[str], None] = nobody
    ) -> list[Row]:
        """Train the missing points, smaller fractions first, and write table and picture after each.

        Args:
            plan: the points.
            options: options of each training; the seed is that of the first repeat.
            resume: continue the curve in the folder; new points can be added.
            report: called with one line per point.

        Returns:
            The table.

        Raises:
            DeviceError: several processes share the training.
            OutputError: the folder holds a curve and ``resume`` is not set, another process draws there, or it cannot
                be written to.
            TrainingError: the folder holds a different curve, or a training fails.
            StoppedError: a stop was requested.
        """
        if not self._setting.workers.alone:
            raise DeviceError("a learning curve is drawn by one process; let others draw other curves")
        configure_tensorflow(options)
        whole = self._prepare(options=options)
        record = whole.record(options, self._setting)
        # A single training may be extended, but the points of one curve must be comparable.
        record["plan"] |= {f"each_{limit}": getattr(options, limit) for limit in sorted(LIMITS)}
        with held_run(self._out):
            open_run(self._out, record, resume=resume)
            return self._draw(plan, options, whole.name, report)

    def _draw(self, plan: CurvePlan, options: TrainingOptions, title: str, report: Callable[[str], None]) -> list[Row]:
        rows = read_numbers(self._out / TABLE)
        done = {(row["fraction"], row["seed"]) for row in rows}
        points = [(share, options.seed + turn) for turn in range(plan.repeats) for share in sorted(plan.fractions)]
        left = [point for point in points if point not in done]
        for number, (fraction, seed) in enumerate(left):
            setting = self._setting_of(number, len(left))
            row = self._point(fraction, replace(options, seed=seed), setting)
            rows.append(row)
            self._write(rows, title)
            report(self._in_words(row))
        return rows

    def _setting_of(self, number: int, trainings: int) -> Setting:
        """Return a setting that reports progress as the share of all trainings."""

        def tell(report: Report) -> None:
            self._setting.report(replace(report, share=(number + report.share) / trainings))

        return replace(self._setting, report=tell)

    def _in_words(self, row: Row) -> str:
        learned, validated = (row[f"{part}_{self._measure}"] for part in ("training", "validation"))
        return (
            f"fraction {row['fraction']:g}, patients {row['patients']}, seed {row['seed']}: "
            f"{self._measure} {learned:.3f} of training cases, {validated:.3f} of validation cases"
        )

    def _write(self, rows: list[Row], title: str) -> None:
        rows.sort(key=lambda row: (row["fraction"], row["seed"]))
        replace_csv(self._out / TABLE, rows)
        draw_curve(self._out / PICTURE, rows, measure=self._measure, title=title)

    def _point(self, fraction: float, options: TrainingOptions, setting: Setting) -> Row:
        names = nested_subset(self._cases, fraction, options.seed)
        job = self._prepare(options=options, only=names)
        run = run_job(job, options, self._out / f"{fraction:g}-seed-{options.seed}", setting, resume=True)
        best = run.read_best()
        learned = self._on_training_cases(job, options, run, tell_cases(setting.report, best["step"]))
        keras.backend.clear_session()  # otherwise all previous networks stay in memory
        return {
            "fraction": fraction,
            "seed": options.seed,
            "patients": len({case.patient for case in self._cases if case.name in names}),
            "cases": len(names),
            "step": best["step"],
            **_columns("training", learned),
            **_columns("validation", best["measures"]),
        }

    def _on_training_cases(
        self, job: Job, options: TrainingOptions, run: RunFolder, progress: Progress
    ) -> dict[str, float]:
        trainer = Trainer(job.build, job.loss, options, self._setting.devices)
        load_best(run, trainer.model)
        return job.judge_training(trainer.predict, progress=progress).measures


def _columns(part: str, measures: Mapping[str, float]) -> Row:
    return {f"{part}_{name.removeprefix('validation_')}": value for name, value in measures.items()}


def segmenter_curve(cohort: TrainingCohort, out: Path, plan: SegmenterPlan, setting: Setting = PLAIN) -> Curve:
    """Return the learning curve of the segmenter."""
    cases = cases_by_split(cohort.cohort, healthy=True)[Split.TRAIN]
    return Curve(out, partial(segmenter_job, cohort, plan), cases, DICE, setting)


def classifier_curve(
    cohort: TrainingCohort, task: Task, out: Path, plan: ClassifierPlan, setting: Setting = PLAIN
) -> Curve:
    """Return the learning curve of a task's classifier."""
    cases = of_task(cases_by_split(cohort.cohort, healthy=False)[Split.TRAIN], task)
    return Curve(out, partial(classifier_job, cohort, task, plan), cases, AUC, setting)
