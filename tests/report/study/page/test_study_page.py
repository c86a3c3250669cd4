"""The page of an evaluation."""

from __future__ import annotations

import base64
import dataclasses
import re
import shutil
import subprocess

import pytest
from html_page import Page

from spinal_tf.evaluation.evaluation_files import NOTICE, write_evaluation
from spinal_tf.evaluation.evaluation_rows import TABLES
from spinal_tf.report.pages import POLICY
from spinal_tf.report.study import study_page
from spinal_tf.report.study.study_files import study_files
from spinal_tf.report.study.study_page import evaluation_page

SIMULATED = "Simulated: <says> nothing about patients."


@pytest.fixture
def page(full, make_figure):
    """The page of an evaluation with everything."""
    return Page(evaluation_page(full, [make_figure()], note=SIMULATED))


def test_nothing_is_loaded_and_nothing_runs(page, full, make_figure):
    assert not {"script", "link", "iframe", "object", "form"} & set(page.tags)
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert all(attributes["src"].startswith("data:image/") for attributes in page.all("img"))
    assert all(attributes["href"].startswith("#") for attributes in page.all("a"))
    assert {"http-equiv": "Content-Security-Policy", "content": POLICY} in page.all("meta")
    assert not re.search(r"https?:|url\(|@import", evaluation_page(full, [make_figure()], note=""))


def test_notice_note_and_warnings_come_before_any_number(page, full):
    assert page.words[:4] == [
        "predictions.csv: spinal-tf evaluation",
        NOTICE,
        "Evaluation of predictions.csv",
        SIMULATED,
    ]
    assert full.warnings
    assert page.words[4 : 5 + len(full.warnings)] == ["Warnings", *full.warnings]


def test_every_text_is_escaped(evaluated, plain_rows, make_figure):
    tag = "<script>alert('&')</script>"
    rows = [row | {"case": f"<h1>{row['case']}", "site": ("<i>a", "<u>b")[n // 8]} for n, row in enumerate(plain_rows)]
    rows = [row | {"rater_1": "ms", "rater_2": "nmosd"} for row in rows]
    evaluation = evaluated(rows, name="<em>&.csv", subgroups=("site",))
    evaluation = dataclasses.replace(evaluation, warnings=(tag,))
    figure = make_figure(title="<b>&", caption=f"\"><img src='x'> {rows[0]['case']}")
    page = Page(evaluation_page(evaluation, [figure], note=tag))
    assert not {"script", "i", "u", "s", "b", "em"} & set(page.tags)
    assert page.words.count(tag) == 2, "the note and the warning"
    assert page.words.count(f"{tag}.") == 2, "the limitations in both checklists"
    assert len(page.all("h1")) == 1
    assert "<i>a" in {row[2] for row in page.rows if len(row) > 2}
    assert page.all("img")[0]["alt"] == figure.caption
    assert len(page.all("img")) == 1


def test_the_contents_lead_to_every_section(page):
    names = [attributes["id"] for attributes in page.all("section")]
    assert [attributes["href"] for attributes in page.all("a")] == [f"#{name}" for name in names]
    assert len(set(names)) == len(names)
    assert page.of("a") == page.of("h2")[1:], "the first heading is that of the warnings"
    assert page.of("a")[:4] == ["Performance beside the paper", "Cases", "Operating points", page.of("a")[3]]


def test_every_table_has_a_caption_and_every_heading_a_direction(page):
    assert len(page.all("caption")) == len(page.all("table"))
    assert {attributes.get("scope") for attributes in page.all("th")} == {"col", "row", "colgroup", "rowgroup"}
    assert all(attributes["alt"] for attributes in page.all("img"))


def test_all_rows_of_a_table_have_as_many_cells(full):
    for table in re.findall(r"<table>.*?</table>", evaluation_page(full, [], note=""), re.DOTALL):
        assert len({len(row) for row in Page(table).rows}) == 1


def test_table_2_stands_beside_the_papers_numbers(page):
    accuracy = [row for row in page.rows if row[0] == "Accuracy"]
    # From the article: validation, testing, difficult cases.
    assert [row[2] for row in accuracy] == ["96 (94/98)", "96 (150/157)", "95 (38/40)"]
    assert [row[6] for row in accuracy] == ["88 (42/48)", "79 (62/78)", "82 (18/22)"]
    assert accuracy[1][1].startswith("100 (12/12) [")
    auc = [row for row in page.rows if row[0] == "AUC"]
    assert [row[4] for row in auc] == ["0.85 (0.77, 0.94)", "0.90 (0.79, 0.97)", "0.91 (0.80, 0.97)"]


def test_each_task_has_a_sentence_beside_the_papers_numbers(page):
    assert page.of("strong")[:3] == ["Tumor vs demyelinating:", "Astrocytoma vs ependymoma:", "MS vs NMOSD:"]
    first = page.of("span")[0]
    assert first.startswith("12 of 12 test cases were called right, 100 % (95 % interval 76 to 100); AUC 1.00")
    assert first.endswith("The paper: 96 %, 0.99.")


def test_a_task_that_cannot_be_told_apart_is_said_so(evaluated, plain_rows):
    rows = [row for row in plain_rows if (row["diagnosis"], row["split"]) != ("nmosd", "test")]
    page = Page(evaluation_page(evaluated(rows), [], note=""))
    assert "AUC not defined. The paper" in page.of("span")[2]
    sensitivity = [row for row in page.rows if row[0] == "Sensitivity"]
    assert sensitivity[1][5] == "–"


def test_every_table_of_the_page_has_a_file(full, tmp_path):
    write_evaluation(full, tmp_path / "report", others=study_files(full, [], note=""))
    page = Page((tmp_path / "report/report.html").read_text(encoding="utf-8"))
    captions = [caption for caption in page.of("caption") if "All rows: " in caption]
    origin = {"Evaluated tables", "Options", "Software"}
    assert len(captions) == len(page.all("table")) - len(origin)
    assert origin < set(page.of("caption")), "what these say stands in metrics.json"
    named = {caption.rpartition("All rows: ")[2].removesuffix(".") for caption in captions}
    assert named == {f"{name}.csv" for name in (*TABLES, "claim", "tripod-ai")}
    assert all((tmp_path / "report" / name).stat().st_size for name in named)


def test_files_are_named_in_their_order(plain):
    names = list(study_files(plain, [], note=""))
    assert names == ["report.html", "claim.csv", "tripod-ai.csv", *(f"{name}.tex" for name in TABLES)]


def test_it_says_what_the_numbers_can_be_repeated_from(page, full):
    rows = {row[0]: row[1] for row in page.rows if len(row) == 2}
    assert rows["predictions.csv"] == full.predictions.sha256
    assert rows["other.csv"] == full.against.sha256
    assert rows["lesions.csv"] == full.lesions.sha256
    assert (rows["Bootstrap samples"], rows["Seed"], rows["Confidence level"]) == ("100", "2022", "95%")
    assert rows["Operating points chosen"] == "on validation"
    assert {"spinal-tf", "python", "numpy", "scipy"} <= set(rows)


def test_given_operating_points_are_named(evaluated, plain_rows):
    page = Page(evaluation_page(evaluated(plain_rows, point=0.5, points={"ms_vs_nmosd": 0.25}), [], note=""))
    rows = {row[0]: row[1] for row in page.rows if len(row) == 2}
    assert rows["Operating points chosen"] == "0.5, given, ms_vs_nmosd: 0.25, given"
    assert ["MS vs NMOSD", "0.250", "given"] in page.rows


def section_of(page, caption):
    """The last heading before a figure's caption."""
    place = next(index for index, words in enumerate(page.words) if words == caption)
    return [words for words, kind in zip(page.words[:place], page.places[:place], strict=True) if kind == "h2"][-1]


@pytest.mark.parametrize(
    ("name", "section"),
    [
        ("roc-test", "Performance beside the paper"),
        ("flow", "Cases"),
        ("reliability-test", "Calibration"),
        ("subgroups", "Subgroups"),
        ("pipeline", "Figures"),
    ],
)
def test_a_figure_stands_with_its_numbers(full, make_figure, name, section):
    page = Page(evaluation_page(full, [make_figure(name, caption="Here it is")], note=""))
    assert section_of(page, "Here it is") == section


def test_a_figure_is_drawn_from_vectors_unless_these_are_too_many(full, make_figure, monkeypatch):
    figure = make_figure()
    for limit, kind, path in ((10**6, "svg+xml", figure.svg), (1, "png", figure.png)):
        monkeypatch.setattr(study_page, "LARGEST_SVG_BYTES", limit)
        figure.svg.write_text(f"<svg>{' ' * 100}</svg>")
        [image] = Page(evaluation_page(full, [figure], note="")).all("img")
        start, _, data = image["src"].partition(",")
        assert start == f"data:image/{kind};base64"
        assert base64.b64decode(data) == path.read_bytes()


def test_without_a_note_there_is_none(plain):
    assert (
        len(Page(evaluation_page(plain, [], note="")).of("p"))
        == len(Page(evaluation_page(plain, [], note="x")).of("p")) - 1
    )


@pytest.mark.slow
def test_a_browser_reads_the_page_as_it_was_written(full, make_figure, tmp_path):
    """A browser moves elements that stand where they must not; here it finds nothing to move."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("Chromium is not installed, so the page was not opened in a browser")
    path, printed = tmp_path / "report <b>.html", tmp_path / "printed.pdf"
    path.write_text(evaluation_page(full, [make_figure()], note=SIMULATED), encoding="utf-8")
    command = [program, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
    command += ["--disable-background-networking", "--disable-component-update", f"--user-data-dir={tmp_path / 'user'}"]

    def run(*options):
        return subprocess.run(
            [*command, *options, path.as_uri()], capture_output=True, text=True, check=True, timeout=120
        ).stdout

    written, read = Page(path.read_text(encoding="utf-8")), Page(run("--dump-dom"))
    assert read.tags == written.tags
    assert read.rows == written.rows
    run(f"--print-to-pdf={printed}")
    assert printed.read_bytes().startswith(b"%PDF")
