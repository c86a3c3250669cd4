"""Intervals of mean measures of masks, and of pooled lesion counts, by a bootstrap over patients.

Lesions of a patient tend to be found or missed together. They are not independent, but Wilson's interval assumes that.
A resample therefore draws patients with all their cases and lesions, and counts again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field

import numpy as np

from spinal_tf.evaluation.evaluation_options import Resampling
from spinal_tf.evaluation.lesionwise import ALL_SIZES, SIZES, LesionwiseScore, Rule, Size
from spinal_tf.evaluation.statistics.bootstrap import draws
from spinal_tf.evaluation.statistics.intervals import UNKNOWN, Interval, percentile

COUNTED = tuple((rule, size) for rule in Rule for size in (ALL_SIZES, *SIZES))


@dataclass(frozen=True, kw_only=True)
class DetectionIntervals:
    """Intervals of the ratios of `lesionwise.Detection`, with all lesions of a size counted together."""

    recall: Interval = UNKNOWN
    precision: Interval = UNKNOWN
    f1: Interval = UNKNOWN


@dataclass(frozen=True, kw_only=True)
class MaskIntervals:
    """Intervals of one group; empty if it has a single patient.

    An interval is unknown if its number is defined in too few resamples.

    Attributes:
        means: intervals of the means by name of the measure; unknown if a value is infinite.
        detection: intervals by rule and size; empty if the lesions are unknown.
    """

    means: Mapping[str, Interval] = field(default_factory=dict)
    detection: Mapping[tuple[Rule, Size], DetectionIntervals] = field(default_factory=dict)


def mask_intervals(
    values: Mapping[str, Sequence[float]],
    lesions: Sequence[LesionwiseScore] | None,
    patients: Sequence[str],
    resampling: Resampling,
) -> MaskIntervals:
    """Compute the intervals of a group by resampling its patients in a single stratum.

    Args:
        values: values of the n cases by name of the measure; the mean ignores NaN.
        lesions: lesions of the n cases; None if they are unknown.
        patients: patients of the n cases.
        resampling: options of the bootstrap.
    """
    if len(set(patients)) < 2:
        return MaskIntervals()
    cells = np.array(list(values.values()), float).T.reshape(len(patients), len(values))
    defined = ~np.isnan(cells) & ~np.isinf(cells).any(axis=0)
    counts = np.array([[astuple(one.detection(*key)) for key in COUNTED] for one in lesions or ()], float)
    columns = [np.where(defined, cells, 0), defined, counts.reshape(len(patients), -1)]
    sums = _resampled(np.hstack(columns), np.array(patients, str), resampling)
    with np.errstate(divide="ignore", invalid="ignore"):
        means = sums[: len(values)] / sums[len(values) : 2 * len(values)]
    counted = sums[2 * len(values) :].reshape(-1, 4, resampling.resamples)
    return MaskIntervals(
        means={name: percentile(row) for name, row in zip(values, means, strict=True)},
        detection={key: _ratios(*rows) for key, rows in zip(COUNTED, counted, strict=False)},
    )


def _resampled(columns: np.ndarray, patients: np.ndarray, resampling: Resampling) -> np.ndarray:
    """Return the sum of each column in every resample, (k, resamples)."""
    blocks = draws(np.zeros(len(patients), int), patients, resampling)
    return np.concatenate([counts @ columns for counts in blocks]).T


def _ratios(found: np.ndarray, missed: np.ndarray, true: np.ndarray, false: np.ndarray) -> DetectionIntervals:
    """Compute the ratios as in `lesionwise.Detection`, including 0 / 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        recall, precision = found / (found + missed), true / (true + false)
        harmonic = 2 * recall * precision / (recall + precision)
    f1 = np.where((found > 0) & (true > 0), harmonic, np.where(found + missed + true + false > 0, 0, np.nan))
    return DetectionIntervals(recall=percentile(recall), precision=percentile(precision), f1=percentile(f1))
