from collections import Counter
from datetime import date

import numpy as np
import pytest
from five_leaves import INFARCTION

from spinal_tf.cohort.case import Split, diagnosis_word
from spinal_tf.errors import CohortError
from spinal_tf.phantom.parameters import DISEASES
from spinal_tf.phantom.patients import AGES_YEARS, DEMOGRAPHY, draw_patient
from spinal_tf.phantom.plan import PAPER_COUNTS, SPLITS_IN_TURN, plan_cohort
from spinal_tf.taxonomy import MS, tree

PEOPLE = 500


def people(diagnosis, *, prospective=False):
    return [draw_patient(np.random.default_rng([5, n]), diagnosis, prospective=prospective) for n in range(PEOPLE)]


@pytest.mark.parametrize("diagnosis", [*tree().diagnoses, None])
def test_people_follow_the_published_shares(diagnosis):
    expected = DEMOGRAPHY[diagnosis]
    drawn = people(diagnosis)
    for share, wanted in (
        (np.mean([person.sex == "female" for person in drawn]), expected.female),
        (np.mean([person.difficult for person in drawn]), expected.difficult),
    ):
        assert abs(share - wanted) <= 3.5 * np.sqrt(wanted * (1 - wanted) / PEOPLE)
    ages = np.array([person.age_years for person in drawn])
    assert ages.mean() == pytest.approx(expected.age_years[0], abs=2.5)
    assert ages.std() == pytest.approx(expected.age_years[1], rel=0.15)
    assert AGES_YEARS[0] <= ages.min() <= ages.max() <= AGES_YEARS[1]
    assert {person.field_strength_t for person in drawn} == {1.5, 3.0}


def test_the_test_cohort_was_scanned_later():
    earlier = [person.scan_date for person in people(MS)]
    later = [person.scan_date for person in people(MS, prospective=True)]
    assert date(2012, 1, 1) <= min(earlier) <= max(earlier) <= date(2018, 12, 31)
    assert date(2019, 1, 1) <= min(later) <= max(later) <= date(2020, 12, 31)


# The plan


def test_the_paper_has_490_and_157_cases():
    planned = plan_cohort(cases=None)
    assert len(planned) == 490 + 157 == len({case.name for case in planned}) == len({case.seed for case in planned})
    counts = Counter((case.split, case.diagnosis) for case in planned)
    # Zhuo et al. 2022: 118, 130, 101 and 141 for training and validation, 34, 45, 33 and 45 for testing
    for diagnosis, number in zip(tree().diagnoses, (118, 130, 101, 141), strict=True):
        assert counts[Split.TRAIN, diagnosis] + counts[Split.VALIDATION, diagnosis] == number
    assert [counts[Split.TEST, diagnosis] for diagnosis in tree().diagnoses] == [34, 45, 33, 45]
    assert sum(PAPER_COUNTS[Split.TRAIN]) == 392
    assert sum(PAPER_COUNTS[Split.VALIDATION]) == 98


def test_the_first_tenth_of_the_papers_cohort_has_all_of_it():
    first = plan_cohort(cases=None)[:65]
    assert {(case.split, case.diagnosis) for case in first} == {(s, d) for s in PAPER_COUNTS for d in tree().diagnoses}


def test_one_disease_has_its_own_numbers():
    planned = plan_cohort(cases=None, diagnosis=MS)
    assert Counter(case.split for case in planned) == {Split.TRAIN: 81, Split.VALIDATION: 20, Split.TEST: 33}
    assert {case.diagnosis for case in planned} == {MS}


def test_a_number_of_cases_takes_the_diseases_in_turn_and_begins_alike():
    planned = plan_cohort(cases=10)
    assert [case.diagnosis for case in planned[:8]] == [*tree().diagnoses, *tree().diagnoses]
    assert planned == plan_cohort(cases=80)[:10]
    splits = Counter((case.split, case.diagnosis) for case in plan_cohort(cases=80))
    for diagnosis in tree().diagnoses:
        assert [splits[split, diagnosis] for split in (Split.TRAIN, Split.VALIDATION, Split.TEST)] == [12, 3, 5]
    assert Counter(SPLITS_IN_TURN) == {Split.TRAIN: 12, Split.VALIDATION: 3, Split.TEST: 5}


def test_healthy_people_change_nobody_else():
    ill = plan_cohort(cases=4)
    planned = plan_cohort(cases=4, healthy=3)
    assert planned[:4] == ill
    healthy = planned[4:]
    assert [case.name for case in healthy] == ["healthy-0001", "healthy-0002", "healthy-0003"]
    assert all(case.diagnosis is None and diagnosis_word(case.diagnosis) == "healthy" for case in healthy)
    assert not {case.seed for case in healthy} & {case.seed for case in plan_cohort(cases=700)}


def test_every_simulated_disease_has_patients():
    assert set(DEMOGRAPHY) == {*DISEASES, None}


def test_a_disease_that_the_paper_lacks_needs_a_number_of_cases(monkeypatch):
    monkeypatch.setitem(DISEASES, INFARCTION, DISEASES[MS])
    assert [case.diagnosis for case in plan_cohort(cases=2, diagnosis=INFARCTION)] == [INFARCTION] * 2
    with pytest.raises(CohortError, match="infarction: the paper has no such case; say how many cases to simulate"):
        plan_cohort(cases=None, diagnosis=INFARCTION)
    monkeypatch.setattr("spinal_tf.phantom.plan.DISEASES", {})
    with pytest.raises(CohortError, match="no diagnosis of the tree has simulation parameters"):
        plan_cohort(cases=3)
