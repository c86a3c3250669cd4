from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinal_tf.anatomy.found_spine import FoundSpine
from spinal_tf.anatomy.vertebra_labels import VertebraLabel
from spinal_tf.report import canvas, figure, notice, panels, words, write_contact_sheet
from spinal_tf.report.layout import (
    BODY_HEIGHT,
    GAP,
    HEADING,
    LARGEST_SCALE,
    MOST_SLICES,
    SEAM,
    Crop,
    crop_around,
    fit,
    shown_slices,
    whole,
)
from spinal_tf.report.panels import OUTLINE, draw_heat, draw_outline, grey_panel, heat_colours


def count(picture, colour) -> int:
    return int((np.asarray(picture) == colour).all(axis=-1).sum())


@pytest.fixture
def written(monkeypatch) -> list[str]:
    """Everything written beside the panels of the sheets drawn in this test."""
    lines: list[str] = []
    text = canvas.text

    def listen(words, width, **options):
        lines.append(words)
        return text(words, width, **options)

    monkeypatch.setattr(canvas, "text", listen)
    return lines


# Which slices


def test_few_slices_are_all_shown():
    assert shown_slices((3, 5, 6), 15) == (3, 5, 6)


def test_many_slices_are_thinned_out_evenly_with_both_ends():
    shown = shown_slices(tuple(range(100, 134)), 200)
    assert shown == tuple(range(100, 134, 3))
    assert len(shown) == MOST_SLICES


@pytest.mark.parametrize(("slice_count", "expected"), [(7, (2, 3, 4)), (15, (6, 7, 8)), (2, (0, 1))])
def test_without_lesion_the_middle_is_shown(slice_count, expected):
    assert shown_slices((), slice_count) == expected


# Which part


def test_crop_reaches_20_mm_beyond_the_lesions():
    mask = np.zeros((3, 400, 300), bool)
    mask[0, 100, 150] = mask[2, 199, 159] = True
    # Rows of 0.5 mm: 99 x 0.5 + 40 = 89.5 mm = 179 rows around 150. Columns of 1 mm: 9 + 40 is less than 60 columns.
    assert crop_around(mask, (0.5, 1.0)) == Crop(top=60, bottom=239, left=125, right=185)


def test_a_crop_of_nearly_everything_is_everything():
    mask = np.zeros((3, 70, 70), bool)
    mask[1, 35, 35] = True
    assert crop_around(mask, (1.0, 1.0)) == whole((70, 70))


@settings(deadline=None)  # a busy machine
@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 200), st.integers(1, 200)),
    spacing_mm=st.tuples(st.floats(0.2, 8), st.floats(0.2, 8)),
    data=st.data(),
)
def test_every_crop_holds_all_lesions_and_lies_in_the_plane(shape, spacing_mm, data):
    mask = np.zeros(shape, bool)
    place = st.tuples(*(st.integers(0, length - 1) for length in shape))
    for voxel in data.draw(st.lists(place, max_size=3)):
        mask[voxel] = True
    crop = crop_around(mask, spacing_mm)
    assert 0 <= crop.top < crop.bottom <= shape[1]
    assert 0 <= crop.left < crop.right <= shape[2]
    assert crop.of(mask).sum() == mask.sum()


@settings(deadline=None)  # a busy machine
@given(
    size_mm=st.tuples(st.floats(5, 500), st.floats(5, 500)),
    panels=st.integers(1, 3),
    slices=st.integers(1, MOST_SLICES),
)
def test_slices_fit_the_sheet_as_large_as_can_be(size_mm, panels, slices):
    scale, across = fit(size_mm, panels=panels, slices=slices, width=1200)
    slice_width = panels * size_mm[1] * scale + (panels - 1) * SEAM
    assert across * slice_width + (across - 1) * GAP <= 1200 + 1e-6
    assert -(-slices // across) * (size_mm[0] * scale + HEADING + GAP) <= BODY_HEIGHT + 1e-6
    assert 0 < scale <= LARGEST_SCALE


# What is drawn


def test_panels_keep_the_direction_of_the_plane_and_its_window():
    plane = np.array([[100, 50], [0, 50], [0, 50]], np.float32)
    panel = grey_panel(plane, (60, 40), (0, 100))
    assert panel.shape == (60, 40, 3)
    assert panel[0, 0].tolist() == [255, 255, 255]
    assert panel[-1, 0].tolist() == [0, 0, 0]
    assert panel[30, -1].tolist() == [128, 128, 128]


def test_a_constant_plane_is_drawn_without_a_division_by_zero():
    plane = np.full((8, 8), 7, np.float32)
    with np.errstate(all="raise"):
        panel = grey_panel(plane, (16, 16), panels.intensity_window(plane))
    assert np.ptp(panel) == 0


@pytest.mark.parametrize("size", [(30, 30), (60, 90)])
def test_the_outline_surrounds_the_mask_and_hides_none_of_it(size):
    mask = np.zeros((10, 10), bool)
    mask[4, 6] = True
    panel = np.full((*size, 3), 200, np.uint8)
    outlined = draw_outline(panel, mask)
    row, column = size[0] // 10, size[1] // 10
    inside = outlined[4 * row : 5 * row, 6 * column : 7 * column]
    ring = outlined[4 * row - 2 : 5 * row + 2, 6 * column - 2 : 7 * column + 2]
    assert (inside == 200).all()
    assert count(ring, OUTLINE) == (row + 4) * (column + 4) - row * column == count(outlined, OUTLINE)
    assert (panel == 200).all()


def test_no_heat_leaves_the_image_and_full_heat_colours_it():
    panel = np.full((20, 20, 3), 100, np.uint8)
    heat = np.zeros((10, 10), np.float32)
    heat[:, 5:] = 1
    heated = draw_heat(panel, heat)
    assert (heated[:, :8] == 100).all()
    expected = np.round(0.4 * 100 + 0.6 * heat_colours(np.ones((1, 1)))[0, 0].astype(float))
    assert heated[10, 18].tolist() == expected.tolist()


def test_heat_gets_lighter_all_the_way():
    ramp = heat_colours(np.linspace(0, 1, 256)[np.newaxis])
    lightness = cv2.cvtColor(ramp, cv2.COLOR_RGB2LAB)[0, :, 0].astype(int)
    assert (np.diff(lightness) >= -1).all()
    assert lightness[-1] - lightness[0] > 200


@pytest.mark.parametrize(
    ("width_mm", "length_mm", "label"), [(60, 20, "2 cm"), (59, 10, "1 cm"), (16, 5, "5 mm"), (1, 1, "1 mm")]
)
def test_scale_bar_is_round_and_at_most_a_third(width_mm, length_mm, label):
    assert canvas.bar_length_mm(width_mm) == length_mm
    assert canvas.bar_label(length_mm) == label


def test_the_scale_bar_is_as_long_as_it_says():
    picture = canvas.picture(np.zeros((90, 180, 3), np.uint8))
    canvas.draw_scale_bar(picture, 3.0)
    # 60 mm wide, so the bar stands for 20 mm: 60 pixels, 4 high.
    bar = (np.asarray(picture) == canvas.BRIGHT).all(axis=-1)[-12:-8]
    assert bar.sum(axis=1).tolist() == [60] * 4


@settings(deadline=None)  # a busy machine
@given(words=st.text(min_size=1, max_size=120), width=st.integers(30, 400))
def test_long_names_are_cut_to_the_width(words, width):
    cut = canvas.shortened(words, width)
    assert canvas.shortened(cut, width) == cut
    assert len(cut) <= max(len(words), 1)


def test_cut_names_keep_both_ends():
    cut = canvas.shortened("sub-017_ses-02_run-01_acq-sagittal_T2w.nii.gz", 200)
    assert cut.startswith("sub-017")
    assert cut.endswith("nii.gz")
    assert "…" in cut


def test_wrapped_lines_hold_every_word_in_order(segmented):
    words = notice(segmented.models)
    lines = canvas.wrapped(words, 300)
    assert len(lines) > 2
    assert " ".join(lines) == words


def bright(picture):
    """Rows and columns of the letters."""
    return np.argwhere((np.asarray(picture) == canvas.BRIGHT).all(axis=-1))


def test_names_stand_left_of_their_place_and_inside_the_picture():
    picture = canvas.picture(np.zeros((300, 200, 3), np.uint8))
    canvas.write_names(picture, [("T12", 120.0, 150.0)])
    letters = bright(picture)
    assert 140 < letters[:, 0].min() < letters[:, 0].max() < 160
    assert 80 < letters[:, 1].min() < letters[:, 1].max() < 120
    picture = canvas.picture(np.zeros((300, 200, 3), np.uint8))
    canvas.write_names(picture, [("T12", -40.0, 150.0)])  # the body's edge is cut off
    assert canvas.MARK <= bright(picture)[:, 1].min() < canvas.MARK + 8


@pytest.mark.parametrize("y", [-200.0, 5.0, 290.0, 900.0])
def test_names_outside_the_picture_or_at_its_marks_are_left_out(y):
    picture = canvas.picture(np.zeros((300, 200, 3), np.uint8))
    canvas.write_names(picture, [("T12", 120.0, y)])
    assert len(bright(picture)) == 0


def test_names_never_overlap():
    both, one = (canvas.picture(np.zeros((300, 200, 3), np.uint8)) for _ in range(2))
    canvas.write_names(both, [("T1", 120.0, 100.0), ("T2", 120.0, 110.0)])
    canvas.write_names(one, [("T1", 120.0, 100.0)])
    assert (np.asarray(both) == np.asarray(one)).all()
    canvas.write_names(both, [("T2", 120.0, 120.0)])
    assert len(bright(both)) > len(bright(one))


# The sheet


def test_the_sheet_outlines_the_lesion_beside_the_plain_image(segmented, written):
    sheet = figure.contact_sheet(segmented)
    assert count(sheet, OUTLINE) > 100
    assert [line for line in written if line.startswith("slice ")] == ["slice 4", "slice 3", "slice 1"]
    assert written.count("lesion outline") == 3


def test_the_sheet_says_what_it_shows(segmented, written):
    figure.contact_sheet(segmented)
    sentences = " ".join(written)
    assert "phantom.nii.gz" in written
    assert "2 lesions, 0.046 mL in total; mask made automatically, not reviewed by a person." in written
    assert "A person should check this mask." in written
    assert (
        "3 of 3 lesion-bearing slices, from right to left; slice numbers count from 0 along axis k of the file."
        in written
    )
    assert notice(segmented.models) in sentences


def test_heat_maps_stand_beside_the_outline_for_the_tasks_that_lead_to_the_diagnosis(classified, written):
    sheet = figure.contact_sheet(classified)
    assert written.count("demyelinating") == written.count("NMOSD") == 3
    assert "ependymoma" not in written
    assert "astrocytoma" not in written
    assert "NMOSD, posterior probability 0.48." in written
    tasks = tuple(dataclasses.replace(task, heatmap=0 * task.heatmap) for task in classified.classification.tasks)
    cold = dataclasses.replace(classified, classification=dataclasses.replace(classified.classification, tasks=tasks))
    assert (np.asarray(figure.contact_sheet(cold)) != np.asarray(sheet)).any()


def test_without_lesion_the_sheet_says_so_and_outlines_nothing(without_lesion, written):
    sheet = figure.contact_sheet(without_lesion)
    assert count(sheet, OUTLINE) == 0
    assert "No lesion found; mask made automatically, not reviewed by a person." in written
    assert [line for line in written if line.startswith("slice ")] == ["slice 4", "slice 3", "slice 2"]


def test_names_of_vertebrae_stand_on_the_panels_of_their_slice(segmented, written, monkeypatch):
    vertebrae = (SimpleNamespace(body=None, number=19),)
    numbering = SimpleNamespace(vertebrae=vertebrae, landmarks=("sacrum",), doubts=())
    found = FoundSpine(spine=SimpleNamespace(shown=(19,), numbering=numbering))
    written_names = []
    monkeypatch.setattr(canvas, "write_names", lambda picture, names: written_names.append((picture.size, names)))
    label = VertebraLabel(name="T12", row=19.5, column=11.5)
    monkeypatch.setattr(figure, "vertebra_labels", lambda spine, index, slice_mm: (label,) if index == 3 else ())
    figure.contact_sheet(dataclasses.replace(segmented, spine=found))
    assert "Vertebrae counted from the sacrum." in written
    [((width, height), [(name, x, y)])] = [one for one in written_names if one[1]]
    assert name == "T12"
    assert (x / width, y / height) == (pytest.approx(12 / 48), pytest.approx(20 / 40))
    figure.contact_sheet(segmented)
    assert len(written_names) == 3  # one for each slice of the first sheet, none for the second


def test_doubts_about_the_count_are_mentioned():
    numbering = SimpleNamespace(vertebrae=(), landmarks=("C2", "sacrum"), doubts=("they disagree",))
    found = FoundSpine(spine=SimpleNamespace(shown=(19,), numbering=numbering))
    assert words.counted_from(found) == "C2 and the sacrum, with doubts that the record states"
    assert words.counted_from(FoundSpine(spine=None)) is words.counted_from(None) is None


def test_slices_left_out_are_counted(segmented, written):
    mask = np.zeros((20, 40, 48), bool)
    mask[1:19, 10:20, 20:24] = True
    sheet = figure._numbering(dataclasses.replace(segmented, mask=mask), tuple(range(12)))
    assert "12 of 18 lesion-bearing slices, evenly spread, 6 left out" in sheet


def test_a_small_lesion_is_enlarged_and_its_place_shown(segmented, written):
    data = np.tile(segmented.volume.data, (1, 8, 8))
    mask = np.zeros(data.shape, bool)
    mask[3, 100:104, 200:203] = True
    volume = dataclasses.replace(segmented.volume, data=data)
    figure.contact_sheet(dataclasses.replace(segmented, volume=volume, mask=mask))
    assert "slice 3, whole" in written


def test_panels_have_the_proportions_of_the_body(segmented):
    frame = figure.Frame(crop=whole((40, 48)), scale=5.0, window=(0, 1))
    panel = figure._panel(segmented, 2, figure.View(heading=""), frame)
    assert panel.size == (round(48 * 0.8 * 5), round(40 * 0.7 * 5))


def test_the_file_is_a_png_of_the_sheet(classified, tmp_path):
    path = tmp_path / "case_lesion.part.png"
    write_contact_sheet(classified, path)
    read = cv2.imread(str(path))[..., ::-1]
    assert (read == np.asarray(figure.contact_sheet(classified))).all()


def test_a_file_name_in_any_script_is_drawn(segmented):
    for name in ("Größe $x^2$ und mehr.nii.gz", "患者.nii.gz", "x" * 400 + ".nii.gz"):
        volume = dataclasses.replace(segmented.volume, source=name)
        assert figure.contact_sheet(dataclasses.replace(segmented, volume=volume)).width <= 1700
