"""``spinal_tf.simulate`` writes what the command writes."""

from __future__ import annotations

import csv

import pytest

import spinal_tf
from spinal_tf.api.simulating import _planned
from spinal_tf.phantom import simulated_cohort
from spinal_tf.phantom.plan import plan_cohort
from spinal_tf.taxonomy import MS


@pytest.fixture
def written(monkeypatch):
    """The cases that were simulated; none of them really is."""
    seen = []

    def write_case(planned, writing):
        seen.append((planned, writing))
        return {"case": planned.name}

    monkeypatch.setattr(simulated_cohort, "write_case", write_case)
    return seen


def test_cases_are_those_of_the_plan_and_each_is_told(written, tmp_path):
    told = []
    cohort = spinal_tf.simulate(tmp_path, cases=3, seed=7, progress=lambda *of: told.append(of))
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert cohort.cases == tuple(tmp_path / f"sim-000{number}" for number in (1, 2, 3))
    assert [planned for planned, _ in written] == plan_cohort(cases=3)
    assert {(one.seed, one.overwrite) for _, one in written} == {(7, False)}
    with cohort.table.open(newline="") as stream:
        assert [row["case"] for row in csv.DictReader(stream)] == ["sim-0001", "sim-0002", "sim-0003"]


def test_a_table_that_exists_is_kept_unless_overwritten(written, tmp_path):
    (tmp_path / "cohort.csv").write_text("mine")
    with pytest.raises(spinal_tf.OutputError, match=r"cohort.csv: already exists and was kept"):
        spinal_tf.simulate(tmp_path)
    assert written == []
    spinal_tf.simulate(tmp_path, overwrite=True)
    assert len(written) == 1


@pytest.mark.parametrize("wrong", [{"cases": 0}, {"seed": -1}, {"workers": 0}])
def test_numbers_out_of_range_are_refused_before_anything_is_written(tmp_path, wrong):
    with pytest.raises(ValueError, match=f"^choose {next(iter(wrong))} at least"):
        spinal_tf.simulate(tmp_path / "cohort", **wrong)
    assert not (tmp_path / "cohort").exists()


def test_one_disease_or_none():
    assert {one.diagnosis for one in _planned(3, "ms")} == {MS}
    assert [(one.name, one.diagnosis) for one in _planned(2, "healthy")] == [
        ("healthy-0001", None),
        ("healthy-0002", None),
    ]
    with pytest.raises(ValueError, match="flu"):
        _planned(1, "flu")
