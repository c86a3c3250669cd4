"""The tables as LaTeX."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinal_tf.evaluation.evaluation_rows import TABLES
from spinal_tf.report.study.study_files import NOTHING, latex_tables
from spinal_tf.tables.latex_table import PACKAGES, escaped

BETWEEN_COLUMNS = 6.0
"""Points between the letters of neighbouring columns."""

LONG = [name for name in TABLES if name != "table2"]


@pytest.fixture(scope="module")
def latex(full):
    """The files of an evaluation with everything."""
    return latex_tables(full, note="Simulated: 100 % made up")


def test_every_table_has_a_file(latex):
    assert list(latex) == list(TABLES)


@pytest.mark.parametrize("name", LONG)
def test_rows_have_as_many_cells_as_there_are_columns(latex, name):
    tables = re.findall(r"\\begin\{longtable\}\{([^\n]*)\}\n(.*?)\\end\{longtable\}", latex[name], re.DOTALL)
    assert tables
    for columns, body in tables:
        rows = [line for line in body.splitlines() if line.endswith(r" \\")]
        number = columns.count("p{") or len(columns)
        assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {number - 1}
        assert rows[0] == rows[1], "once on the first page, once on the others"


def test_nothing_begins_that_does_not_end_and_no_character_is_taken_for_a_command(latex):
    for text in latex.values():
        assert text.endswith("\n")
        begun, ended = (sorted(re.findall(rf"\\{word}\{{(.*?)\}}", text)) for word in ("begin", "end"))
        assert begun == ended
        assert not re.search(r"(?<!\\)[%#~^]", text)
        assert not re.search(r"(?<![\\$])\$(?!-)", text.replace("$-$", ""))
        assert text.replace(r"\{", "").count("{") == text.replace(r"\}", "").count("}")
        assert text.isascii()


def test_the_note_stands_below_every_table(latex):
    for text in latex.values():
        assert text.count(r"Simulated: 100 \% made up") == len(re.findall(r"\\begin\{(?:longtable|table)\}", text))


def test_the_papers_table_has_the_papers_numbers(latex):
    rows = [line for line in latex["table2"].splitlines() if line.endswith(r" \\")]
    assert len(rows) == 2 + 3 * (1 + 8)
    testing = rows[rows.index(next(row for row in rows if row.startswith("Testing"))) + 1]
    assert [cell.strip() for cell in testing.split("&")][::2] == [
        "Accuracy",
        "96 (150/157)",
        "82 (65/79)",
        r"79 (62/78) \\",
    ]


def test_a_table_without_rows_is_a_comment(plain):
    assert latex_tables(plain, note="")["agreement"] == NOTHING


def test_negative_numbers_have_a_minus_and_words_keep_their_hyphens(latex):
    assert "Cross-fitted" in latex["sets"]
    # Half of the cases are negative, and at a threshold of 0.9 each costs 9 times what a positive one gains.
    assert r"& $-$4.00 \\" in latex["decision_curve"]
    assert not re.search(r"& -\d", latex["decision_curve"])


def test_a_users_words_are_escaped(latex):
    assert r"\textless{}b\textgreater{}new" in latex["subgroups"]
    assert r"rater\_\allowbreak{}1" in latex["agreement"]


@pytest.mark.slow
def test_every_table_compiles_and_fits_its_page(latex, tmp_path):
    """In the document class that leaves least room."""
    program = shutil.which("pdflatex")
    if program is None:
        pytest.skip("pdflatex is not installed, so the tables were not compiled")
    for name, text in latex.items():
        (tmp_path / f"{name}.tex").write_text(text, encoding="utf-8")
    begin = [r"\documentclass{article}", rf"\usepackage{{{','.join(PACKAGES)}}}", r"\begin{document}"]
    inputs = [rf"\input{{{name}}}" for name in latex]
    (tmp_path / "all.tex").write_text("\n".join([*begin, *inputs, r"\end{document}"]), encoding="utf-8")
    command = [program, "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "all.tex"]
    for _ in range(2):  # longtable measures its columns in the first run
        run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", timeout=300)
        assert run.returncode == 0, run.stdout[-2000:]
    assert (tmp_path / "all.pdf").read_bytes().startswith(b"%PDF")
    too_wide = [float(points) for points in re.findall(r"Overfull \\hbox \(([\d.]+)pt", run.stdout)]
    assert max(too_wide, default=0) < BETWEEN_COLUMNS


@given(st.text(alphabet=r"ab\{}$&%#_~^<>– ", max_size=12))
def test_escaped_words_read_as_they_were(words):
    names = {"textbackslash": "\\", "textasciitilde": "~", "textasciicircum": "^", "textless": "<", "textgreater": ">"}
    names |= {"textendash": "–", "allowbreak": ""}
    read = re.sub(r"\\([a-z]+)\{\}|\\(.)", lambda found: names[found[1]] if found[1] else found[2], escaped(words))
    assert read == words
