"""A table is read as people and spreadsheets save it, and what cannot be read is said in one sentence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinal_tf.cohort.table import Fault, read_table
from spinal_tf.errors import CohortError

TEXT = "case,patient\nc1,p1\nc2,p2\n"


@pytest.fixture
def table(tmp_path):
    """The function that writes bytes or text as a table and returns its path."""

    def write(content) -> Path:
        path = tmp_path / "cohort.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def cells(path):
    return [dict(row.cells) for row in read_table(path).rows]


@pytest.mark.parametrize(
    "content",
    [
        TEXT,
        TEXT.replace("\n", "\r\n"),
        TEXT.replace("\n", "\r"),
        TEXT.replace(",", ";"),
        TEXT.replace(",", "\t"),
        "sep=;\r\n" + TEXT.replace(",", ";"),
        "sep=;\r" + TEXT.replace(",", ";").replace("\n", "\r"),
        '"sep=;"\n' + TEXT.replace(",", ";"),
        TEXT.encode("utf-8-sig"),
        TEXT.replace(",", "\t").encode("utf-16"),
        " Case , PATIENT\n c1 ,p1 \nc2, p2\n",
        '"case","patient"\n"c1","p1"\n"c2","p2"',
        "case,patient,,\nc1,p1,,\n,,,\n\nc2,p2,,\n,,,\n",
    ],
    ids=["plain", "dos", "mac", "semicolon", "tab", "sep", "sep-mac", "sep-quoted", "bom", "utf16"]
    + ["blanks", "quotes", "empty-cells"],
)
def test_what_spreadsheets_save_is_the_same_table(table, content):
    assert cells(table(content)) == [{"case": "c1", "patient": "p1"}, {"case": "c2", "patient": "p2"}]
    assert read_table(table(content)).faults == ()


def test_the_delimiter_that_is_named_is_used_though_others_are_frequent(table):
    found = read_table(table("sep=;\rcase;age, sex, site\rc1;41,5\r"))
    assert found.columns == ("case", "age, sex, site")
    assert found.rows[0].cells == {"case": "c1", "age, sex, site": "41,5"}


def test_a_first_column_named_like_the_delimiter_line_is_a_column(table):
    assert read_table(table("sep=9,case\n1,c1\n")).columns == ("sep=9", "case")


def test_a_table_with_thousands_of_columns_is_another_file(table):
    with pytest.raises(CohortError, match="has 1001 columns, more than 1000; give the table of cases"):
        read_table(table(",".join(f"c{number}" for number in range(1001)) + "\n1\n"))


def test_a_file_larger_than_any_table_is_not_read(tmp_path):
    path = tmp_path / "cohort.csv"
    with path.open("wb") as file:
        file.truncate(50_000_001)
    with pytest.raises(CohortError, match=r"cohort\.csv: is larger than 50 MB; give the table of cases"):
        read_table(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "cohort.csv")
    with pytest.raises(CohortError, match="is not a regular file"):
        read_table(tmp_path / "cohort.csv")


def test_a_fault_is_one_short_line_whatever_the_cell_holds():
    fault = Fault(row=2, column="a\nb", problem='"' + "x" * 500 + '" is not a sex; write\x1b[31m female')
    assert str(fault) == 'row 2, a b: "' + "x" * 60 + '..." is not a sex; write [31m female'


def test_rows_are_numbered_as_a_spreadsheet_shows_them(table):
    found = read_table(table('case,scanner\nc1,"two\nlines"\n\nc2,x\n'))
    assert [row.number for row in found.rows] == [2, 4]


def test_the_header_is_kept_as_written(table):
    found = read_table(table("Case,Remarks\nc1,x\n"))
    assert found.header == ("Case", "Remarks")
    assert found.columns == ("case", "remarks")


@pytest.mark.parametrize(
    ("content", "faults"),
    [
        ("case,patient\nc1\n", ["row 2: has 1 cells where the header has 2; add the missing ones"]),
        (
            "case,patient\nc1,p1,x\nc2,p2\n",
            ["row 2: has 3 cells where the header has 2; put quotation marks around a cell that holds the delimiter"],
        ),
        ("case,case,Case\na,b,c\n", ["row 1, case: 3 columns have this name; keep one of them"]),
        ("case,,patient\na,b,c\n", ["row 1: column 2 has no name; name it or remove it"]),
    ],
)
def test_faults_of_form_are_listed(table, content, faults):
    assert [str(fault) for fault in read_table(table(content)).faults] == faults


def test_a_row_of_another_length_is_left_out(table):
    assert cells(table("case,patient\nc1\nc2,p2\n")) == [{"case": "c2", "patient": "p2"}]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"case,patient\n", "has a header and no cases"),
        (b"PK\x03\x04rest", "is a spreadsheet program's own file; save it as CSV, UTF-8"),
        (b"\xd0\xcf\x11\xe0rest", "is a spreadsheet program's own file"),
        ("case,patient\nc1,Müller\n".encode("cp1252"), "line 2 is not UTF-8 text"),
        (b'case,patient\nc1,"p1\nc2,p2\n', "cannot be read below row 1"),
        (b"\x1f\x8b\x08\x00\x00", "line 1 is not UTF-8 text"),
    ],
)
def test_what_is_no_table_is_refused_in_one_sentence(table, content, words):
    with pytest.raises(CohortError, match=r"^cohort\.csv: ") as refusal:
        read_table(table(content))
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(CohortError, match=r"^none\.csv: there is no such file in .*; check the path$"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(CohortError, match=r"is a folder; give the table itself, for example .*cohort\.csv$"):
        read_table(tmp_path)


@given(st.binary(max_size=200))
def test_whatever_the_bytes_the_answer_is_a_table_or_one_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("any") / "cohort.csv"
    path.write_bytes(content)
    try:
        found = read_table(path)
    except CohortError as error:
        message = str(error)
    else:
        message = "cohort.csv: read"
        assert all(set(row.cells) == set(found.columns) for row in found.rows)
    assert message.startswith("cohort.csv: ")
