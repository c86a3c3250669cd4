import ast
import math
from pathlib import Path

import pytest
from five_leaves import FIVE_LEAVES, INFARCTION, INFARCTION_VS_DEMYELINATING, TUMOR_VS_OTHER
from hypothesis import given
from hypothesis import strategies as st

from spinal_tf.taxonomy import (
    ASTROCYTOMA,
    ASTROCYTOMA_VS_EPENDYMOMA,
    EPENDYMOMA,
    MS,
    MS_VS_NMOSD,
    NMOSD,
    PAPER_TREE,
    TUMOR_VS_DEMYELINATING,
    Diagnosis,
    Task,
    Tree,
    tree,
    using,
)

A, E, M, N = ASTROCYTOMA, EPENDYMOMA, MS, NMOSD
PROBABILITY = st.floats(0, 1)


def positives(demyelinating, ependymoma, nmosd):
    return {
        "tumor_vs_demyelinating": demyelinating,
        "astrocytoma_vs_ependymoma": ependymoma,
        "ms_vs_nmosd": nmosd,
    }


def test_diagnoses_are_written_in_one_form_and_read_back():
    assert [d.value for d in tree().diagnoses] == ["astrocytoma", "ependymoma", "ms", "nmosd"]
    assert [tree().diagnosis(d.value) for d in tree().diagnoses] == [A, E, M, N]


def test_abbreviations_are_printed_in_capitals():
    assert [d.printed for d in tree().diagnoses] == ["Astrocytoma", "Ependymoma", "MS", "NMOSD"]


@pytest.mark.parametrize(
    ("task", "labels"),
    [
        (TUMOR_VS_DEMYELINATING, {A: 0, E: 0, M: 1, N: 1}),
        (ASTROCYTOMA_VS_EPENDYMOMA, {A: 0, E: 1}),
        (MS_VS_NMOSD, {M: 0, N: 1}),
    ],
)
def test_the_positive_class_is_the_one_of_table_2(task, labels):
    assert {d: task.label(d) for d in tree().diagnoses if task.applies_to(d)} == labels


@pytest.mark.parametrize("task", PAPER_TREE.tasks)
def test_no_diagnosis_is_in_both_classes_and_names_say_the_order(task):
    assert not task.negative & task.positive
    assert task.name == f"{task.classes[0]}_vs_{task.classes[1]}"


def test_a_diagnosis_outside_a_task_has_no_label():
    assert not MS_VS_NMOSD.applies_to(A)
    with pytest.raises(ValueError, match="astrocytoma is not part of ms_vs_nmosd"):
        MS_VS_NMOSD.label(A)


def test_a_task_is_found_by_its_name_only():
    assert [tree().task(task.name) for task in tree().tasks] == list(tree().tasks)
    with pytest.raises(ValueError, match="no task is called ms; the tasks are tumor_vs_demyelinating, "):
        tree().task("ms")


def test_posterior_by_hand():
    # 0.2 x 0.7, 0.2 x 0.3, 0.8 x 0.9, 0.8 x 0.1
    assert PAPER_TREE.posterior(positives(0.8, 0.3, 0.1)) == pytest.approx({A: 0.14, E: 0.06, M: 0.72, N: 0.08})


@given(PROBABILITY, PROBABILITY, PROBABILITY)
def test_posterior_is_a_distribution_whose_margin_is_the_first_task(demyelinating, ependymoma, nmosd):
    joined = PAPER_TREE.posterior(positives(demyelinating, ependymoma, nmosd))
    assert sum(joined.values()) == pytest.approx(1)
    assert all(0 <= value <= 1 for value in joined.values())
    assert joined[M] + joined[N] == pytest.approx(demyelinating)


@given(PROBABILITY, PROBABILITY, PROBABILITY)
def test_turning_a_subtype_round_swaps_its_two_diagnoses_alone(demyelinating, ependymoma, nmosd):
    one = PAPER_TREE.posterior(positives(demyelinating, ependymoma, nmosd))
    other = PAPER_TREE.posterior(positives(demyelinating, ependymoma, 1 - nmosd))
    assert (other[M], other[N]) == pytest.approx((one[N], one[M]))
    assert (other[A], other[E]) == (one[A], one[E])


@pytest.mark.parametrize("wrong", [-0.01, 1.01, float("nan"), float("inf")])
@pytest.mark.parametrize("task", PAPER_TREE.tasks)
def test_what_is_no_probability_is_refused_by_name(task, wrong):
    with pytest.raises(ValueError, match=f"{task.name}: .* is not a probability"):
        PAPER_TREE.posterior({**positives(0.5, 0.5, 0.5), task.name: wrong})


def test_a_diagnosis_is_found_by_its_name_only():
    with pytest.raises(ValueError, match="no diagnosis is called stroke; the diagnoses are astrocytoma, "):
        tree().diagnosis("stroke")


def test_sentences_write_classes_by_their_terms():
    assert [tree().term(name) for name in ("ms", "astrocytoma", "tumor", "not_a_tumor")] == [
        "MS",
        "astrocytoma",
        "tumor",
        "not a tumor",
    ]


# A tree with a fifth diagnosis


def test_a_fifth_diagnosis_joins_the_posterior_by_hand():
    positive = {
        "tumor_vs_other": 0.8,
        "astrocytoma_vs_ependymoma": 0.3,
        "infarction_vs_demyelinating": 0.6,
        "ms_vs_nmosd": 0.1,
    }
    # 0.2 x 0.7, 0.2 x 0.3, 0.8 x 0.4, 0.8 x 0.6 x 0.9, 0.8 x 0.6 x 0.1
    expected = {A: 0.14, E: 0.06, INFARCTION: 0.32, M: 0.432, N: 0.048}
    assert FIVE_LEAVES.posterior(positive) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("calls", "diagnosis"),
    [((0, 0, 1, 1), A), ((0, 1, 0, 0), E), ((1, 0, 0, 1), INFARCTION), ((1, 1, 1, 0), M), ((1, 0, 1, 1), N)],
)
def test_calls_are_followed_down_the_tree_and_those_of_other_branches_do_not_count(calls, diagnosis):
    assert FIVE_LEAVES.follow(dict(zip(FIVE_LEAVES.task_names, calls, strict=True))) == diagnosis


@given(st.lists(PROBABILITY, min_size=4, max_size=4))
def test_the_posterior_of_any_tree_sums_to_one(probabilities):
    joined = FIVE_LEAVES.posterior(dict(zip(FIVE_LEAVES.task_names, probabilities, strict=True)))
    assert math.fsum(joined.values()) == pytest.approx(1)


def test_the_way_to_a_diagnosis_begins_with_the_question_about_all():
    tasks = (MS_VS_NMOSD, INFARCTION_VS_DEMYELINATING, TUMOR_VS_OTHER, ASTROCYTOMA_VS_EPENDYMOMA)
    turned = Tree(diagnoses=FIVE_LEAVES.diagnoses, tasks=tasks)
    assert turned.way_to(M) == (TUMOR_VS_OTHER, INFARCTION_VS_DEMYELINATING, MS_VS_NMOSD)
    assert turned.way_to(INFARCTION) == (TUMOR_VS_OTHER, INFARCTION_VS_DEMYELINATING)


def test_another_tree_is_in_use_inside_the_block_only():
    with using(FIVE_LEAVES):
        assert tree() is FIVE_LEAVES
        with using(PAPER_TREE):
            assert tree() is PAPER_TREE
        assert tree() is FIVE_LEAVES
    assert tree() is PAPER_TREE


PACKAGE = Path(__file__).parents[1] / "spinal_tf"


def calls_at_import(node):
    """Names of functions that are called while a module is imported: not in the body of a function."""
    for child in ast.iter_child_nodes(node):
        inside = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        for part in (
            [*child.args.defaults, *child.args.kw_defaults, *getattr(child, "decorator_list", ())]
            if inside
            else [child]
        ):
            if isinstance(part, ast.Call) and isinstance(part.func, ast.Name):
                yield part.func.id
            if part is not None:
                yield from calls_at_import(part)


@pytest.mark.parametrize(
    "source", ["KEPT = tree().tasks", "def f(tasks=tree().tasks): ...", "class A:\n    b = [tree()]"]
)
def test_a_kept_tree_is_noticed(source):
    assert "tree" in calls_at_import(ast.parse(source))


def test_no_module_keeps_the_tree_of_import_time():
    modules = {path.relative_to(PACKAGE): ast.parse(path.read_text(encoding="utf-8")) for path in PACKAGE.rglob("*.py")}
    assert len(modules) > 100
    assert [str(path) for path, module in modules.items() if "tree" in calls_at_import(module)] == []


# Trees that are refused


def task(negative, positive, classes, name="question"):
    return Task(name=name, negative=frozenset(negative), positive=frozenset(positive), classes=classes)


@pytest.mark.parametrize(
    ("diagnoses", "tasks", "words"),
    [
        ((A, E, M, N), (TUMOR_VS_DEMYELINATING, MS_VS_NMOSD), "no task distinguishes astrocytoma, ependymoma"),
        ((A, E, INFARCTION), (ASTROCYTOMA_VS_EPENDYMOMA,), "no task distinguishes astrocytoma, ependymoma, infarction"),
        ((A, E), (ASTROCYTOMA_VS_EPENDYMOMA, MS_VS_NMOSD), "ms_vs_nmosd: no other task leads to ms, nmosd"),
        ((A, A), (ASTROCYTOMA_VS_EPENDYMOMA,), "astrocytoma occurs twice"),
        ((M, N), (MS_VS_NMOSD, MS_VS_NMOSD), "ms_vs_nmosd occurs twice"),
        ((M, N), (MS_VS_NMOSD, task([M], [N], ("ms", "nmosd"))), "ms, nmosd occurs twice"),
        ((), (), "no task distinguishes no diagnosis"),
    ],
)
def test_tasks_that_form_no_tree_are_refused(diagnoses, tasks, words):
    with pytest.raises(ValueError, match=words):
        Tree(diagnoses=diagnoses, tasks=tasks)


@pytest.mark.parametrize(
    ("negative", "positive", "classes", "words"),
    [
        ([], [N], ("ms", "nmosd"), "both classes need diagnoses"),
        ([M, N], [N], ("demyelinating", "nmosd"), "no diagnosis can be in both"),
        ([M], [N], ("sclerosis", "nmosd"), "only a class of one diagnosis is named as a diagnosis, not sclerosis"),
        ([A, M], [N], ("ms", "nmosd"), "only a class of one diagnosis is named as a diagnosis, not ms"),
        ([M], [N], ("MS", "nmosd"), "'MS' cannot name a diagnosis, task or class"),
    ],
)
def test_classes_that_do_not_split_are_refused(negative, positive, classes, words):
    with pytest.raises(ValueError, match=words):
        task(negative, positive, classes)


@pytest.mark.parametrize(
    "name", ["healthy", "segmenter", "anatomy", "pipeline", "", "MS", "spinal stroke", "1st", "a/b"]
)
def test_names_with_another_meaning_or_for_no_file_are_refused(name):
    with pytest.raises(ValueError, match="cannot name a diagnosis, task or class"):
        Diagnosis(value=name, term=name)
