"""Subsets of the training cases, for learning curves."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from spinal_tf.cohort.case import Case
from spinal_tf.cohort.split import patient_strata


def nested_subset(cases: Sequence[Case], fraction: float, seed: int) -> frozenset[str]:
    """Choose a fraction of the patients of each diagnosis, with all their cases.

    A larger fraction contains every smaller one of the same seed. The same patients and seed give the same subset,
    whatever the order of the cases.

    Args:
        cases: cases to choose from.
        fraction: fraction of the patients, above 0 and at most 1; rounded up, so that every diagnosis is kept.
        seed: seed of the order in which patients are taken.

    Returns:
        Names of cases.
    """
    strata = patient_strata(cases)
    chosen: set[str] = set()
    for stratum in sorted(set(strata.values())):
        patients = sorted(patient for patient, of in strata.items() if of == stratum)
        order = np.random.default_rng([seed, *stratum.encode("utf-8")]).permutation(len(patients))
        count = math.ceil(round(fraction * len(patients), 9))  # round first: 0.1 x 30 is slightly above 3
        chosen.update(patients[place] for place in order[:count])
    return frozenset(case.name for case in cases if case.patient in chosen)
