"""Rows as columns of text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinal_tf.evaluation.described import Proportion
from spinal_tf.evaluation.predictions import CaseSet
from spinal_tf.evaluation.statistics.intervals import UNKNOWN, Interval
from spinal_tf.report.study.sheets import heading, sheet, text
from spinal_tf.taxonomy import MS_VS_NMOSD


def column(rows, name):
    """The texts below a heading."""
    shown = sheet(rows)
    return [row[shown.header.index(name)] for row in shown.rows]


def test_limits_stand_in_one_column():
    rows = [{"task": MS_VS_NMOSD, "wilson": Interval(low=0.25, high=0.5)}, {"task": "x", "wilson": UNKNOWN}]
    shown = sheet(rows)
    assert shown.header == ("Task", "Wilson's interval")
    assert shown.rows == (("MS vs NMOSD", "0.250 to 0.500"), ("x", "–"))
    assert shown.numeric == {1}


def test_a_limit_without_its_mate_stands_alone():
    assert sheet([{"a": "x", "b_low": 1, "c_high": 2}]).header == ("A", "B low", "C high")


def test_counts_stand_with_what_they_are_of():
    shares = [Proportion(count=3, total=8), Proportion(count=1, total=2)]
    rows = [{"a": "x", "n/N": shares[0], "paper_n/N": shares[1], "lesion_count": 4}]
    rows.append({"a": "y", "n/N": None, "paper_n/N": None, "lesion_count": 0})
    shown = sheet(rows)
    assert shown.header == ("A", "n/N", "Paper, n/N", "Lesion count")
    assert shown.rows == (("x", "3/8", "1/2", "4"), ("y", "–", "–", "0"))


def test_a_column_in_which_nothing_is_known_is_left_out():
    rows = [{"a": "x", "b": None, "c": 1}, {"a": "y", "b": None, "c": None}]
    assert sheet(rows).header == ("A", "C")
    assert sheet(rows, without=("c",)).header == ("A",)


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ((0.5, 1.0), ["0.500", "1.000"]),
        ((0.5, 1.25), ["0.50", "1.25"]),
        ((0.5, -10.5), ["0.5", "-10.5"]),
        ((0.5, 100.5), ["0", "100"]),
        ((None, 0.5), ["–", "0.500"]),
        ((3, 12), ["3", "12"]),
    ],
)
def test_a_column_has_the_digits_that_its_largest_number_needs(values, shown):
    assert column([{"a": "x", "value": value} for value in values], "Value") == shown


def test_digits_are_of_a_measure_where_a_column_has_several():
    rows = [{"measure": "dice", "median": 0.5, "mean": 0.25}, {"measure": "hd95_mm", "median": 12.3456, "mean": 0.25}]
    assert column(rows, "Median") == ["0.500", "12.3"]
    assert column(rows, "Mean") == ["0.250", "0.2"]
    assert column(rows, "Measure") == ["Dice", "HD95, mm"]


def test_differences_have_signs_and_probabilities_the_papers_style():
    rows = [{"a": "x", "difference": 0.1, "p": 0.0001, "p_holm": 0.048}, {"a": "y", "difference": -0.1, "p": None}]
    rows[1]["p_holm"] = 0.5
    assert column(rows, "Difference") == ["+0.100", "-0.100"]
    assert column(rows, "p") == ["<.001", "–"]
    assert column(rows, "p, Holm") == [".048", ".50"]


def test_words_are_spelt_out_but_a_users_own_stay():
    rows = [
        {"set": CaseSet.DIFFICULT, "measure": "lesion_recall_any_overlap", "level": "test", "raters": "rater_1 rater_2"}
    ]
    assert sheet(rows).rows == (("Difficult cases", "Lesion recall any overlap", "test", "rater_1 rater_2"),)


def test_columns_before_the_first_number_are_headings_of_the_row():
    assert sheet([{"a": "x", "b": "y", "c": 1, "d": "z"}]).headings == 2
    assert sheet([{"a": "x", "b": "y"}]).headings == 1
    assert sheet([{"a": 1, "b": "y"}]).headings == 1


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("second_value", "Second value"),
        ("volume_error_ml", "Volume error, mL"),
        ("iou", "IoU"),
        ("tp", "True positive"),
    ],
)
def test_names_are_read_as_words(name, shown):
    assert heading(name) == shown


def test_single_cells():
    assert [text(cell) for cell in (None, True, False, 3, "x", 0.25)] == ["–", "yes", "no", "3", "x", "0.250"]


cells = st.none() | st.booleans() | st.integers() | st.floats(-1e6, 1e6) | st.text(max_size=5)
NAMES = ("a", "b", "n/N", "measure", "p", "difference")


@given(st.lists(st.fixed_dictionaries({name: cells if name in ("a", "measure") else st.none() for name in NAMES})))
def test_every_row_is_shown_whatever_its_words(rows):
    rows = [{**row, "value": float(index), "b": Interval(low=0.1, high=0.2)} for index, row in enumerate(rows)]
    if rows:
        shown = sheet(rows)
        assert len(shown.rows) == len(rows)
        assert {len(row) for row in shown.rows} == {len(shown.header)}
        assert all(re.fullmatch(r"0(\.1\d*)? to 0(\.2\d*)?", cell) for cell in column(rows, "B"))
        assert all(re.fullmatch(r"\d+(\.\d+)?", cell) for cell in column(rows, "Value"))


def test_what_rounds_to_nothing_has_no_sign():
    assert sheet([{"net_benefit": -0.0001}, {"net_benefit": 0.5}]).rows == (("0.000",), ("0.500",))
