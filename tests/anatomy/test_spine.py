"""The spine found on perfect maps of drawn spines, against what was drawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spinal_tf.anatomy.band import band_around
from spinal_tf.anatomy.canal_doubts import canal_doubts
from spinal_tf.anatomy.lesion_field import lesion_field
from spinal_tf.anatomy.lesion_levels import by_name, levels_of, location
from spinal_tf.anatomy.levels import UNKNOWN
from spinal_tf.anatomy.spine import find_spine
from spinal_tf.anatomy.vertebra_names import vertebra_name
from spinal_tf.cohort.case import Level
from spinal_tf.images.anatomy_map import CANAL, CORD
from spinal_tf.preprocess import Preprocessing, place
from spinal_tf.structures import STRUCTURES, Structure

LEVELS = ("cervical", "thoracic", "lumbar")


def without(spine, *structures, rows=slice(None)):
    """The same maps where the network has missed some structures on some rows of the coarse grid."""
    probability = spine.maps.probability.copy()
    for one in structures:
        probability[:, rows, :, STRUCTURES.index(one)] = 0
    return replace(spine.maps, probability=probability)


def names(numbering):
    return [one.number and vertebra_name(one.number) for one in numbering.vertebrae]


@pytest.mark.parametrize("level", LEVELS)
def test_the_line_runs_through_the_middle_of_the_canal(spines, level):
    spine = spines[level]
    line, maps = spine.found.line, spine.maps
    first, last = line.rows
    rows = np.rint(maps.volume_row(np.arange(first, last))).astype(int)
    columns = maps.volume_column(line.at_column[first:last])
    canal = np.isin(spine.labels, (CORD, CANAL))
    inside = canal[:, rows].any(axis=0)
    middle = (inside * np.arange(canal.shape[2])).sum(axis=1) / np.maximum(inside.sum(axis=1), 1)
    known = inside.any(axis=1)
    assert known.mean() > 0.95
    assert np.abs(columns - middle)[known].max() < 3.0
    assert np.median(np.abs(columns - middle)[known]) < 1.0


def test_the_cord_ends_where_it_was_drawn_to_end(spines):
    spine = spines["lumbar"]
    drawn = np.flatnonzero((spine.labels == CORD).any(axis=(0, 2)))[-1]
    assert abs(spine.maps.volume_row(np.array(spine.found.cord_end)) - drawn) < 12  # the tip is thinner than a pixel
    assert spines["cervical"].found.cord_end is None
    assert spines["thoracic"].found.cord_end is None


def test_vertebrae_are_numbered_from_the_sacrum(spines):
    spine = spines["lumbar"]
    assert spine.found.numbering.landmarks == ("sacrum",)
    assert names(spine.found.numbering)[-6:] == ["T12", "L1", "L2", "L3", "L4", "L5"]
    assert spine.found.numbering.doubts == ()
    _each_body_has_its_number(spine)


def test_vertebrae_are_numbered_from_c2(spines):
    spine = spines["cervical"]
    assert spine.found.numbering.landmarks == ("C2",)
    assert names(spine.found.numbering)[:8] == ["C2", "C3", "C4", "C5", "C6", "C7", "T1", "T2"]
    _each_body_has_its_number(spine)


def _each_body_has_its_number(spine):
    maps = spine.maps
    for one in spine.found.numbering.vertebrae:
        row, column = one.body.centre
        at = int(round(float(maps.volume_row(row)))), int(round(float(maps.volume_column(column))))
        assert set(np.unique(spine.vertebrae[:, at[0], at[1]])) <= {0, one.number}


def test_without_a_landmark_nothing_is_numbered(spines):
    numbering = spines["thoracic"].found.numbering
    assert set(names(numbering)) == {None}
    assert len(numbering.doubts) == 1
    assert "neither C2 nor the sacrum" in numbering.doubts[0]
    found = find_spine(without(spines["lumbar"], Structure.SACRUM))
    assert set(names(found.numbering)) == {None}


def test_a_person_can_give_a_level(spines):
    spine = spines["thoracic"]
    body = spine.found.numbering.vertebrae[2].body
    row = float(spine.maps.volume_row(np.array(body.centre[0])))
    found = find_spine(spine.maps, given=(10, row + 2))
    assert names(found.numbering)[:5] == ["T1", "T2", "T3", "T4", "T5"]
    assert found.numbering.landmarks == ("given",)


def test_a_vertebra_that_was_missed_stops_the_count(spines):
    spine = spines["lumbar"]
    rows = spine.found.numbering.vertebrae[-3].body.pixels[:, 0]  # L3
    found = find_spine(without(spine, Structure.BODY, rows=slice(rows.min() - 1, rows.max() + 2)))
    assert names(found.numbering)[-2:] == ["L4", "L5"]
    assert set(names(found.numbering)[:-2]) == {None}
    assert "not told apart" in found.numbering.doubts[0]


@pytest.mark.parametrize("level", ["cervical", "lumbar"])
def test_places_in_the_cord_have_the_level_of_their_vertebra(spines, level):
    spine = spines[level]
    frame = spine.drawn.frame
    voxels = np.argwhere(spine.labels == CORD)
    truth, found = frame.level[voxels[:, 1]], spine.found.level_of(voxels)
    assert (found != UNKNOWN)[truth > 0].mean() > 0.9
    known = (truth > 0) & (found != UNKNOWN)
    assert np.abs(found - truth)[known].max() <= 1
    # A drawn level ends below its disc, a found one in the middle of it.
    last = len(frame.level) - 1
    away = [frame.level[np.clip(voxels[:, 1] + step, 0, last)] == truth for step in (-4, 4)]
    assert (found == truth)[known & away[0] & away[1]].mean() > 0.99


def test_a_lesion_has_shares_of_levels_and_a_location(spines):
    spine = spines["cervical"]
    body = spine.found.numbering.vertebrae[3].body  # C5
    row = int(round(float(spine.maps.volume_row(np.array(body.centre[0])))))
    voxels = np.argwhere(spine.labels[:, row - 1 : row + 2] == CORD) + [0, row - 1, 0]
    levels = levels_of(voxels, spine.found)
    assert by_name(levels) == {"C5": 1.0}
    assert location(levels) == Level.CERVICAL
    assert by_name({5: 0.4, UNKNOWN: 0.6}) is None
    assert location({19: 0.5, 20: 0.5}) == Level.THORACIC_LUMBAR
    assert location({0: 0.5, 3: 0.5}) == Level.OBLONGATA_CERVICAL
    assert location({3: 0.5, 22: 0.5}) is None


@pytest.mark.parametrize("level", LEVELS)
def test_lesions_can_be_in_the_canal_and_hardly_elsewhere(spines, level):
    spine = spines[level]
    field = lesion_field(spine.found, len(spine.labels))
    canal = np.isin(spine.labels, (CORD, CANAL))
    assert field[canal].mean() > 0.97
    assert field.sum() < 3.5 * canal.sum()
    assert np.all(field[spine.labels == CORD])


@pytest.mark.parametrize("level", LEVELS)
def test_the_windows_of_the_band_cover_the_canal(spines, level):
    spine = spines[level]
    preprocessing = Preprocessing(fit="spacing", spacing_mm=0.8, intensity="minmax")
    placement = place(spine.labels.shape[1:], (1.0, 1.0), preprocessing)
    band = band_around(spine.found, placement, len(spine.labels), 3.5, 16)
    covered = np.zeros(placement.input_shape, int)
    for (rows, columns), part in zip(band.windows, band.parts, strict=True):
        assert rows.start <= part.start < part.stop <= rows.stop
        assert (rows.stop - rows.start) % 16 == (columns.stop - columns.start) % 16 == 0
        covered[part, columns] += 1
    assert covered.max() == 1
    window = covered[placement.window]
    canal = np.argwhere(np.isin(spine.labels, (CORD, CANAL)))
    at = ((canal[:, 1:] + 0.5) / 0.8).astype(int)
    assert window[at[:, 0], at[:, 1]].mean() > 0.99
    assert set(canal[:, 0]) <= set(band.slices)
    assert covered.mean() < 0.65


def test_a_scan_without_a_canal_has_no_spine(spines):
    assert find_spine(without(spines["lumbar"], Structure.CANAL)) is None
    assert find_spine(without(spines["lumbar"], Structure.CANAL, rows=slice(20, None))) is None


def test_a_stenosis_does_not_end_the_canal(spines):
    spine = spines["lumbar"]
    found = find_spine(without(spine, Structure.CANAL, rows=slice(120, 128)))
    assert found.line.rows == spine.found.line.rows


def test_masks_away_from_the_canal_or_below_the_cord_are_doubted(spines):
    spine = spines["lumbar"]
    mask = np.zeros(spine.labels.shape, bool)
    mask[6, 100:105, 5:10] = True
    [doubt] = canal_doubts(mask, spine.found)
    assert doubt.startswith("lies to 100% outside the spinal canal")
    cord = spine.labels == CORD
    assert canal_doubts(cord, spine.found) == ()
    end = np.flatnonzero(cord.any(axis=(0, 2)))[-1]
    below = (spine.labels == CANAL) & (np.arange(SIZE_ROWS)[:, None] > end + 15)
    [doubt] = canal_doubts(below, spine.found)
    assert doubt.startswith("has a lesion below the end of the cord")
    assert canal_doubts(np.zeros_like(mask), spine.found) == ()


SIZE_ROWS = 300
