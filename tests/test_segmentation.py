"""Where the network looks for lesions: along the canal that was found, on whole slices, or nowhere."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spinal_tf import pipeline
from spinal_tf.anatomy.found_spine import NO_CANAL, NOT_T2W
from spinal_tf.case_files import CaseFiles, write_lesion_files
from spinal_tf.checkpoints.manifest import Checkpoint
from spinal_tf.errors import VolumeError, WeightsError
from spinal_tf.images.anatomy_map import BODY, CANAL, CORD, read_anatomy_map
from spinal_tf.images.volume import read_volume
from spinal_tf.models import AnatomyNetwork, Networks, Segmenter, Served
from spinal_tf.pipeline import ReviewedMask, diagnose
from spinal_tf.prediction_options import SegmentationOptions
from spinal_tf.preprocess import Preprocessing
from spinal_tf.report.record import case_json
from spinal_tf.segmentation import segment_volume
from spinal_tf.spine_search import search_spine
from spinal_tf.stopwatch import Stopwatch
from spinal_tf.structures import STRUCTURES, Structure

COLUMN = 24
"""Middle of a straight canal, in a volume of 40 x 48 voxels of 2.5 mm."""


@pytest.fixture
def volume(make_scan):
    return make_scan()


@pytest.fixture
def make_scan(tmp_path):
    """A function that makes a scan of 100 x 120 mm whose canal holds bright fluid, and bodies of a given level."""
    import nibabel

    def make(marrow=0.3):
        data = np.full((7, 40, 48), 0.1)
        data[2:5, :, COLUMN - 5 : COLUMN + 6] = 1.0
        data[2:5, :, COLUMN - 1 : COLUMN + 2] = 0.5
        data[2:5, :, COLUMN - 18 : COLUMN - 7] = marrow
        data += np.random.default_rng(0).normal(0, 0.01, data.shape)
        affine = np.diag([-3.5, 1, 1, 1.0])
        affine[1:3, 1:3] = [[0, -2.5], [-2.5, 0]]
        nibabel.save(nibabel.Nifti1Image((1000 * data).astype(np.int16), affine), tmp_path / "scan.nii.gz")
        return read_volume(tmp_path / "scan.nii.gz")

    return make


@pytest.fixture
def segmenter(checkpoints):
    """Says lesion everywhere, and notes how many pixels it saw."""
    seen = []

    def engine(batch):
        seen.append(batch.shape)
        return np.full((*batch.shape[:3], 1), 0.9, np.float32)

    preprocessing = Preprocessing(fit="spacing", spacing_mm=1.25)
    record = replace(checkpoints["segmenter"], preprocessing=preprocessing, operating_point=0.5)
    made = Segmenter(checkpoint=record, engine=engine)
    engine.seen = seen
    return made


def anatomy(canal=True, bodies=True):
    """A network that sees a straight canal with its cord, and bodies in front of it, on slices 2 to 4."""
    record = Checkpoint(
        name="anatomy",
        network="anatomy_multiresunet",
        preprocessing=Preprocessing(fit="spacing", spacing_mm=2.5, intensity="zscore_no_clip"),
        operating_point=0.5,
        card="anatomy.md",
    )
    asked = []

    def engine(batch):
        maps = np.zeros((*batch.shape[:3], len(STRUCTURES)), np.float32)
        for index in range(len(batch)):
            number = len(asked)
            asked.append(number)
            if canal and 2 <= number <= 4:
                at = (batch.shape[2] - 48) // 2 + COLUMN
                maps[index, :, at - 5 : at + 6, STRUCTURES.index(Structure.CANAL)] = 0.95
                maps[index, :, at - 1 : at + 2, STRUCTURES.index(Structure.CORD)] = 0.95
                maps[index, :, at - 18 : at - 7, STRUCTURES.index(Structure.BODY)] = 0.95 * bodies
        return maps

    return AnatomyNetwork(checkpoint=record, engine=engine)


def test_lesions_are_marked_in_the_canal_alone(volume, segmenter):
    result = diagnose(volume, Networks(segmenter=segmenter, anatomy=anatomy()))
    canal = np.zeros(volume.data.shape, bool)
    canal[2:5, :, COLUMN - 5 : COLUMN + 6] = True
    assert result.mask[canal].all()
    assert not result.mask[:, :, : COLUMN - 8].any()
    assert not result.mask[:, :, COLUMN + 9 :].any()
    assert not result.mask[[0, 6]].any()
    assert not result.segmentation.probability[~result.mask].any()


def test_the_network_sees_a_band_only(volume, segmenter):
    diagnose(volume, Networks(segmenter=segmenter, anatomy=anatomy()))
    assert {shape[2] for shape in segmenter.engine.seen} == {64}  # 76.8 mm, to the nearest multiple of 16 pixels
    segmenter.engine.seen.clear()
    diagnose(volume, Networks(segmenter=segmenter))
    assert {shape[2] for shape in segmenter.engine.seen} == {96}


def test_whole_slices_can_be_asked_for(volume, segmenter):
    options = SegmentationOptions(whole_slice=True)
    result = diagnose(volume, Networks(segmenter=segmenter, anatomy=anatomy()), options=options)
    assert result.mask.all()
    assert any("outside the spinal canal" in reason for reason in result.review.reasons)


def test_a_server_without_anatomy_network_is_said_to_lack_it(volume, segmenter):
    served = Served(address="grpc://far:8500", version=1, precision="float32", written_by="0.1.0")
    there = replace(segmenter, served=served)
    words = "grpc://far:8500: the server has no model called anatomy, so lesions were looked for on whole slices"
    [warning] = added(volume, Networks(segmenter=there))
    assert warning.startswith(words)
    assert added(volume, Networks(segmenter=there), options=SegmentationOptions(whole_slice=True)) == []
    drawn = ReviewedMask(mask=np.zeros(volume.data.shape, bool), source="drawn.nii.gz")
    assert added(volume, Networks(segmenter=there), given=drawn) == []
    assert added(volume, Networks(segmenter=there, anatomy=anatomy())) == []
    assert added(volume, Networks(segmenter=segmenter)) == []


def added(volume, networks, **how):
    """The warnings of a case that are not those of its scan."""
    return [one for one in diagnose(volume, networks, **how).warnings if one not in volume.warnings]


def test_without_a_canal_nothing_is_marked_and_it_is_said(volume, segmenter):
    result = diagnose(volume, Networks(segmenter=segmenter, anatomy=anatomy(canal=False)))
    assert not result.mask.any()
    assert segmenter.engine.seen == []
    assert result.review.needed
    assert NO_CANAL in result.review.reasons
    assert any(warning.endswith(NO_CANAL) for warning in result.warnings)
    assert case_json(result)["spine"]["found"] is False


def test_a_t1w_scan_is_doubted(make_scan, segmenter):
    result = diagnose(make_scan(marrow=1.4), Networks(segmenter=segmenter, anatomy=anatomy()))
    assert NOT_T2W in result.review.reasons
    assert any(warning.endswith(NOT_T2W) for warning in result.warnings)
    right = diagnose(make_scan(), Networks(segmenter=segmenter, anatomy=anatomy()))
    assert NOT_T2W not in right.review.reasons


def test_the_outlines_are_written_on_request(volume, segmenter, tmp_path):
    result = diagnose(volume, Networks(segmenter=segmenter, anatomy=anatomy()))
    files = CaseFiles(case=tmp_path / "scan.nii.gz", folder=tmp_path)
    assert files.lesion_outputs("anatomy")[-1].name == "scan_anatomy.nii.gz"
    write_lesion_files(result, files.lesion_outputs("anatomy"), Stopwatch(), "anatomy")
    labels = read_anatomy_map(files.lesion_outputs("anatomy")[-1], like=volume)
    assert set(np.unique(labels)) == {0, CORD, CANAL, BODY}
    without = diagnose(volume, Networks(segmenter=segmenter))
    with pytest.raises(WeightsError, match="no anatomy network"):
        write_lesion_files(without, files.lesion_outputs("anatomy"), Stopwatch(), "anatomy")


def test_averaging_over_flips_stays_in_the_band(volume, segmenter):
    found = diagnose(volume, Networks(segmenter=segmenter, anatomy=anatomy())).spine
    plain, averaged = (
        segment_volume(volume, segmenter, SegmentationOptions(tta=tta), Stopwatch(), found=found)
        for tta in (False, True)
    )
    np.testing.assert_array_equal(plain.mask, averaged.mask)


def test_a_given_mask_is_judged_by_the_canal(volume):
    mask = np.zeros(volume.data.shape, bool)
    mask[3, 10:14, 40:44] = True
    given = ReviewedMask(mask=mask, source="drawn.nii.gz")
    result = diagnose(volume, Networks(anatomy=anatomy()), given=given)
    assert result.review.reasons == ("drawn.nii.gz: the mask lies to 100% outside the spinal canal",)
    assert result.lesions[0].levels is None


def test_an_ambiguous_count_is_a_warning_if_a_level_depends_on_it(volume, segmenter, monkeypatch):
    numbering = pipeline.search_spine(volume, anatomy(), Stopwatch()).spine.numbering
    doubtful = replace(numbering, doubts=("the lumbar numbers may be off by one",))

    def warned(numbering, mask=None):
        def search(*given):
            found = search_spine(*given)
            return replace(found, spine=replace(found.spine, numbering=numbering))

        monkeypatch.setattr(pipeline, "search_spine", search)
        given = None if mask is None else ReviewedMask(mask=mask, source="mask.nii.gz")
        result = diagnose(volume, Networks(segmenter=segmenter, anatomy=anatomy()), given=given)
        assert numbering.doubts[0] in case_json(result)["spine"]["doubts"]
        return [one for one in result.warnings if numbering.doubts[0] in one]

    assert warned(replace(doubtful, ambiguous=True)) == ["scan.nii.gz: the lumbar numbers may be off by one"]
    assert warned(replace(doubtful, ambiguous=True), mask=np.zeros(volume.data.shape, bool)) == []
    assert warned(doubtful) == []


def test_a_person_can_give_a_level(volume, segmenter):
    networks = Networks(segmenter=segmenter, anatomy=anatomy())
    result = diagnose(volume, networks, options=SegmentationOptions(level_at=("T10", 20)))
    assert case_json(result)["spine"]["vertebrae"] == ["T10"]
    assert case_json(result)["spine"]["numbered_from"] == ["given"]


def test_a_given_level_outside_the_scan_is_refused(volume, segmenter):
    networks = Networks(segmenter=segmenter, anatomy=anatomy())
    with pytest.raises(
        VolumeError, match=r"^scan\.nii\.gz: has rows 0 to 39 along axis j, .*, but not row 40; correct"
    ):
        diagnose(volume, networks, options=SegmentationOptions(level_at=("T10", 40)))


def test_a_given_level_without_a_body_is_said(volume, segmenter):
    networks = Networks(segmenter=segmenter, anatomy=anatomy(bodies=False))
    result = diagnose(volume, networks, options=SegmentationOptions(level_at=("T10", 20)))
    [warning] = [one for one in result.warnings if "T10" in one]
    assert warning.startswith("scan.nii.gz: no vertebral body was found at the row given for T10")
    assert result.lesions[0].levels is None


def test_a_given_level_needs_a_network_that_finds_vertebrae(volume, segmenter):
    with pytest.raises(WeightsError, match=r"^scan\.nii\.gz: no network finds vertebrae"):
        diagnose(volume, Networks(segmenter=segmenter), options=SegmentationOptions(level_at=("T10", 20)))
