"""Options of ``spinal-tf train`` that several of its commands share."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import click

from spinal_tf.cli.field_options import Decorator, field_options
from spinal_tf.cli.tree_choice import ONE_KIND, ONE_TASK
from spinal_tf.datasets.sample_plans import AnatomyCropPlan, CropPlan, TilePlan
from spinal_tf.networks.network_registry import ANATOMISTS, CLASSIFIERS, SEGMENTERS
from spinal_tf.option_fields import POSITIVE
from spinal_tf.prediction_options import ImageOptions
from spinal_tf.preprocess import Fit, Preprocessing
from spinal_tf.scaling import Intensity
from spinal_tf.training.plans import AnatomyPlan, ClassifierPlan, CurvePlan, Initial, SegmenterPlan
from spinal_tf.training.training_choices import ANATOMY_OPTIONS, SEGMENTER_OPTIONS, TrainingOptions, fault_of_tiles


def _halves(ctx: click.Context, parameter: click.Parameter, value: int) -> int:
    if fault := fault_of_tiles(value):
        raise click.BadParameter(fault, ctx, parameter)
    return value


def _intensity(record: Preprocessing) -> Decorator:
    return click.option(
        "--intensity",
        type=click.Choice(get_args(Intensity)),
        default=record.intensity,
        show_default=True,
        help="Normalization of intensities.",
    )


def _distances(record: Preprocessing, spacing_help: str) -> tuple[Decorator, ...]:
    """Return the options of lengths in mm."""
    return (
        click.option(
            "--spacing-mm",
            type=click.FloatRange(0.1, 10),
            default=record.spacing_mm,
            show_default=True,
            help=spacing_help,
        ),
        click.option(
            "--neighbour-mm",
            type=click.FloatRange(0, 50),
            default=record.neighbour_mm,
            show_default=True,
            help="Distance of the two neighboring slices given with each slice; 0 for the slice alone.",
        ),
        click.option(
            "--slab-mm",
            type=click.FloatRange(0, 50),
            default=record.slab_mm,
            show_default=True,
            help="Average slices closer together than this, over this many mm; 0 disables it.",
        ),
    )


def _device(ctx: click.Context, parameter: click.Parameter, value: str) -> str:
    if not re.fullmatch(r"auto|cpu|gpu(:\d+|:all)?", value):
        raise click.BadParameter("write auto, cpu, gpu, gpu:N or gpu:all", ctx, parameter)
    return value


def _training(options: TrainingOptions) -> tuple[Decorator, ...]:
    """Return the options of every training, with these defaults."""
    return (*_CASES, *field_options(options, *_COURSE), *_MACHINE)


_CASES = (
    click.option(
        "--cohort",
        "table",
        required=True,
        type=click.Path(path_type=Path),
        metavar="COHORT.csv",
        help="Table of cases; see docs/cohort.md.",
    ),
    click.option(
        "--out",
        required=True,
        type=click.Path(path_type=Path, file_okay=False),
        metavar="RUN",
        help="Folder of the run, created if needed.",
    ),
    click.option("--resume", is_flag=True, help="Resume the run in RUN. If no saved state exists, start from scratch."),
    click.option(
        "--cache",
        type=click.Path(path_type=Path, file_okay=False),
        help="Folder for the prepared images; several runs can share it. Default: RUN/cache.",
    ),
)

_COURSE = (
    *("epochs", "steps", "minutes", "patience_epochs", "validation_every", "validation_cases", "learning_rate"),
    *("schedule", "warm_up_steps", "clip_norm", "precision", "onednn_bfloat16", "deterministic", "seed"),
)

_MACHINE = (
    *field_options(ImageOptions),
    click.option(
        "--device",
        default="auto",
        show_default=True,
        callback=_device,
        metavar="auto|cpu|gpu|gpu:N|gpu:all",
        help="Device that trains. auto: the first GPU, else the CPU; gpu:all: all GPUs of this machine.",
    ),
    *field_options(Initial, "weights"),
)

TRAINING, ANATOMY_TRAINING = _training(TrainingOptions()), _training(ANATOMY_OPTIONS)

SLURM = (
    click.option(
        "--slurm", is_flag=True, help="Share every batch with the other tasks that srun started; see docs/training.md."
    ),
)

SCANS = SegmenterPlan.preprocessing

SEGMENTER = (
    *field_options(SegmenterPlan, "network", type=click.Choice(tuple(SEGMENTERS))),
    *field_options(SEGMENTER_OPTIONS, "batch", help="Crops in a batch."),
    click.option(
        "--crop",
        type=click.IntRange(1),
        default=SegmenterPlan.crops.size[0],
        show_default=True,
        help="Side of a crop in pixels; for multiresunet a multiple of 16.",
    ),
    *field_options(CropPlan, "lesion_share", "error_share", "spine_share"),
    *field_options(CropPlan, "sampling_weights", type=(ONE_KIND, click.FloatRange(*POSITIVE)), multiple=True),
    click.option(
        "--input",
        "fit",
        type=click.Choice(get_args(Fit)),
        default=SCANS.fit,
        show_default=True,
        help="Slices at a fixed pixel size, or stretched or padded to 256 x 256.",
    ),
    *_distances(SCANS, "Pixel size for --input spacing."),
    _intensity(SCANS),
    *field_options(SegmenterPlan, "tight_share", "loss", "within_cord"),
    *field_options(CropPlan, "augmentation"),
    click.option("--width", type=click.IntRange(4), help="Filters of the first level. Default: 32, as published."),
)

ANATOMY = (
    *field_options(AnatomyPlan, "network", type=click.Choice(tuple(ANATOMISTS))),
    *field_options(ANATOMY_OPTIONS, "batch", help="Crops in a batch."),
    click.option(
        "--crop",
        type=(click.IntRange(1), click.IntRange(1)),
        default=AnatomyPlan.crops.size,
        show_default=True,
        metavar="ROWS COLUMNS",
        help="Sides of a crop in pixels; for anatomy_multiresunet multiples of 16.",
    ),
    *field_options(AnatomyCropPlan, "spine_share", "real_share"),
    *_distances(AnatomyPlan.preprocessing, "Pixel size of the slices."),
    click.option("--width", type=click.IntRange(4), help="Filters of the first level. Default: 16."),
)

TASK = (click.option("--task", required=True, type=ONE_TASK, help="Classification task to train."),)

CLASSIFIER = (
    *field_options(ClassifierPlan, "network", type=click.Choice(tuple(CLASSIFIERS))),
    *field_options(
        TrainingOptions,
        "batch",
        type=click.IntRange(2),
        help="Tiles in a batch, half of each class.",
        callback=_halves,
    ),
    *field_options(TilePlan),
    _intensity(ClassifierPlan.preprocessing),
    *field_options(ClassifierPlan, "mask_mode"),
    click.option(
        "--size",
        type=click.IntRange(32, 1024),
        default=ClassifierPlan.preprocessing.size[0],
        show_default=True,
        help="Side of a tile in pixels. Weights fit every size, so a small one makes a cheap start.",
    ),
    *field_options(ClassifierPlan, "monitor", "momentum"),
    *field_options(Initial, "imagenet"),
)

CURVE = field_options(CurvePlan)
