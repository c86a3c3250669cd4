"""Validation of a network: its measures and its operating point."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any, Protocol, TypeVar

import numpy as np
from sklearn.metrics import roc_auc_score

from spinal_tf.cohort.case import diagnosis_word
from spinal_tf.datasets.anatomy_samples import AnatomyCase
from spinal_tf.datasets.crop_samples import SegmenterCase
from spinal_tf.datasets.tile_samples import ClassifierCase
from spinal_tf.engine import Engine, run_in_batches
from spinal_tf.evaluation.statistics.operating_point import youden
from spinal_tf.lesions import find_candidates
from spinal_tf.prediction_options import MINIMUM_VOLUME_ML
from spinal_tf.slices import T1C
from spinal_tf.taxonomy import Task, tree
from spinal_tf.threads import Progress
from spinal_tf.training.data import only_named
from spinal_tf.training.plans import Monitor

THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Candidate thresholds for the segmenter's operating point."""

PEAKS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
"""Candidate peak probabilities that a lesion must reach; 0 (no minimum) is also a candidate."""


Point = tuple[float, float]
"""A threshold, and the minimum peak probability of a lesion."""


def operating_points(thresholds: Sequence[float], peaks: Sequence[float]) -> tuple[Point, ...]:
    """Combine each threshold with a peak of 0 and with every peak above the threshold, ascending."""
    return tuple((low, peak) for low in thresholds for peak in (0.0, *(high for high in peaks if high > low)))


POINTS = operating_points(THRESHOLDS, PEAKS)

AS_GOOD = 0.01
"""Tolerance in mean Dice: points this close to the best count as equal on few cases, and healthy cases decide."""

TILES_AT_ONCE = 32
PLANES_AT_ONCE = 16

Array = np.ndarray
Case = TypeVar("Case", SegmenterCase, ClassifierCase, AnatomyCase)


@dataclass(frozen=True, kw_only=True)
class Validation:
    """Result of one validation.

    Attributes:
        score: score of the network, higher is better; numbers after the first break ties.
        operating_point: operating point chosen on these cases.
        minimum_peak: minimum peak chosen on these cases; 0 for classifiers.
        with_t1c: ``auc`` and ``operating_point`` of the cases with T1c, for a classifier trained with T1c; the
            ``operating_point`` above is then that of T2w alone. None if these cases lack a class.
        measures: measures for the log, by name.
        cases: one record per case.
    """

    score: tuple[float, ...]
    operating_point: float
    minimum_peak: float = 0.0
    with_t1c: dict[str, float] | None = None
    measures: dict[str, float]
    cases: tuple[dict[str, Any], ...] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the result as a JSON-serializable record."""
        return {
            "score": list(self.score),
            "operating_point": self.operating_point,
            "minimum_peak": self.minimum_peak,
            "with_t1c": self.with_t1c,
            "measures": self.measures,
            "cases": list(self.cases),
        }


class Validate(Protocol):
    """Function that evaluates a network: one of those below with its cases."""

    def __call__(self, predict: Engine, *, progress: Progress) -> Validation:
        """Evaluate the network; ``progress`` is called after each case."""


def unwatched(done: int, total: int) -> None:
    """Ignore the progress of a validation."""


def counted(cases: Sequence[Case], progress: Progress) -> Iterator[Case]:
    """Yield the cases, and report each when the next one is asked for."""
    for done, case in enumerate(cases, start=1):
        yield case
        progress(done, len(cases))


def validate_segmenter(
    predict: Engine, cases: Sequence[SegmenterCase], *, progress: Progress = unwatched
) -> Validation:
    """Compute the Dice of whole cases on all their planes, and choose the operating point.

    Threshold and minimum peak are chosen together, in this order: points within `AS_GOOD` of the best mean Dice over
    the diseases; among them those that leave the most healthy cases empty; then the best mean Dice; then the highest.
    Healthy cases alone would choose a threshold so high that small lesions are lost. They are counted by case, not by
    mL, so that one large false positive does not decide for all. In the score, the healthy form one more group, with
    a Dice of 1 for an empty mask and 0 otherwise. Specks are removed first, as from every mask. The soft Dice of the
    probabilities breaks ties, for example between the empty masks of the first steps.

    Args:
        predict: the network, from float32 (n, rows, columns, channels) to probabilities (n, rows, columns, 1).
        cases: cases, at least one with a disease.
        progress: called with the number of cases done and the total after each.
    """
    found = [_at_points(predict, case) for case in counted(cases, progress)]
    soft, dice, marked_ml = (np.array(part) for part in zip(*found, strict=True))
    groups = [kind for kind in (*tree().diagnoses, None) if any(case.diagnosis == kind for case in cases)]
    means = np.array([dice[[case.diagnosis == kind for case in cases]].mean(axis=0) for kind in groups])
    healthy = np.array([case.diagnosis is None for case in cases])
    left_empty = means[[kind is None for kind in groups]].sum(axis=0)  # at most one group, the healthy
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
    """Return the index of the chosen point: near the best Dice, then most cases empty, then best Dice, then last."""
    good = np.flatnonzero(dice >= dice.max() - AS_GOOD)
    return int(max(good, key=lambda point: (left_empty[point], dice[point], point)))


def _at_points(predict: Engine, case: SegmenterCase) -> tuple[float, list[float], list[float]]:
    """Compute the soft Dice of the probabilities, and the Dice and marked mL at each of `POINTS`."""
    probability = _probability(predict, case)
    total = float(probability.sum(dtype=np.float64)) + len(case.lesion_voxels)
    soft = 2 * float(probability[case.mask].sum(dtype=np.float64)) / total if total else 1.0
    return soft, *dice_at_points(probability, case.mask, POINTS, voxel_ml=case.voxel_ml)


def dice_at_points(
    probability: Array, drawn: Array, points: Sequence[Point], *, voxel_ml: float
) -> tuple[list[float], list[float]]:
    """Compute the Dice with a mask and the marked mL at each operating point; specks are removed.

    Args:
        probability: lesion probability, float32 (slice, row, column).
        drawn: ground-truth mask, bool, the same shape.
        points: operating points, grouped by threshold, since the components of a threshold are found once.
        voxel_ml: volume of a voxel in mL.
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
    """Predict every plane, a few at a time since each may come with its neighbors: float32 (slice, row, column)."""
    parts = np.array_split(np.arange(len(case.planes)), -(-len(case.planes) // PLANES_AT_ONCE))
    return np.concatenate([run_in_batches(predict, case.seen(part).astype(np.float32))[..., 0] for part in parts])


def validate_classifier(
    predict: Engine,
    cases: Sequence[ClassifierCase],
    task: Task,
    *,
    with_t1c: bool,
    monitor: Monitor,
    knows_t1c: bool = False,
    progress: Progress = unwatched,
) -> Validation:
    """Compute the tiles' accuracy as in the authors' code, and the cases' AUC and Youden cut-offs, one per input.

    Args:
        predict: the network, from float32 tiles (n, rows, columns, 3) to probabilities (n, 2).
        cases: cases of the task, each with at least one tile, both classes present.
        task: classification task.
        with_t1c: keep the T1c channel in the tiles that the measures are computed on.
        monitor: first measure of the score; the loss breaks ties.
        knows_t1c: whether the network was trained with T1c; cases with T1c are then predicted with it and without.
        progress: called with the number of cases done and the total after each.
    """
    enhanced = [knows_t1c and bool(case.tiles[..., T1C].any()) for case in cases]
    tiles, others = [], []
    for case, both in zip(counted(cases, progress), enhanced, strict=True):
        own = _positive(predict, case.tiles, with_t1c=with_t1c)
        tiles.append(own)
        others.append(_positive(predict, case.tiles, with_t1c=not with_t1c) if both else own)
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
    """Average the scores of tiles into scores of cases."""
    return np.array([part.mean() for part in tiles])


def _with_t1c(labels: Array, scores: Array) -> dict[str, float] | None:
    """Compute AUC and operating point of the cases with T1c; None if a class has no such case."""
    if len(set(labels)) < 2:
        return None
    point = float(youden(labels, scores))
    return {"auc": float(roc_auc_score(labels, scores)), "operating_point": point}


def _positive(predict: Engine, tiles: Array, *, with_t1c: bool) -> Array:
    """Return the probability of the positive class for each tile of a case."""
    parts = []
    for start in range(0, len(tiles), TILES_AT_ONCE):
        part = tiles[start : start + TILES_AT_ONCE].astype(np.float32)
        if not with_t1c:
            part[..., T1C] = 0
        parts.append(predict(part)[:, 1])
    return np.concatenate(parts)


def some_cases(cases: Sequence[Case], count: int | None) -> list[Case]:
    """Take cases of each disease in turn, at most ``count`` in total; None gives all.

    A case that appears once per mask counts once, and is taken with all its masks.
    """
    diagnoses = {case.name: case.diagnosis for case in cases}
    if count is None or count >= len(diagnoses):
        return list(cases)
    groups = [[name for name, its in diagnoses.items() if its == kind] for kind in (*tree().diagnoses, None)]
    turns = [(turn, kind, name) for kind, group in enumerate(groups) for turn, name in enumerate(group)]
    return only_named(cases, {name for *_, name in sorted(turns)[:count]})
