"""How good a network is on the validation cases, and where its operating point lies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any, Literal, TypeVar

import numpy as np
from sklearn.metrics import roc_auc_score

from spinal_tf.cohort.case import diagnosis_word
from spinal_tf.datasets.crop_samples import SegmenterCase
from spinal_tf.datasets.tile_samples import ClassifierCase
from spinal_tf.engine import Engine, run_in_batches
from spinal_tf.evaluation.statistics.operating_point import youden
from spinal_tf.lesions import MINIMUM_VOLUME_ML, find_candidates
from spinal_tf.slices import T1C
from spinal_tf.taxonomy import Task, tree
from spinal_tf.training.data import only_named

THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Probabilities among which the segmenter's operating point is chosen."""

PEAKS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
"""Probabilities that a lesion may have to reach somewhere; none at all, 0, is one of the choices."""


Point = tuple[float, float]
"""A threshold, and the peak that a lesion reaches somewhere."""


def operating_points(thresholds: Sequence[float], peaks: Sequence[float]) -> tuple[Point, ...]:
    """Each threshold without a peak, and with those of the peaks, ascending, that make a difference to it."""
    return tuple((low, peak) for low in thresholds for peak in (0.0, *(high for high in peaks if high > low)))


POINTS = operating_points(THRESHOLDS, PEAKS)

AS_GOOD = 0.01
"""Mean Dice below the best within which points count as equally good on few cases, and the healthy choose."""

TILES_AT_ONCE = 32
PLANES_AT_ONCE = 16

Array = np.ndarray
Monitor = Literal["accuracy", "auc"]
Case = TypeVar("Case", SegmenterCase, ClassifierCase)


@dataclass(frozen=True, kw_only=True)
class Validation:
    """What one validation found.

    Attributes:
        score: more is better; numbers after the first decide between equals.
        operating_point: the one that these cases suggest.
        minimum_peak: the one that they suggest; 0 for classifiers.
        with_t1c: ``auc`` and ``operating_point`` of the cases with T1c, of a classifier that knows it; the
            ``operating_point`` above is that of T2w alone then. None where these cases lack a class.
        measures: for the log, by name.
        cases: a record for each case.
    """

    score: tuple[float, ...]
    operating_point: float
    minimum_peak: float = 0.0
    with_t1c: dict[str, float] | None = None
    measures: dict[str, float]
    cases: tuple[dict[str, Any], ...] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON can hold it."""
        return {
            "score": list(self.score),
            "operating_point": self.operating_point,
            "minimum_peak": self.minimum_peak,
            "with_t1c": self.with_t1c,
            "measures": self.measures,
            "cases": list(self.cases),
        }


Validate = Callable[[Engine], Validation]


def validate_segmenter(predict: Engine, cases: Sequence[SegmenterCase]) -> Validation:
    """Dice of whole cases on all their planes, where the diseases' mean is best.

    Threshold and least peak are chosen together: of those `AS_GOOD` as the best by the mean over the diseases, the
    pairs that leave most of the healthy empty, of these the best by that mean, and of equals the highest. Alone the
    healthy would choose so high a threshold that small lesions are lost, too; and people are counted, not mL, so that
    one large false mark does not choose for all. In the score the healthy are a group beside the diseases, with a Dice
    of 1 where a mask is rightly empty and 0 where it is not. Specks are removed first, as they are from every mask.
    Between equals, as the empty masks of the first steps are, the soft Dice of the probabilities decides.

    Args:
        predict: the network, from float32 (n, rows, columns, channels) to probabilities (n, rows, columns, 1).
        cases: at least one with a disease.
    """
    found = [_at_points(predict, case) for case in cases]
    soft, dice, marked_ml = (np.array(part) for part in zip(*found, strict=True))
    groups = [kind for kind in (*tree().diagnoses, None) if any(case.diagnosis == kind for case in cases)]
    means = np.array([dice[[case.diagnosis == kind for case in cases]].mean(axis=0) for kind in groups])
    healthy = np.array([case.diagnosis is None for case in cases])
    left_empty = means[[kind is None for kind in groups]].sum(axis=0)  # of one group, or none
    best = _best_point(means[[kind is not None for kind in groups]].mean(axis=0), left_empty)
    threshold, minimum_peak = POINTS[best]
    measures = {
        "dice": float(means[:, best].mean()),
        "soft_dice": float(np.mean(soft)),
        "operating_point": threshold,
        "minimum_peak": minimum_peak,
    }
    measures |= {f"dice_{diagnosis_word(kind)}": float(mean) for kind, mean in zip(groups, means[:, best], strict=True)}
    measures |= {"healthy_marked_ml": float(marked_ml[healthy, best].mean())} if healthy.any() else {}
    rows = [
        {
            "case": case.name,
            "diagnosis": diagnosis_word(case.diagnosis),
            "dice": float(dice[number, best]),
            "marked_ml": float(marked_ml[number, best]),
        }
        for number, case in enumerate(cases)
    ]
    return Validation(
        score=(measures["dice"], measures["soft_dice"]),
        operating_point=threshold,
        minimum_peak=minimum_peak,
        measures=measures,
        cases=tuple(rows),
    )


def _best_point(dice: Array, left_empty: Array) -> int:
    """Of the points as good as the best, one that leaves most empty; of these the best, and of equals the last."""
    good = np.flatnonzero(dice >= dice.max() - AS_GOOD)
    return int(max(good, key=lambda point: (left_empty[point], dice[point], point)))


def _at_points(predict: Engine, case: SegmenterCase) -> tuple[float, list[float], list[float]]:
    """Soft Dice of the probabilities; Dice, and mL marked, at each of `POINTS`."""
    probability = _probability(predict, case)
    total = float(probability.sum(dtype=np.float64)) + len(case.lesion_voxels)
    soft = 2 * float(probability[case.mask].sum(dtype=np.float64)) / total if total else 1.0
    return soft, *dice_at_points(probability, case.mask, POINTS, voxel_ml=case.voxel_ml)


def dice_at_points(
    probability: Array, drawn: Array, points: Sequence[Point], *, voxel_ml: float
) -> tuple[list[float], list[float]]:
    """Dice with a mask, and mL marked, at each of some operating points; specks are removed.

    Args:
        probability: of lesion, float32 (slice, row, column).
        drawn: the mask, bool, the same shape.
        points: those of one threshold beside each other, since its components are found once.
        voxel_ml: volume of a voxel.
    """
    dice, marked_ml, every = [], [], np.count_nonzero(drawn)
    for threshold, group in groupby(points, key=itemgetter(0)):
        found = find_candidates(probability, threshold)
        right = np.bincount(found.labels[drawn], minlength=len(found.voxels))
        for _, minimum_peak in group:
            chosen = found.chosen(
                minimum_peak=minimum_peak, minimum_volume_ml=MINIMUM_VOLUME_ML, voxel_volume_ml=voxel_ml
            )
            ours, common = int(found.voxels[chosen].sum()), int(right[chosen].sum())
            dice.append(2 * common / (ours + every) if ours + every else 1.0)
            marked_ml.append(ours * voxel_ml)
    return dice, marked_ml


def _probability(predict: Engine, case: SegmenterCase) -> Array:
    """Of every plane, a few at a time, since a plane may come with its neighbours: float32 (slice, row, column)."""
    parts = np.array_split(np.arange(len(case.planes)), -(-len(case.planes) // PLANES_AT_ONCE))
    return np.concatenate([run_in_batches(predict, case.seen(part).astype(np.float32)) for part in parts])


def validate_classifier(
    predict: Engine,
    cases: Sequence[ClassifierCase],
    task: Task,
    *,
    with_t1c: bool,
    monitor: Monitor,
    knows_t1c: bool = False,
) -> Validation:
    """Accuracy of the tiles as in the authors' code, AUC and Youden's cut-offs of the cases, one for each input.

    Args:
        predict: the network, from float32 tiles (n, rows, columns, 3) to probabilities (n, 2).
        cases: of the task, each with a tile, both classes present.
        task: tells the classes.
        with_t1c: leave the contrast-enhanced channel in the tiles that the measures are from.
        monitor: the measure that comes first in the score; the loss decides between equals.
        knows_t1c: the network was trained with T1c, so cases that have one are asked both with it and without.
    """
    tiles = [_positive(predict, case.tiles, with_t1c=with_t1c) for case in cases]
    enhanced = [knows_t1c and bool(case.tiles[..., T1C].any()) for case in cases]
    others = [
        _positive(predict, case.tiles, with_t1c=not with_t1c) if both else own
        for case, own, both in zip(cases, tiles, enhanced, strict=True)
    ]
    alone, together = (others, tiles) if with_t1c else (tiles, others)
    labels = np.array([task.label(case.diagnosis) for case in cases])
    of_tiles = np.repeat(labels, [len(part) for part in tiles])
    positive = np.concatenate(tiles)
    scores = _means(tiles)
    loss = -np.log(np.clip(np.where(of_tiles == 1, positive, 1 - positive), 1e-7, 1)).mean()
    point = youden(labels, _means(alone))
    measures = {
        "accuracy": float(np.mean((positive >= 0.5) == of_tiles)),
        "auc": float(roc_auc_score(labels, scores)),
        "validation_loss": float(loss),
        "operating_point": point,
    }
    rows = [
        {
            "case": case.name,
            "mask": case.mask,
            "diagnosis": case.diagnosis.value,
            "label": int(label),
            "probability": float(score),
        }
        for case, label, score in zip(cases, labels, scores, strict=True)
    ]
    return Validation(
        score=(measures[monitor], -measures["validation_loss"]),
        operating_point=point,
        with_t1c=_with_t1c(labels[enhanced], _means(together)[enhanced]),
        measures=measures,
        cases=tuple(rows),
    )


def _means(tiles: Sequence[Array]) -> Array:
    """Scores of cases from those of their tiles."""
    return np.array([part.mean() for part in tiles])


def _with_t1c(labels: Array, scores: Array) -> dict[str, float] | None:
    """What the cases with T1c say, None where a class has none."""
    if len(set(labels)) < 2:
        return None
    point = float(youden(labels, scores))
    return {"auc": float(roc_auc_score(labels, scores)), "operating_point": point}


def _positive(predict: Engine, tiles: Array, *, with_t1c: bool) -> Array:
    """Probability of the positive class for each tile of a case."""
    parts = []
    for start in range(0, len(tiles), TILES_AT_ONCE):
        part = tiles[start : start + TILES_AT_ONCE].astype(np.float32)
        if not with_t1c:
            part[..., T1C] = 0
        parts.append(predict(part)[:, 1])
    return np.concatenate(parts)


def some_cases(cases: Sequence[Case], count: int | None) -> list[Case]:
    """The first cases of each disease in turn, at most so many in all; None gives all.

    A case that comes once for each of its masks counts once, and is taken with all of them.
    """
    diagnoses = {case.name: case.diagnosis for case in cases}
    if count is None or count >= len(diagnoses):
        return list(cases)
    groups = [[name for name, its in diagnoses.items() if its == kind] for kind in (*tree().diagnoses, None)]
    turns = [(turn, kind, name) for kind, group in enumerate(groups) for turn, name in enumerate(group)]
    return only_named(cases, {name for *_, name in sorted(turns)[:count]})
