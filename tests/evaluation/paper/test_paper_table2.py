"""The paper's Table 2 as stored is the one that is printed, and is a reference for the paper's tree alone."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from five_leaves import FIVE_LEAVES

from spinal_tf.evaluation.paper.paper_table2 import TABLE_2, paper_column
from spinal_tf.evaluation.predictions import CaseSet
from spinal_tf.taxonomy import tree, using

PRINTED = list(csv.DictReader(Path(__file__).with_name("paper_table2.csv").open(encoding="utf-8")))


@pytest.mark.parametrize("printed", PRINTED, ids=lambda row: "-".join(list(row.values())[:3]))
def test_the_stored_table_is_the_papers(printed):
    column = TABLE_2[CaseSet(printed["set"])][printed["task"]]
    found = column.confusion.proportion(printed["metric"])
    assert (found.count, found.total) == (int(printed["numerator"]), int(printed["denominator"]))
    assert column.percent[printed["metric"]] == int(printed["percent"])


def test_every_number_of_the_paper_was_compared():
    assert len(PRINTED) == len(CaseSet) * len(tree().tasks) * 5
    for columns in TABLE_2.values():
        for column in columns.values():
            assert column.percent["precision"] == column.percent["ppv"]
            assert column.percent["recall"] == column.percent["sensitivity"]
            assert column.auc_interval.low <= column.auc <= column.auc_interval.high


def test_the_table_is_no_reference_for_another_tree():
    assert paper_column(CaseSet.TEST, "ms_vs_nmosd") is TABLE_2[CaseSet.TEST]["ms_vs_nmosd"]
    with using(FIVE_LEAVES):
        assert paper_column(CaseSet.TEST, "ms_vs_nmosd") is None
