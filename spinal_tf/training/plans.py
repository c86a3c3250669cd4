"""What a training makes: its network, samples, initial weights, and the points of a learning curve."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from spinal_tf.datasets.sample_plans import AnatomyCropPlan, CropPlan, TilePlan
from spinal_tf.option_fields import COUNT, SHARE, Options, Range, option
from spinal_tf.preprocess import MaskMode, Preprocessing
from spinal_tf.structures import NAMES

DEFAULT_SIZE = [256, 256]

Monitor = Literal["accuracy", "auc"]


@dataclass(frozen=True, kw_only=True)
class Initial(Options):
    """Initial weights of a training; random if no file is named.

    Raises:
        ValueError: both are given.
    """

    weights: Path | None = option(
        None,
        "Start from the weights of a .weights.h5 file of the same network. Default: random.",
        flag="--initial-weights",
        metavar="FILE",
    )
    imagenet: str | None = option(
        None, "Start from ImageNet weights, from a file or from Keras' server.", metavar="download|FILE"
    )

    def __post_init__(self) -> None:
        """Refuse two kinds of weights."""
        if self.imagenet and self.weights:
            raise ValueError("--imagenet and --initial-weights exclude each other; give one of them")

    def __str__(self) -> str:
        """Return the source in words for the run's record, without folders."""
        if self.weights is not None:
            return self.weights.name
        return "random" if self.imagenet is None else "ImageNet"


@dataclass(frozen=True, kw_only=True)
class SegmenterPlan(Options):
    """Network and samples of a segmenter training. All values are our choice: the paper's supplement is not public.

    Intensities are not clipped: at 5 SD, fluid, lesion and cord would look alike in dark scans.
    """

    network: str = option("multiresunet", "Network to train; see docs/add-a-network.md to add one.")
    preprocessing: Preprocessing = option(
        Preprocessing(fit="spacing", spacing_mm=0.8, intensity="minmax", neighbour_mm=3.0, slab_mm=3.0),
        "Preprocessing of whole scans.",
    )
    crops: CropPlan = option(CropPlan(), "How crops are drawn.")
    tight_share: float = option(0.4, "Share of training cases cut to a smaller field of view.", SHARE)
    within_cord: bool = option(
        False, "Also learn the cord, from the masks in column cord, and find lesions only within it."
    )
    loss: Literal["dice_bce", "dice_topk", "bce"] = option(
        "dice_bce",
        "Soft Dice with binary cross-entropy (dice_bce), with that of the hardest pixels (dice_topk), or without "
        "Dice (bce). dice_topk gets stuck from random weights: train with dice_bce first, then use --initial-weights.",
    )
    arguments: dict[str, Any] = option(dict, "Arguments of the network's builder that differ from its defaults.")
    initial: Initial = option(Initial(), "Initial weights.")

    @property
    def all_arguments(self) -> dict[str, Any]:
        """Arguments of the builder as the manifest stores them; ``channels`` only if there are several."""
        arguments = _with_slices(self.arguments, self.preprocessing)
        return arguments | ({"within_cord": True} if self.within_cord else {})


@dataclass(frozen=True, kw_only=True)
class AnatomyPlan(Options):
    """Network and samples of a training of the anatomy network. All values are our choice.

    Raises:
        ValueError: intensities are not z-scored without clipping, as each crop is.
    """

    network: str = option("anatomy_multiresunet", "Network to train; see docs/add-a-network.md to add one.")
    preprocessing: Preprocessing = option(
        Preprocessing(intensity="zscore_no_clip", fit="spacing", spacing_mm=1.5, neighbour_mm=4.0, slab_mm=3.0),
        "Preprocessing of whole scans.",
    )
    crops: AnatomyCropPlan = option(AnatomyCropPlan(), "How crops are drawn.")
    arguments: dict[str, Any] = option(dict, "Arguments of the network's builder that differ from its defaults.")
    initial: Initial = option(Initial(), "Initial weights.")

    def __post_init__(self) -> None:
        """Refuse other intensities."""
        super().__post_init__()
        if self.preprocessing.intensity != "zscore_no_clip":
            raise ValueError("the anatomy network learns from z-scored crops; choose the intensity zscore_no_clip")

    @property
    def all_arguments(self) -> dict[str, Any]:
        """Arguments of the builder as the manifest stores them, with the names of the outputs in order."""
        return {**_with_slices(self.arguments, self.preprocessing), "structures": list(NAMES)}


def _with_slices(arguments: dict[str, Any], preprocessing: Preprocessing) -> dict[str, Any]:
    slices = preprocessing.slices_seen
    return arguments | ({} if slices == 1 else {"channels": slices})


@dataclass(frozen=True, kw_only=True)
class ClassifierPlan(Options):
    """Network and samples of a classifier training; preprocessing and monitor are those of the authors' code."""

    network: str = option("densenet121", "Network to train; see docs/add-a-network.md to add one.")
    preprocessing: Preprocessing = option(Preprocessing(), "Preprocessing of the slices.")
    mask_mode: MaskMode = option("channel", "Mask as a channel, or images set to zero outside it.")
    tiles: TilePlan = option(TilePlan(), "How tiles are drawn.")
    monitor: Monitor = option("accuracy", "Validation measure that selects the best weights.")
    momentum: float | None = option(
        None,
        "Momentum of batch normalization. Default: 0.99; use 0.9 for short trainings.",
        Range(0, 1, high_open=True),
    )
    arguments: dict[str, Any] = option(dict, "Arguments of the network's builder that differ from its defaults.")
    initial: Initial = option(Initial(), "Initial weights.")

    @property
    def all_arguments(self) -> dict[str, Any]:
        """Arguments of the builder as the manifest stores them; the size only if it is not the default."""
        size = list(self.preprocessing.size)
        return {**self.arguments, **({} if size == DEFAULT_SIZE else {"size": size})}

    @property
    def with_t1c(self) -> bool:
        """Whether validation measures use the T1c scans: only if training always saw them."""
        return self.tiles.t1c_share == 1


@dataclass(frozen=True, kw_only=True)
class CurvePlan(Options):
    """Points of a learning curve. Each training has its own seed for subset, initial weights and samples."""

    fractions: tuple[float, ...] = option(
        (0.1, 0.2, 0.4, 0.7, 1.0),
        "Fraction of the training patients; may be repeated.",
        Range(0, 1, low_open=True),
        flag="--fraction",
    )
    repeats: int = option(1, "Trainings for each fraction, with seeds --seed, --seed + 1, and so on.", COUNT)
