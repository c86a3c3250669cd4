"""Whether heat maps depend on what a network has learnt: its weights are made random, and the maps compared.

A map that stays as it was shows the image or the architecture and explains nothing (Adebayo et al., Sanity checks for
saliency maps, NeurIPS 2018, model parameter randomisation test).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby

import numpy as np
from scipy import stats

from spinal_tf.checkpoints.weight_files import Weights
from spinal_tf.explanation.gradcam import ClassChoice, WeightedExplainer

ONES = frozenset({"gamma", "moving_variance"})
"""Variables of a batch normalisation that start at one; all other vectors start at zero."""


@dataclass(frozen=True, kw_only=True)
class Similarity:
    """Maps of a network beside those with random weights, over the same tiles and for the same class.

    Attributes:
        randomised: stages of the network whose weights are random, from the last one downwards; see `stages`.
        spearman: rank correlation of the pixels, -1 to 1, mean over the tiles where both maps have any ranks; NaN where
            there is no such tile.
        ssim: structural similarity (Wang et al., IEEE Trans Image Process 2004;13:600; 11 x 11 pixels), up to 1, mean
            over the tiles.
        blank: tiles whose map with random weights is zero: nothing in them speaks for the class any more.
        tiles: number of tiles.
    """

    randomised: tuple[str, ...]
    spearman: float
    ssim: float
    blank: int
    tiles: int


def check_randomised(
    explain: WeightedExplainer, images: np.ndarray, *, class_index: ClassChoice, seed: int = 0, cascade: bool = True
) -> tuple[Similarity, ...]:
    """Compare a network's maps with those that random weights give.

    Random are the values that training starts from: kernels after Glorot and Bengio 2010, biases zero, batch
    normalisations without effect.

    Args:
        explain: the network with its weights; they stay as they are.
        images: tiles, float32 (n, rows, columns, 3), n at least 1, rows and columns at least 11.
        class_index: the class to explain, or a function that picks it from the probabilities that the learnt weights
            give; the same class is explained with random ones.
        seed: of the random weights; for more draws, call again.
        cascade: make stages random one after the other, from the last downwards, and compare each time; otherwise all
            at once.

    Returns:
        One comparison for each step; the last one is of a network that is random as a whole.
    """
    learnt = explain(images, class_index=class_index)
    chosen = class_index(learnt.probabilities) if callable(class_index) else class_index
    weights, random = explain.weights, _random_weights(explain, np.random.default_rng(seed))
    steps = list(accumulate((stage,) for stage in stages(explain)))
    compared = []
    for randomised in steps if cascade else steps[-1:]:
        mixed = {layer: (random if _stage(layer) in randomised else weights)[layer] for layer in weights}
        maps = explain.with_weights(mixed)(images, class_index=chosen).maps
        compared.append(similarity(learnt.maps, maps, randomised=randomised))
    return tuple(compared)


def stages(explain: WeightedExplainer) -> list[str]:
    """Parts of a network from the last one downwards: layers that follow each other and whose names begin alike.

    Of a DenseNet121 these are ``logits``, ``features``, ``bn``, ``conv5``, ``pool4``, ``conv4`` and so on to ``conv1``.
    """
    return [stage for stage, _ in groupby(map(_stage, reversed(list(explain.weights))))]


def similarity(learnt: np.ndarray, random: np.ndarray, *, randomised: Sequence[str] = ()) -> Similarity:
    """Compare maps tile by tile.

    Args:
        learnt: float32 (n, rows, columns), 0 to 1, rows and columns at least 11.
        random: the same with random weights.
        randomised: what is random.
    """
    import tensorflow as tf

    structural = tf.image.ssim(learnt[..., np.newaxis], random[..., np.newaxis], max_val=1.0).numpy()
    ranks = list(_rank_correlations(learnt, random))
    return Similarity(
        randomised=tuple(randomised),
        spearman=float(np.mean(ranks)) if ranks else math.nan,
        ssim=float(structural.mean(dtype=np.float64)),
        blank=int(np.count_nonzero(~random.any(axis=(1, 2)))),
        tiles=len(random),
    )


def _rank_correlations(learnt: np.ndarray, random: np.ndarray) -> Iterator[float]:
    for one, other in zip(learnt, random, strict=True):
        if np.ptp(one) > 0 and np.ptp(other) > 0:
            yield float(stats.spearmanr(one.ravel(), other.ravel()).statistic)


def _stage(layer: str) -> str:
    return layer.split("_")[0]


def _random_weights(explain: WeightedExplainer, rng: np.random.Generator) -> Weights:
    return {
        layer.name: tuple(_initial(variable.name, tuple(variable.shape), rng) for variable in layer.weights)
        for layer in explain.model.layers
        if layer.weights
    }


def _initial(name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    if len(shape) < 2:
        return np.full(shape, float(name in ONES), np.float32)
    # Inputs and outputs of a unit: its channels, times the pixels that a kernel covers.
    limit = math.sqrt(6 / (math.prod(shape[:-2]) * sum(shape[-2:])))
    return rng.uniform(-limit, limit, shape).astype(np.float32)
