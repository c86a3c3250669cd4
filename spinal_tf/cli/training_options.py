"""Options of ``spinal-tf train`` that several of its commands share."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, TypeVar

import click

from spinal_tf.cli.tree_choice import ONE_KIND, ONE_TASK
from spinal_tf.networks.network_registry import CLASSIFIERS
from spinal_tf.networks.network_registry import SEGMENTERS as SEGMENTER_NETWORKS

Function = TypeVar("Function", bound=Callable[..., Any])

AUGMENTATIONS = ("authors", "broad", "none")
IN_ALL = 500
"""Number of epochs in the authors' code."""


def _device(ctx: click.Context, parameter: click.Parameter, value: str) -> str:
    if not re.fullmatch(r"auto|cpu|gpu(:\d+|:all)?", value):
        raise click.BadParameter("write auto, cpu, gpu, gpu:N or gpu:all", ctx, parameter)
    return value


TRAINING = (
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
    click.option(
        "--epochs",
        type=click.IntRange(1),
        help=f"Maximum number of epochs. Default: {IN_ALL} if no other end is given.",
    ),
    click.option("--steps", type=click.IntRange(1), help="Maximum number of steps, instead of epochs."),
    click.option("--minutes", type=click.FloatRange(0, min_open=True), help="Maximum number of minutes."),
    click.option(
        "--patience",
        "patience_epochs",
        type=click.IntRange(1),
        help="End after this many epochs without gain in validation.",
    ),
    click.option("--validation-every", type=click.IntRange(1), help="Steps between validations. Default: one epoch."),
    click.option(
        "--validation-cases",
        type=click.IntRange(1),
        help="Validate on this many cases during training, in equal parts of the diseases, and on all at the end.",
    ),
    click.option(
        "--learning-rate",
        type=click.FloatRange(0, min_open=True),
        default=1e-4,
        show_default=True,
        help="Peak learning rate (Adam).",
    ),
    click.option(
        "--schedule",
        type=click.Choice(["plateau", "cosine"]),
        default="plateau",
        show_default=True,
        help="Learning rate: halve it after 20 epochs without gain, or decrease it to a hundredth by the end.",
    ),
    click.option(
        "--warm-up",
        "warm_up_steps",
        type=click.IntRange(0),
        default=0,
        show_default=True,
        help="Steps over which the learning rate rises at the start.",
    ),
    click.option(
        "--clip-norm", type=click.FloatRange(0, min_open=True), help="Maximum norm of the gradient. Default: unlimited."
    ),
    click.option(
        "--precision",
        type=click.Choice(["float32", "mixed_float16", "mixed_bfloat16"]),
        default="float32",
        show_default=True,
        help="Precision of the computation; weights and the last layer stay float32.",
    ),
    click.option(
        "--onednn-bfloat16",
        is_flag=True,
        help="Compute in bfloat16 on CPUs that support it: 1.5 times as fast where we measured.",
    ),
    click.option(
        "--deterministic",
        is_flag=True,
        help="Give the same bits for the same seed on the same machine, with the same versions and number of cores.",
    ),
    click.option(
        "--seed",
        type=click.IntRange(0),
        default=0,
        show_default=True,
        help="Random seed of initial weights and samples.",
    ),
    click.option("--assume-orientation", is_flag=True, help="Accept scans without orientation."),
    click.option("--allow-plane", is_flag=True, help="Accept scans that were not acquired sagittally."),
    click.option(
        "--device",
        default="auto",
        show_default=True,
        callback=_device,
        metavar="auto|cpu|gpu|gpu:N|gpu:all",
        help="Device that trains. auto: the first GPU, else the CPU; gpu:all: all GPUs of this machine.",
    ),
    click.option(
        "--initial-weights",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="Start from the weights of a .weights.h5 file of the same network. Default: random.",
    ),
)


SLURM = (
    click.option(
        "--slurm", is_flag=True, help="Share every batch with the other tasks that srun started; see docs/training.md."
    ),
)


def _network(names: Collection[str], default: str) -> Callable[[Function], Function]:
    return click.option(
        "--network",
        type=click.Choice(tuple(names)),
        default=default,
        show_default=True,
        help="Network to train; see docs/add-a-network.md to add one.",
    )


SEGMENTER = (
    _network(SEGMENTER_NETWORKS, "multiresunet"),
    click.option("--batch", type=click.IntRange(1), default=8, show_default=True, help="Crops in a batch."),
    click.option(
        "--crop",
        type=click.IntRange(1),
        default=96,
        show_default=True,
        help="Side of a crop in pixels; for multiresunet a multiple of 16.",
    ),
    click.option(
        "--lesion-share",
        type=click.FloatRange(0, 1),
        default=0.45,
        show_default=True,
        help="Share of crops at a lesion, in cases with one.",
    ),
    click.option(
        "--error-share",
        type=click.FloatRange(0, 1),
        default=0.0,
        show_default=True,
        help="Share of crops where the mask in column model_mask is wrong, in cases with such errors.",
    ),
    click.option(
        "--spine-share",
        type=click.FloatRange(0, 1),
        default=0.45,
        show_default=True,
        help="Share of crops along the spine; the rest lies anywhere.",
    ),
    click.option(
        "--sampling-weight",
        "sampling_weights",
        type=(ONE_KIND, click.FloatRange(0, min_open=True)),
        multiple=True,
        metavar="KIND WEIGHT",
        help="Relative frequency of a diagnosis, or of healthy, among the crops; may be repeated. Default: 1.",
    ),
    click.option(
        "--input",
        "fit",
        type=click.Choice(["spacing", "stretch", "pad"]),
        default="spacing",
        show_default=True,
        help="Slices at a fixed pixel size, or stretched or padded to 256 x 256.",
    ),
    click.option(
        "--spacing-mm",
        type=click.FloatRange(0.1, 10),
        default=0.8,
        show_default=True,
        help="Pixel size for --input spacing.",
    ),
    click.option(
        "--neighbour-mm",
        type=click.FloatRange(0, 50),
        default=3.0,
        show_default=True,
        help="Distance of the two neighboring slices given with each slice; 0 for the slice alone.",
    ),
    click.option(
        "--slab-mm",
        type=click.FloatRange(0, 50),
        default=3.0,
        show_default=True,
        help="Average slices closer together than this, over this many mm; 0 disables it.",
    ),
    click.option(
        "--intensity",
        type=click.Choice(["zscore_clip", "zscore_no_clip", "minmax"]),
        default="minmax",
        show_default=True,
        help="Normalization of intensities.",
    ),
    click.option(
        "--tight-share",
        type=click.FloatRange(0, 1),
        default=0.4,
        show_default=True,
        help="Share of training cases cut to a smaller field of view.",
    ),
    click.option(
        "--loss",
        type=click.Choice(["dice_bce", "dice_topk", "bce"]),
        default="dice_bce",
        show_default=True,
        help="Soft Dice with binary cross-entropy (dice_bce), with that of the hardest pixels (dice_topk), or without "
        "Dice (bce). dice_topk gets stuck from random weights: train with dice_bce first, then use --initial-weights.",
    ),
    click.option(
        "--within-cord",
        is_flag=True,
        help="Also learn the cord, from the masks in column cord, and find lesions only within it.",
    ),
    click.option(
        "--augmentation",
        type=click.Choice(AUGMENTATIONS),
        default="broad",
        show_default=True,
        help="Augmentation of the crops; see docs/training.md.",
    ),
    click.option("--width", type=click.IntRange(4), help="Filters of the first level. Default: 32, as published."),
)

TASK = (click.option("--task", required=True, type=ONE_TASK, help="Classification task to train."),)

CLASSIFIER = (
    _network(CLASSIFIERS, "densenet121"),
    click.option(
        "--batch", type=click.IntRange(2), default=32, show_default=True, help="Tiles in a batch, half of each class."
    ),
    click.option(
        "--t1c-share",
        type=click.FloatRange(0, 1),
        default=0.4,
        show_default=True,
        help="Share of tiles that keep their contrast-enhanced channel; 0 trains on T2w alone.",
    ),
    click.option(
        "--augmentation",
        type=click.Choice(AUGMENTATIONS),
        default="authors",
        show_default=True,
        help="Augmentation of the tiles; see docs/training.md.",
    ),
    click.option(
        "--intensity",
        type=click.Choice(["zscore_clip", "zscore_no_clip", "minmax"]),
        default="zscore_clip",
        show_default=True,
        help="Normalization of intensities.",
    ),
    click.option(
        "--mask-mode",
        type=click.Choice(["channel", "multiply"]),
        default="channel",
        show_default=True,
        help="Mask as a channel, or images set to zero outside it.",
    ),
    click.option(
        "--size",
        type=click.IntRange(32, 1024),
        default=256,
        show_default=True,
        help="Side of a tile in pixels. Weights fit every size, so a small one makes a cheap start.",
    ),
    click.option(
        "--monitor",
        type=click.Choice(["accuracy", "auc"]),
        default="accuracy",
        show_default=True,
        help="Validation measure that selects the best weights.",
    ),
    click.option(
        "--momentum",
        type=click.FloatRange(0, 1, max_open=True),
        help="Momentum of batch normalization. Default: 0.99; use 0.9 for short trainings.",
    ),
    click.option(
        "--imagenet", metavar="download|FILE", help="Start from ImageNet weights, from a file or from Keras' server."
    ),
)

CURVE = (
    click.option(
        "--fraction",
        "fractions",
        type=click.FloatRange(0, 1, min_open=True),
        multiple=True,
        default=(0.1, 0.2, 0.4, 0.7, 1.0),
        show_default=True,
        help="Fraction of the training patients; may be repeated.",
    ),
    click.option(
        "--repeats",
        type=click.IntRange(1),
        default=1,
        show_default=True,
        help="Trainings for each fraction, with seeds --seed, --seed + 1, and so on.",
    ),
)


def options(*groups: tuple[Callable[[Function], Function], ...]) -> Callable[[Function], Function]:
    """Return a decorator that adds the options of groups, in their order."""

    def add(function: Function) -> Function:
        for decorate in reversed([option for group in groups for option in group]):
            function = decorate(function)
        return function

    return add
