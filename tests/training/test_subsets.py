"""Parts of the training patients: nested, of each diagnosis alike, whole patients."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinal_tf.cohort.case import Case
from spinal_tf.taxonomy import tree
from spinal_tf.training.subsets import nested_subset


def cases(*counts: int, per_patient: int = 1) -> list[Case]:
    """So many patients of each diagnosis, the healthy last."""
    return [
        Case(row=2, name=f"{kind}-{number}-{scan}", patient=f"{kind}-{number}", t2=Path("t2.nii.gz"), diagnosis=kind)
        for kind, count in zip((*tree().diagnoses, None), counts, strict=False)
        for number in range(count)
        for scan in range(per_patient)
    ]


def counts(names: frozenset[str]) -> list[int]:
    return [sum(name.startswith(f"{kind}-") for name in names) for kind in (*tree().diagnoses, None)]


@pytest.mark.parametrize(
    ("fraction", "expected"),
    [(0.1, [3, 1, 1, 1, 1]), (0.5, [15, 5, 2, 1, 2]), (1.0, [30, 10, 3, 1, 4]), (0.001, [1, 1, 1, 1, 1])],
)
def test_each_diagnosis_and_the_healthy_give_the_same_share_rounded_up(fraction, expected):
    assert counts(nested_subset(cases(30, 10, 3, 1, 4), fraction, seed=0)) == expected


@given(st.floats(0.01, 1), st.floats(0.01, 1), st.integers(0, 5), st.permutations(range(12)))
def test_a_larger_part_contains_a_smaller_one_in_whatever_order_cases_stand(one, other, seed, order):
    ours = cases(7, 5)
    smaller, larger = sorted((one, other))
    part = nested_subset(ours, smaller, seed)
    assert part <= nested_subset(ours, larger, seed)
    assert part == nested_subset([ours[place] for place in order], smaller, seed)


def test_a_patient_comes_with_all_scans():
    part = nested_subset(cases(4, 4, per_patient=3), 0.5, seed=1)
    assert len(part) == 12
    assert len({name.rsplit("-", 1)[0] for name in part}) == 4


def test_another_seed_takes_others():
    parts = {nested_subset(cases(20), 0.5, seed) for seed in range(5)}
    assert len(parts) == 5
