"""A table is filled from records, and every renderer shows the same cells."""

from __future__ import annotations

import pytest
from html_page import Page

from spinal_tf.tables.csv_file import read_numbers, replace_csv, write_csv
from spinal_tf.tables.html_table import html
from spinal_tf.tables.latex_table import latex
from spinal_tf.tables.table_model import Column, Table, filled, number_column
from spinal_tf.tables.terminal import aligned, terminal

COLUMNS = (
    Column("Case", lambda one: one[0]),
    Column("Of", lambda one: one[1]),
    number_column("Value", lambda one: one[2]),
)
RECORDS = [("a", "x", "1.50"), ("bc", "", "-10.25")]
TAG = "<script>alert('&')</script>"


def test_a_table_is_filled_column_by_column():
    table = filled(COLUMNS, RECORDS, caption="What it is")
    assert table.header == ("Case", "Of", "Value")
    assert table.rows == (("a", "x", "1.50"), ("bc", "", "-10.25"))
    assert (table.numeric, table.headings, table.caption) == ({2}, 2, "What it is")


def test_the_terminal_shows_columns_aligned_and_numbers_on_the_right():
    assert terminal(filled(COLUMNS, RECORDS)).splitlines() == [
        "Case  Of   Value",
        "a     x     1.50",
        "bc        -10.25",
    ]


def test_cells_of_the_terminal_stay_as_they_are():
    rows = [["", "1e5", "0.50"], ["  indented", "007"], ["title"], ["x", "-", "[1, 2]"]]
    assert aligned(rows).splitlines() == [
        "            1e5  0.50",
        "  indented  007",
        "title",
        "x           -    [1, 2]",
    ]
    assert aligned([]) == ""


def shown(table):
    return Page(html(table))


def test_html_has_every_cell_in_its_place():
    page = shown(filled(COLUMNS, RECORDS, caption="What it is"))
    assert page.rows == [["Case", "Of", "Value"], ["a", "x", "1.50"], ["bc", "", "-10.25"]]
    assert page.of("caption") == ["What it is"]
    assert [attributes for attributes in page.all("td")] == [{"class": "number"}] * 2
    assert [attributes["scope"] for attributes in page.all("th")] == ["col"] * 3 + ["row"] * 4


BLOCKS = Table(
    header=("Measure", "ours", "theirs"),
    rows=(("Validation",), ("AUC", "0.9", "0.8"), ("Test",), ("AUC", "0.7", "-0.6")),
    caption="Blocks",
    spans=(("Task", 2),),
)


def test_blocks_have_titles_and_spanned_headings():
    page = shown(BLOCKS)
    assert page.rows[:3] == [["", "Task"], ["Measure", "ours", "theirs"], ["Validation"]]
    assert page.tags.count("tbody") == 2
    assert {"scope": "rowgroup", "colspan": "3"} in page.all("th")
    lines = latex(BLOCKS, note="100 %").splitlines()
    assert r" & \multicolumn{2}{l}{Task} \\" in lines
    assert r"Validation &  &  \\" in lines
    assert r"AUC & 0.7 & $-$0.6 \\" in lines
    assert r"\par\smallskip 100 \%" in lines


@pytest.mark.parametrize("place", ["header", "rows", "title", "caption", "spans"])
def test_every_word_is_escaped(place):
    changed = {
        "header": {"header": (TAG, "ours", "theirs")},
        "rows": {"rows": ((TAG, "x", "y"),)},
        "title": {"rows": ((TAG,), ("x", "y", "z"))},
        "caption": {"caption": TAG},
        "spans": {"spans": ((TAG, 2),)},
    }[place]
    table = Table(**{**vars(BLOCKS), **changed})
    page = shown(table)
    assert "script" not in page.tags
    assert TAG in page.words
    assert r"\textless{}script\textgreater{}alert('\&')" in latex(table)


def test_a_file_has_a_header_and_empty_cells_for_what_is_unknown(tmp_path):
    path = tmp_path / "table.csv"
    write_csv(path, [{"case": 'a,"b', "value": 0.5}, {"case": "ü", "value": None}])
    assert path.read_bytes() == b'case,value\r\n"a,""b",0.5\r\n' + "ü,\r\n".encode()
    write_csv(path, [])
    assert path.read_bytes() == b""
    write_csv(path, [], ["case", "value"])
    assert path.read_bytes() == b"case,value\r\n"


def test_numbers_are_read_as_they_were_written(tmp_path):
    path, rows = tmp_path / "log.csv", [{"step": 12, "loss": 0.1, "rate": 1e-05, "auc": 1.0}]
    assert read_numbers(path) == []
    replace_csv(path, rows)
    found = read_numbers(path)
    assert found == rows
    assert [type(value) for value in found[0].values()] == [int, float, float, float]


@pytest.mark.parametrize("text", ["a,b\n1,x\n", "a,b\n1\n", "a,b\n1,2,3\n", "a,b\n1,\n"])
def test_a_row_that_is_not_of_numbers_is_refused(tmp_path, text):
    (tmp_path / "log.csv").write_text(text)
    with pytest.raises(ValueError, match="could not convert"):
        read_numbers(tmp_path / "log.csv")
