"""What kind of cases weights were trained on, by what manifests and runs say, old ones too."""

from __future__ import annotations

import pytest

from spinal_tf.checkpoints.data_kind import data_kind, kind_of_cohort


@pytest.mark.parametrize(
    ("training", "kind"),
    [
        ({"kind": "patients", "data": "simulated lesions"}, "patients"),
        ({"kind": "mixed"}, "mixed"),
        ({"kind": None, "data": "simulated lesions"}, None),
        ({"kind": "mice"}, None),
        ({"data": "simulated lesions in drawn spines"}, "simulated"),
        ({"data": "Simulated lesions"}, "simulated"),
        ({"data": "312 patients of one hospital"}, None),
        ({"data": "312 patients and 40 simulated cases"}, None),
        ({"data": ["simulated lesions"]}, None),
        ({}, None),
    ],
)
def test_the_kind_is_stated_or_derived_or_left_open(training, kind):
    assert data_kind(training) == kind


CASES = {"train": {"ms": 3, "nmosd": 2}, "validation": {"ms": 1}}


@pytest.mark.parametrize(("simulated", "kind"), [(6, "simulated"), (2, "mixed"), (0, None)])
def test_a_cohort_that_says_which_cases_are_simulated_tells_the_kind(simulated, kind):
    assert kind_of_cohort({"cases": CASES, "simulated": simulated}) == kind


def test_a_run_of_an_earlier_version_tells_nothing():
    assert kind_of_cohort({"cases": CASES}) is None
