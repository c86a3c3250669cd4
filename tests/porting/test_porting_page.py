"""The commands of docs/porting.md run in order, on networks as the original code saves them."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from doc_pages import run_page

from spinal_tf.checkpoints.manifest import read_manifest


@pytest.mark.slow
def test_the_commands_of_the_page_run(
    classifier, unet, tmp_path, monkeypatch, stub_networks, write_nifti, bright_data, lesion, oblique_affine
):
    monkeypatch.chdir(tmp_path)
    shutil.copy(classifier["whole.h5"], "MS_NMO_t2_zscore_clip.h5")
    shutil.copy(unet["whole.h5"], "multiresunet.h5")
    write_nifti(tmp_path / "case.nii.gz", bright_data, oblique_affine)
    write_nifti(tmp_path / "reviewed.nii.gz", lesion.astype(np.uint8), oblique_affine)
    assert len(run_page("docs/porting.md", setenv=monkeypatch.setenv)) == 6
    assert set(read_manifest(tmp_path / "my-weights")) == {"ms_vs_nmosd", "segmenter"}
    assert (tmp_path / "case_diagnosis.html").exists()
