import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinal_tf.taxonomy import (
    ASTROCYTOMA_VS_EPENDYMOMA,
    MS_VS_NMOSD,
    TASKS,
    TUMOR_VS_DEMYELINATING,
    Diagnosis,
    posterior,
    task_named,
)

A, E, M, N = Diagnosis.ASTROCYTOMA, Diagnosis.EPENDYMOMA, Diagnosis.MS, Diagnosis.NMOSD
PROBABILITY = st.floats(0, 1)


def positives(demyelinating, ependymoma, nmosd):
    return {
        "tumor_vs_demyelinating": demyelinating,
        "astrocytoma_vs_ependymoma": ependymoma,
        "ms_vs_nmosd": nmosd,
    }


def test_diagnoses_are_written_in_one_form_and_read_back():
    assert [d.value for d in Diagnosis] == ["astrocytoma", "ependymoma", "ms", "nmosd"]
    assert [Diagnosis(d.value) for d in Diagnosis] == [A, E, M, N]


def test_abbreviations_are_printed_in_capitals():
    assert [d.printed for d in Diagnosis] == ["Astrocytoma", "Ependymoma", "MS", "NMOSD"]


@pytest.mark.parametrize(
    ("task", "labels"),
    [
        (TUMOR_VS_DEMYELINATING, {A: 0, E: 0, M: 1, N: 1}),
        (ASTROCYTOMA_VS_EPENDYMOMA, {A: 0, E: 1}),
        (MS_VS_NMOSD, {M: 0, N: 1}),
    ],
)
def test_the_positive_class_is_the_one_of_table_2(task, labels):
    assert {d: task.label(d) for d in Diagnosis if task.applies_to(d)} == labels


@pytest.mark.parametrize("task", TASKS)
def test_no_diagnosis_is_in_both_classes_and_names_say_the_order(task):
    assert not task.negative & task.positive
    assert task.name == f"{task.classes[0]}_vs_{task.classes[1]}"


def test_a_diagnosis_outside_a_task_has_no_label():
    assert not MS_VS_NMOSD.applies_to(A)
    with pytest.raises(ValueError, match="astrocytoma is not part of ms_vs_nmosd"):
        MS_VS_NMOSD.label(A)


def test_a_task_is_found_by_its_name_only():
    assert [task_named(task.name) for task in TASKS] == list(TASKS)
    with pytest.raises(ValueError, match="no task is called ms; the tasks are tumor_vs_demyelinating, "):
        task_named("ms")


def test_posterior_by_hand():
    # 0.2 x 0.7, 0.2 x 0.3, 0.8 x 0.9, 0.8 x 0.1
    assert posterior(positives(0.8, 0.3, 0.1)) == pytest.approx({A: 0.14, E: 0.06, M: 0.72, N: 0.08})


@given(PROBABILITY, PROBABILITY, PROBABILITY)
def test_posterior_is_a_distribution_whose_margin_is_the_first_task(demyelinating, ependymoma, nmosd):
    joined = posterior(positives(demyelinating, ependymoma, nmosd))
    assert sum(joined.values()) == pytest.approx(1)
    assert all(0 <= value <= 1 for value in joined.values())
    assert joined[M] + joined[N] == pytest.approx(demyelinating)


@given(PROBABILITY, PROBABILITY, PROBABILITY)
def test_turning_a_subtype_round_swaps_its_two_diagnoses_alone(demyelinating, ependymoma, nmosd):
    one = posterior(positives(demyelinating, ependymoma, nmosd))
    other = posterior(positives(demyelinating, ependymoma, 1 - nmosd))
    assert (other[M], other[N]) == pytest.approx((one[N], one[M]))
    assert (other[A], other[E]) == (one[A], one[E])


@pytest.mark.parametrize("wrong", [-0.01, 1.01, float("nan"), float("inf")])
@pytest.mark.parametrize("task", TASKS)
def test_what_is_no_probability_is_refused_by_name(task, wrong):
    with pytest.raises(ValueError, match=f"{task.name}: .* is not a probability"):
        posterior({**positives(0.5, 0.5, 0.5), task.name: wrong})
