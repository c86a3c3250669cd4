"""The paper's protocol: a patient in one split, a fifth of each diagnosis for validation, later ones for the test."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinal_tf.cohort.case import Case, Cohort, Split
from spinal_tf.cohort.read_cohort import read_cohort
from spinal_tf.cohort.split import SplitOptions, draw_split, read_unsplit, rows_with_split
from spinal_tf.errors import CohortError
from spinal_tf.evaluation.paper.paper_table1 import CASES
from spinal_tf.taxonomy import MS, tree

SCRIPT = Path(__file__).parents[2] / "data_prep" / "split_cohort.py"
DAY = date(2019, 1, 1)
WORDS = ("astrocytoma", "ependymoma", "ms", "nmosd", "healthy")


def case(number, diagnosis, *, patient=None, scan_date=None):
    return Case(
        row=number + 1,
        name=f"c{number}",
        patient=patient or f"p{number}",
        t2=Path("t2.nii"),
        diagnosis=diagnosis,
        scan_date=scan_date,
    )


def cohort(cases):
    return Cohort(source=Path("cases.csv"), cases=tuple(cases))


def unsplit(count, **cells):
    """Rows of a table without split, diagnoses in turn."""
    return [
        {"Case": f"c{n}", "patient": f"p{n}", "t2": f"a/{n}.nii", "mask": "", "diagnosis": WORDS[n % 5], **cells}
        | ({} if n % 5 == 4 else {"mask": "/masks/m.nii"})
        for n in range(count)
    ]


def test_the_papers_patients_give_the_papers_numbers():
    counts = (118, 130, 101, 141)
    diagnoses = [diagnosis for diagnosis, count in zip(tree().diagnoses, counts, strict=True) for _ in range(count)]
    cases = [case(number, diagnosis) for number, diagnosis in enumerate(diagnoses)]
    splits = draw_split(cohort(cases), SplitOptions(seed=2022))
    for split in (Split.TRAIN, Split.VALIDATION):
        found = Counter(one.diagnosis for one in cases if splits[one.patient] is split)
        assert found == CASES[split]


@given(
    st.lists(st.tuples(st.sampled_from([*tree().diagnoses, None]), st.integers(1, 3)), min_size=20),
    st.integers(0, 2**32 - 1),
)
def test_every_patient_has_one_split_and_each_stratum_is_shared(patients, seed):
    patients += [(diagnosis, 1) for diagnosis in (*tree().diagnoses, None)] * 2
    cases = [
        case(100 * number + scan, diagnosis, patient=f"p{number}")
        for number, (diagnosis, scans) in enumerate(patients)
        for scan in range(scans)
    ]
    splits = draw_split(cohort(cases), SplitOptions(seed=seed))
    assert splits.keys() == {one.patient for one in cases}
    assert splits == draw_split(cohort(reversed(cases)), SplitOptions(seed=seed))
    total = Counter(diagnosis for diagnosis, _ in patients)
    validation = Counter(patients[int(name[1:])][0] for name, split in splits.items() if split is Split.VALIDATION)
    for diagnosis, count in total.items():
        assert abs(validation[diagnosis] - count / 5) <= 1 + 1e-9


def test_another_seed_gives_another_split():
    cases = cohort(case(number, list(tree().diagnoses)[number % 4]) for number in range(80))
    assert draw_split(cases, SplitOptions(seed=1)) != draw_split(cases, SplitOptions(seed=2))


def test_patients_belong_to_the_period_of_their_first_scan():
    early = [case(number, MS, scan_date=date(2018, 12, 31)) for number in range(5)]
    both = [case(10, MS, patient="p0", scan_date=date(2020, 1, 1))]
    late = [case(20, MS, scan_date=DAY), case(21, None, scan_date=date(2020, 5, 5))]
    splits = draw_split(cohort(late + both + early), SplitOptions(test_from=DAY))
    assert {patient for patient, split in splits.items() if split is Split.TEST} == {"p20", "p21"}
    assert Counter(splits.values()) == {Split.TRAIN: 4, Split.VALIDATION: 1, Split.TEST: 2}


@pytest.mark.parametrize(
    ("cases", "options", "words"),
    [
        ([case(1, MS)], {}, "only 1 patient of ms, at least 2 are needed"),
        ([case(1, MS)], {"test_from": DAY}, "row 2, scan_date: is empty; it is needed"),
        ([case(1, MS, scan_date=DAY)], {"test_from": DAY}, "no patient scanned before 2019-01-01"),
        (
            [case(n, d) for n, d in enumerate([*tree().diagnoses] * 2)],
            {"validation": 0.2},
            "8 patients are too few for",
        ),
    ],
)
def test_a_cohort_that_cannot_be_split_is_refused(cases, options, words):
    with pytest.raises(CohortError, match=r"^cases\.csv: ") as refusal:
        draw_split(cohort(cases), SplitOptions(**options))
    assert words in str(refusal.value)


def test_a_split_table_is_not_split_again(write_table):
    path = write_table([row | {"split": "train"} for row in unsplit(10)])
    with pytest.raises(CohortError, match="is already split"):
        read_unsplit(path)
    _, table = read_unsplit(write_table([row | {"split": ""} for row in unsplit(2)]))
    splits = dict.fromkeys(("p0", "p1"), Split.TRAIN)
    header, *_ = rows_with_split(table, splits, table.source.parent)
    assert header == ["Case", "patient", "t2", "mask", "diagnosis", "split"]


def test_cells_stay_and_paths_lead_to_the_same_files(write_table, tmp_path):
    _, table = read_unsplit(write_table(unsplit(5, Remark="a;b, c", model_mask="a/found.nii"), delimiter=";"))
    splits = {f"p{n}": Split.TEST for n in range(5)}
    _, first, *_ = rows_with_split(table, splits, tmp_path)
    assert first == ["c0", "p0", "a/0.nii", "/masks/m.nii", "astrocytoma", "a;b, c", "a/found.nii", "test"]
    _, first, *_, last = rows_with_split(table, splits, tmp_path / "new" / "er")
    assert first[2:7] == ["../../a/0.nii", "/masks/m.nii", "astrocytoma", "a;b, c", "../../a/found.nii"]
    assert last[3] == ""


# The script


def run(*arguments):
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    environment = {"PYTHONPATH": str(SCRIPT.parents[1]), "PATH": "/usr/bin"}
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=environment)


def test_script_writes_table_and_record_and_keeps_what_exists(write_table, tmp_path):
    source, out = write_table(unsplit(50, scan_date="2018-05-05"), name="cases.csv"), tmp_path / "cohort.csv"
    arguments = (source, out, "--test-from", "2019-01-01", "--seed", 7)
    done = run(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].split() == ["patients", "40", "10", "0", "50"]
    assert Counter(case.split for case in read_cohort(out).cases) == {Split.TRAIN: 40, Split.VALIDATION: 10}
    record = json.loads((tmp_path / "cohort_split.json").read_text())
    assert (record["seed"], record["test_from"], record["patients"]) == (
        7,
        "2019-01-01",
        {"train": 40, "validation": 10},
    )
    before = out.read_bytes()
    again = run(*arguments)
    assert (again.returncode, again.stdout, out.read_bytes()) == (3, "", before)
    assert again.stderr.startswith("split_cohort.py: ")
    assert "already exists and was kept" in again.stderr
    assert run(*arguments, "--overwrite").returncode == 0
    assert out.read_bytes() == before
    with out.open(newline="") as stream:
        assert next(csv.reader(stream))[-1] == "split"


@pytest.mark.parametrize(
    "arguments", [("--validation", "0"), ("--validation", "x"), ("--seed", "-1"), ("--test-from", "1.1.2019")]
)
def test_script_refuses_wrong_usage(tmp_path, arguments):
    assert run(tmp_path / "a.csv", tmp_path / "b.csv", *arguments).returncode == 2


def test_importing_the_script_does_nothing():
    code = f"import runpy; runpy.run_path({str(SCRIPT)!r}, run_name='split_cohort')"
    done = subprocess.run([sys.executable, "-c", code], cwd=SCRIPT.parents[1], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")
