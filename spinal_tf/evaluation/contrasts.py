"""Comparisons of two sets of answers: raters, another model, further scans, subgroups."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from spinal_tf.evaluation.described import Proportion
from spinal_tf.evaluation.evaluation_options import Resampling
from spinal_tf.evaluation.group_tests import proportions_p
from spinal_tf.evaluation.predictions import CaseSet
from spinal_tf.evaluation.scored import Scored
from spinal_tf.evaluation.statistics.bootstrap import Answers, Replicates, replicate
from spinal_tf.evaluation.statistics.confusion import Confusion, confusion
from spinal_tf.evaluation.statistics.delong import Difference, areas, paired_difference, unpaired_difference
from spinal_tf.evaluation.statistics.intervals import UNKNOWN, Interval, newcombe, percentile
from spinal_tf.evaluation.statistics.paired_tests import holm, mcnemar
from spinal_tf.taxonomy import Task

COMPARED = ("accuracy", "sensitivity", "specificity", "auc")


@dataclass(frozen=True, kw_only=True)
class MeasureDifference:
    """Difference of a measure, first minus second.

    Attributes:
        measure: one of `COMPARED`.
        first: first value; None if it is undefined.
        second: second value; None if it is undefined.
        value: difference; NaN if either value is undefined.
        bootstrap: interval of the difference, by bootstrap over patients.
        formula: Newcombe's interval of independent proportions, or DeLong's of areas; unknown for paired proportions.
        test: name of the test.
        p: two-sided p value; NaN if the test was not possible.
        p_holm: p value corrected for all tests of the same kind, set and measure.
    """

    measure: str
    first: Proportion | float | None
    second: Proportion | float | None
    value: float
    bootstrap: Interval
    formula: Interval
    test: str
    p: float
    p_holm: float = math.nan


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """Comparison of two sets of answers on one task and set.

    Attributes:
        kind: ``rater``, ``model``, ``modality`` or ``subgroup``.
        first: name of the first.
        second: name of the second.
        task: classification task.
        case_set: set of the cases.
        cases: numbers of cases of the first and of the second; equal if they share the cases.
        outside: number of a rater's answers outside of the classes of the task; they count as wrong.
        differences: differences in the order of `COMPARED`.
    """

    kind: str
    first: str
    second: str
    task: Task
    case_set: CaseSet
    cases: tuple[int, int]
    outside: int = 0
    differences: tuple[MeasureDifference, ...]


def paired(
    scored: Scored, names: tuple[str, str], other: Answers, resampling: Resampling, *, kind: str, outside: int = 0
) -> Contrast:
    """Compare calls and scores with others for the same cases.

    Proportions are tested with McNemar's test, areas with DeLong's test for paired curves. The bootstrap draws the same
    patients for both.

    Args:
        scored: answers of the first; at least one case.
        names: names of the first and the second.
        other: answers of the second; without scores, areas are not compared.
        resampling: options of the bootstrap.
        kind: see `Contrast`.
        outside: see `Contrast`.
    """
    labels, with_curve = scored.labels, other.scores is not None
    answers = (Answers(calls=scored.calls, scores=scored.scores if with_curve else None), other)
    replicates = replicate(labels, scored.patients, answers, resampling)
    counts = [confusion(labels, one.calls) for one in answers]
    right = [one.calls == labels for one in answers]
    differences = []
    for measure, chosen in (("accuracy", labels | True), ("sensitivity", labels), ("specificity", ~labels)):
        test = mcnemar(right[0][chosen], right[1][chosen])
        tested = ("McNemar, exact" if test.exact else "McNemar", test.p)
        differences.append(_of_ratios(measure, counts, replicates, tested, formula=UNKNOWN))
    if other.scores is not None:
        found = areas(labels, np.stack([scored.scores, other.scores]))
        differences.append(_of_areas(found.values, paired_difference(found), replicates))
    return Contrast(
        kind=kind,
        first=names[0],
        second=names[1],
        task=scored.task,
        case_set=scored.case_set,
        cases=(len(labels), len(labels)),
        outside=outside,
        differences=tuple(differences),
    )


def unpaired(first: Scored, second: Scored, names: tuple[str, str], resampling: Resampling) -> Contrast:
    """Compare one group of cases with another.

    Proportions are tested as in Table 1, with the chi-squared test or Fisher's exact test; areas are tested with
    DeLong's test. Resamples of the groups are independent of each other.

    Args:
        first: first group, at least one case.
        second: second group, at least one case.
        names: names of the groups.
        resampling: options of the bootstrap.
    """
    groups = (first, second)
    replicates = [
        replicate(one.labels, one.patients, [Answers(calls=one.calls, scores=one.scores)], resampling, stream=stream)[0]
        for stream, one in enumerate(groups)
    ]
    counts = [confusion(one.labels, one.calls) for one in groups]
    differences = []
    for measure in COMPARED[:-1]:
        shares = [one.proportion(measure) for one in counts]
        tested = proportions_p([share for share in shares if share])
        differences.append(_of_ratios(measure, counts, replicates, tested, formula=newcombe(shares[0], shares[1])))
    curves = [areas(one.labels, one.scores[None]) for one in groups]
    values = np.concatenate([curve.values for curve in curves])
    differences.append(_of_areas(values, unpaired_difference(curves[0], curves[1]), replicates))
    return Contrast(
        kind="subgroup",
        first=names[0],
        second=names[1],
        task=first.task,
        case_set=first.case_set,
        cases=(len(first.cases), len(second.cases)),
        differences=tuple(differences),
    )


def corrected(contrasts: Sequence[Contrast]) -> tuple[Contrast, ...]:
    """Correct the p values with Holm's method; a family is all tests of one kind, set and measure."""
    families: dict[tuple[str, CaseSet, str], list[tuple[int, int]]] = defaultdict(list)
    for index, contrast in enumerate(contrasts):
        for place, difference in enumerate(contrast.differences):
            families[contrast.kind, contrast.case_set, difference.measure].append((index, place))
    values: dict[tuple[int, int], float] = {}
    for places in families.values():
        tested = [contrasts[index].differences[place].p for index, place in places]
        values |= dict(zip(places, holm(tested), strict=True))
    return tuple(
        replace(
            contrast,
            differences=tuple(
                replace(difference, p_holm=values[index, place])
                for place, difference in enumerate(contrast.differences)
            ),
        )
        for index, contrast in enumerate(contrasts)
    )


def _of_ratios(
    measure: str,
    counts: Sequence[Confusion],
    replicates: Sequence[Replicates],
    tested: tuple[str, float],
    *,
    formula: Interval,
) -> MeasureDifference:
    first, second = (one.proportion(measure) for one in counts)
    return MeasureDifference(
        measure=measure,
        first=first,
        second=second,
        value=_share(first) - _share(second),
        bootstrap=percentile(replicates[0][measure] - replicates[1][measure]),
        formula=formula,
        test=tested[0],
        p=tested[1],
    )


def _of_areas(values: np.ndarray, apart: Difference, replicates: Sequence[Replicates]) -> MeasureDifference:
    return MeasureDifference(
        measure="auc",
        first=_known(values[0]),
        second=_known(values[1]),
        value=apart.value,
        bootstrap=percentile(replicates[0]["auc"] - replicates[1]["auc"]),
        formula=apart.interval,
        test="DeLong",
        p=apart.p,
    )


def _share(proportion: Proportion | None) -> float:
    return proportion.count / proportion.total if proportion else math.nan


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
