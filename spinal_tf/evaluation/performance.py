"""Measures of Table 2 of Zhuo et al. 2022 for one task and one set of cases, with intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from spinal_tf.evaluation.described import Proportion
from spinal_tf.evaluation.evaluation_options import Resampling
from spinal_tf.evaluation.scored import Scored
from spinal_tf.evaluation.statistics.bootstrap import Answers, replicate
from spinal_tf.evaluation.statistics.confusion import RATIOS, Confusion, confusion
from spinal_tf.evaluation.statistics.delong import area_interval, areas
from spinal_tf.evaluation.statistics.intervals import Interval, percentile, wilson

MEASURES = (*RATIOS, "auc")
"""Names of the measures in the order of the table."""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One measure with its intervals.

    Attributes:
        value: value from 0 to 1; NaN if it is undefined.
        proportion: counts behind the value; None for the area under the curve, and for an undefined value.
        formula: Wilson's interval of a proportion, or DeLong's of an area; both assume independent cases.
        bootstrap: bootstrap interval over patients, stratified by class.
    """

    value: float
    proportion: Proportion | None
    formula: Interval
    bootstrap: Interval


@dataclass(frozen=True, kw_only=True)
class Performance:
    """Performance of a task on a set; `scored` holds at least one case."""

    scored: Scored
    confusion: Confusion
    measures: Mapping[str, Measure]


def performance(scored: Scored, resampling: Resampling) -> Performance | None:
    """Evaluate the calls and probabilities of a set; None if it has no cases."""
    if not scored.cases:
        return None
    counts = confusion(scored.labels, scored.calls)
    answers = Answers(calls=scored.calls, scores=scored.scores)
    [replicates] = replicate(scored.labels, scored.patients, [answers], resampling)
    measures = {}
    for name in RATIOS:
        proportion = counts.proportion(name)
        measures[name] = Measure(
            value=proportion.count / proportion.total if proportion else math.nan,
            proportion=proportion,
            formula=wilson(proportion),
            bootstrap=percentile(replicates[name]),
        )
    area = areas(scored.labels, scored.scores[None])
    measures["auc"] = Measure(
        value=float(area.values[0]),
        proportion=None,
        formula=area_interval(area),
        bootstrap=percentile(replicates["auc"]),
    )
    return Performance(scored=scored, confusion=counts, measures=measures)
