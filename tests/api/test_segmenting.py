"""``spinal_tf.segment`` gives what the command writes, on the grid and in the axis order that it was given."""

from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pytest

import spinal_tf
from spinal_tf import loaded_weights

NAMES = ["case_lesion.json", "case_lesion.nii.gz", "case_lesion.png"]


def without_times(path):
    record = json.loads(path.read_text())
    return record | {"timings_s": None}


def test_the_mask_lies_on_the_scans_grid_in_the_files_axis_order(bright_file, stub_networks, lesion):
    found = spinal_tf.segment(bright_file)
    scan = nib.load(bright_file)
    assert (found.mask.dtype, found.mask.shape, found.probability.dtype) == (bool, scan.shape, np.float32)
    np.testing.assert_array_equal(found.affine, scan.affine)
    bright = np.asarray(scan.dataobj) == np.asarray(scan.dataobj).max()
    np.testing.assert_array_equal(found.mask, bright)
    np.testing.assert_array_equal(found.probability >= 0.5, bright)
    assert int(found.mask.sum()) == int(lesion.sum())
    assert [one.number for one in found.lesions] == [1]
    assert found.volume_ml == pytest.approx(lesion.sum() * 3.3 * 0.7 * 0.8 / 1000)
    assert found.warnings == found.case.warnings


def test_saved_files_are_the_commands(bright_file, stub_networks, tmp_path):
    from click.testing import CliRunner

    from spinal_tf.cli.main import main

    saved = spinal_tf.segment(bright_file).save(tmp_path / "api", probability=True)
    options = ["--save-probability", "-o", str(tmp_path / "command")]
    assert CliRunner().invoke(main, ["segment", str(bright_file), *options]).exit_code == 0
    assert sorted(path.name for path in saved) == sorted([*NAMES, "case_probability.nii.gz"])
    for path in saved:
        theirs = tmp_path / "command" / path.name
        if path.suffix == ".json":
            assert without_times(path) == without_times(theirs)
            assert (
                json.loads(path.read_text())["timings_s"].keys() == json.loads(theirs.read_text())["timings_s"].keys()
            )
        else:
            assert path.read_bytes() == theirs.read_bytes()
    np.testing.assert_array_equal(np.asarray(nib.load(saved[1]).dataobj), spinal_tf.segment(bright_file).mask)


@pytest.mark.parametrize("axes", ["PSR", "RAS", "LIP", "SAL"])
def test_an_array_gets_its_mask_in_its_own_axis_order(
    bright_data, oblique_affine, write_nifti, stub_networks, tmp_path, axes
):
    scan = nib.load(write_nifti(tmp_path / "scan.nii", bright_data, oblique_affine, axes=axes))
    array = np.asarray(scan.dataobj)
    found = spinal_tf.segment(array, affine=scan.affine)
    np.testing.assert_array_equal(found.mask, array == array.max())
    np.testing.assert_array_equal(found.affine, scan.affine)
    _, mask, _ = found.save(tmp_path / "out")
    assert mask.name == "image_lesion.nii.gz"
    written = nib.load(mask)
    np.testing.assert_array_equal(np.asarray(written.dataobj), found.mask)
    np.testing.assert_allclose(written.affine, scan.affine, atol=1e-5)


def test_an_array_that_was_read_has_a_name(bright_file, stub_networks, tmp_path):
    scan = nib.load(bright_file)
    volume = spinal_tf.read(np.asarray(scan.dataobj), affine=scan.affine, name="sub-017")
    saved = spinal_tf.segment(volume).save(tmp_path)
    assert {path.name for path in saved} == {name.replace("case", "sub-017") for name in NAMES}


def test_files_that_exist_are_kept_all_of_them_unless_overwritten(bright_file, stub_networks, tmp_path):
    found = spinal_tf.segment(bright_file)
    (tmp_path / "case_lesion.png").write_text("mine")
    with pytest.raises(spinal_tf.OutputError, match=r"case_lesion.png: already exists and was kept"):
        found.save(tmp_path)
    assert sorted(path.name for path in tmp_path.glob("case_*")) == ["case_lesion.png"]
    assert (tmp_path / "case_lesion.png").read_text() == "mine"
    assert [path.name for path in found.save(tmp_path, overwrite=True)] == NAMES


def test_options_reach_the_pipeline(bright_file, stub_networks):
    options = spinal_tf.SegmentationOptions(threshold=0.6, minimum_volume_ml=0.5)
    found = spinal_tf.segment(bright_file, options=options)
    assert (found.lesions, found.volume_ml, found.mask.any()) == ((), 0, False)
    assert found.case.segmentation.threshold == 0.6


def test_weights_that_were_opened_serve_many_cases(bright_file, stub_networks, monkeypatch):
    loaded, load = [], loaded_weights.load_segmenter
    monkeypatch.setattr(loaded_weights, "load_segmenter", lambda *a, **k: loaded.append(1) or load(*a, **k))
    weights = spinal_tf.load_weights(stub_networks)
    for _ in range(2):
        spinal_tf.segment(bright_file, weights=weights)
    assert loaded == [1]


def test_errors_are_the_packages_own(tmp_path, bright_file, stub_networks):
    with pytest.raises(spinal_tf.VolumeError, match="there is no such file"):
        spinal_tf.segment(tmp_path / "nowhere.nii.gz")
    with pytest.raises(spinal_tf.WeightsError):
        spinal_tf.segment(bright_file, weights=tmp_path)
