"""Sanity check of heat maps: randomize a network's weights and compare the maps.

A map that does not change shows the image or the architecture and explains nothing (Adebayo et al., Sanity checks for
saliency maps, NeurIPS 2018, model parameter randomization test).
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
"""Variables of batch normalization that start at one; all other vectors start at zero."""


@dataclass(frozen=True, kw_only=True)
class Similarity:
    """Comparison of a network's maps with those of random weights, on the same tiles and for the same class.

    Attributes:
        randomised: stages of the network with random weights, from the last one down; see `stages`.
        spearman: rank correlation of the pixels, -1 to 1, mean over tiles where neither map is constant; NaN if there
            is no such tile.
        ssim: structural similarity (Wang et al., IEEE Trans Image Process 2004;13:600; 11 x 11 pixels), up to 1, mean
            over the tiles.
        blank: number of tiles whose map with random weights is zero, without evidence for the class.
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
    """Compare a network's maps with those of random weights.

    The random values are those of an untrained network: kernels after Glorot and Bengio 2010, zero biases, and batch
    normalization without effect.

    Args:
        explain: network with its weights, which are left unchanged.
        images: tiles, float32 (n, rows, columns, 3), n at least 1, rows and columns at least 11.
        class_index: class to explain, or a function that selects it from the probabilities of the trained weights; the
            same class is explained with random weights.
        seed: seed of the random weights; call again with another seed for more draws.
        cascade: randomize stages one after the other, from the last one down, and compare each time; otherwise
            randomize all at once.

    Returns:
        One comparison per step; in the last one the whole network is random.
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
    """Return the stages of a network, from the last one down: consecutive layers whose names start alike.

    In a DenseNet121 they are ``logits``, ``features``, ``bn``, ``conv5``, ``pool4``, ``conv4`` and so on to ``conv1``.
    """
    return [stage for stage, _ in groupby(map(_stage, reversed(list(explain.weights))))]


def similarity(learnt: np.ndarray, random: np.ndarray, *, randomised: Sequence[str] = ()) -> Similarity:
    """Compare maps tile by tile.

    Args:
        learnt: maps of trained weights, float32 (n, rows, columns), 0 to 1, rows and columns at least 11.
        random: the same for random weights.
        randomised: stages with random weights.
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
    # Fan-in plus fan-out: channels times the pixels that a kernel covers.
    limit = math.sqrt(6 / (math.prod(shape[:-2]) * sum(shape[-2:])))
    return rng.uniform(-limit, limit, shape).astype(np.float32)
