from __future__ import annotations

import base64
import dataclasses
import re
import shutil
import subprocess
from io import BytesIO

import numpy as np
import pytest
from html_page import Page
from PIL import Image

from spinal_tf.report import notice, words, write_html
from spinal_tf.report.case_page import html_page
from spinal_tf.report.figure import contact_sheet
from spinal_tf.report.panels import OUTLINE
from spinal_tf.taxonomy import MS, NMOSD, tree


def test_nothing_is_loaded_and_nothing_runs(classified):
    page = Page(html_page(classified))
    assert not {"script", "link", "iframe", "object", "form", "a"} & set(page.tags)
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert all(value.startswith("data:image/png;base64,") for _, name, value in page.attributes if name == "src")
    assert ("meta", "content", "default-src 'none'; img-src data:; style-src 'unsafe-inline'") in page.attributes
    assert not re.search(r"https?:|url\(|@import", html_page(classified))


def test_the_notice_comes_first(segmented):
    page = Page(html_page(segmented))
    title, first, *_ = page.words
    assert title == "phantom.nii.gz: spinal-tf report"
    assert first == notice(segmented.models)


def test_every_text_is_escaped(classified):
    name, mask, warning = "<b>x&.nii.gz", "<i>m&.nii.gz", "<script>alert('&')</script>"
    volume = dataclasses.replace(classified.volume, source=name)
    model = dataclasses.replace(classified.models[0], name='"<u>&', summary="<s>&")
    result = dataclasses.replace(
        classified, volume=volume, mask_source=mask, warnings=(warning,), models=(model,), timings_s={"<em>": 1.0}
    )
    page = Page(html_page(result))
    assert not {"b", "i", "u", "s", "em", "script"} & set(page.tags)
    assert name in page.words
    assert warning in page.words
    assert page.row('"<u>&')[1] == "<s>&"
    assert page.row("<em>") == ["<em>", "1.00"]
    assert any(mask in text for text in page.words)


def test_lesions_are_listed_with_their_measures(segmented):
    page = Page(html_page(segmented))
    first, second = segmented.lesions
    assert page.row("1")[1:3] == ["0.044", f"{first.length_mm:.1f}"]
    assert page.row("1")[6:8] == ["–", "3–4"]
    assert page.row("2")[7] == "1"
    assert page.row("2")[5] == ", ".join(f"{coordinate:.1f}" for coordinate in second.centroid_mm)
    assert page.row("All")[1] == "0.046"


def test_location_and_extent_are_told_if_the_spine_was_looked_for(segmented, with_levels):
    told = "Location: thoracic-lumbar; 3 vertebrae, summed over the lesions."
    assert told in Page(html_page(with_levels)).words
    assert not any("Location" in text for text in Page(html_page(segmented)).words)
    first, second = with_levels.lesions
    unknown = dataclasses.replace(with_levels, lesions=(first, dataclasses.replace(second, levels=None)))
    told = "Location unknown: the vertebrae beside the lesions are not all numbered."
    assert told in Page(html_page(unknown)).words


def test_levels_are_told_from_the_first_main_one_to_the_last():
    assert words.levels({"oblongata": 0.01, "C1": 0.5, "C2": 0.4, "C3": 0.09}) == "C1–C3"
    assert words.levels({"C1": 0.99, "C2": 0.01}) == "C1"
    assert words.levels(None) == "–"


def test_lesions_over_three_regions_have_no_single_location(with_levels):
    levels = {"C7": 0.1, "T1": 0.8, "L1": 0.1}
    lesion = dataclasses.replace(with_levels.lesions[0], levels=levels)
    told = words.place(dataclasses.replace(with_levels, lesions=(lesion,)))
    assert told == "Location: more than two regions of the spine; 3 vertebrae"


def test_posterior_tasks_slices_and_activation_are_shown(classified):
    page = Page(html_page(classified))
    # By hand: P(NMOSD) = 0.8 x 0.6, P(astrocytoma) = 0.2 x 0.75.
    assert page.row("MS")[1] == "0.32"
    assert page.row("Astrocytoma")[1] == "0.15"
    widths = [value for _, name, value in page.attributes if name == "style"]
    assert widths == ["width: 15.0%", "width: 5.0%", "width: 32.0%", "width: 48.0%"]
    assert page.row("tumor or demyelinating")[1:] == ["demyelinating 0.800", "0.500", "demyelinating", "yes"]
    assert page.row("astrocytoma or ependymoma")[1:] == ["ependymoma 0.250", "0.450", "astrocytoma", "no, other branch"]
    assert page.row("4") == ["4", "0.700", "0.150", "0.500"]
    assert page.row("demyelinating")[1:] == ["Perilesional", "–", "0.30", "0.20", "0.10"]


def test_the_page_says_who_made_the_mask_and_whether_to_check_it(segmented, classified):
    automatic, reviewed = Page(html_page(segmented)), Page(html_page(classified))
    assert "A person should check the mask" in automatic.words
    assert "Some <doubt> & more." in automatic.words
    assert any("not reviewed by a person" in text for text in automatic.words)
    assert "A person should check the mask" not in reviewed.words
    assert any("mask reviewed by a person (reviewed.nii.gz)" in text for text in reviewed.words)


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("segmented", "this is the result of the segmentation alone"),
        ("without_lesion", "no lesion was found, so there is nothing to classify"),
    ],
)
def test_the_page_says_why_a_case_is_not_classified(case, reason, request):
    page = Page(html_page(request.getfixturevalue(case)))
    assert f"Not classified: {reason}." in page.words
    assert "Classification" not in page.words


def test_the_picture_is_the_contact_sheet_with_words_for_who_cannot_see_it(classified):
    ((_, _, source),) = [entry for entry in Page(html_page(classified)).attributes if entry[1] == "src"]
    ((_, _, alternative),) = [entry for entry in Page(html_page(classified)).attributes if entry[1] == "alt"]
    shown = Image.open(BytesIO(base64.b64decode(source.partition(",")[2])))
    assert (np.asarray(shown) == np.asarray(contact_sheet(classified))).all()
    assert "Grad-CAM" in alternative


def test_a_mask_that_was_only_given_names_no_weights(segmented):
    page = Page(html_page(dataclasses.replace(segmented, segmentation=None, models=(), timings_s={}, warnings=())))
    assert "Models" not in page.words
    assert "Time" not in page.words
    assert "Warnings" not in page.words


def test_weights_are_named_with_their_hash_and_training_data(classified):
    assert Page(html_page(classified)).row("ms_vs_nmosd") == ["ms_vs_nmosd", "simulated data", "b2" * 32]


def test_a_posterior_that_favours_another_diagnosis_is_pointed_out(classified):
    posterior = dict.fromkeys(tree().diagnoses, 0.1) | {MS: 0.5, NMOSD: 0.3}
    changed = dataclasses.replace(classified.classification, posterior=posterior)
    assert words.conclusion(changed) == "NMOSD, posterior probability 0.30; the posterior alone favours MS, 0.50"


@pytest.mark.parametrize(
    ("numbers", "expected"), [((), ""), ((4,), "4"), ((1, 2), "1–2"), ((0, 3, 4, 5, 9), "0, 3–5, 9")]
)
def test_runs_of_slices_are_joined(numbers, expected):
    assert words.ranges(numbers) == expected


@pytest.mark.parametrize(("volume", "expected"), [(0.0123, "0.012"), (3.456, "3.46"), (12.34, "12.3")])
def test_volumes_have_sensible_digits(volume, expected):
    assert words.volume_ml(volume) == expected


def test_an_undefined_number_is_a_dash():
    assert [words.number(value, digits=1) for value in (None, float("nan"), -2.345)] == ["–", "–", "-2.3"]


@pytest.fixture
def chromium(tmp_path):
    """A function that opens a page in headless Chromium without network and returns what it prints."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("Chromium is not installed, so the page was not opened in a browser")

    def run(page, *options) -> str:
        command = [program, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
        command += [
            "--disable-background-networking",
            "--disable-component-update",
            f"--user-data-dir={tmp_path / 'user'}",
        ]
        command += ["--hide-scrollbars", "--force-device-scale-factor=1", *options, page.as_uri()]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout

    return run


@pytest.mark.slow
def test_a_browser_shows_tables_bars_and_picture(classified, chromium, tmp_path):
    page, shot = tmp_path / "Größe <b>&.html", tmp_path / "shot.png"
    write_html(classified, page)
    document = Page(chromium(page, "--dump-dom"))
    assert document.row("MS")[1] == "0.32"
    assert len(document.rows) == len(Page(html_page(classified)).rows)
    chromium(page, f"--screenshot={shot}", "--window-size=1500,2400")
    pixels = np.asarray(Image.open(shot).convert("RGB"))
    # The colour of the outline is nowhere but in the picture: it was let in, decoded and painted.
    assert int((pixels == OUTLINE).all(axis=-1).sum()) > 100
    bars = (pixels == (0x00, 0x72, 0xB2)).all(axis=-1).sum(axis=1)
    assert sorted(set(bars[bars > 0].tolist())) == pytest.approx([16, 48, 102, 154], abs=2)
