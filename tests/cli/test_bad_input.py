"""Everything unsuitable gives a result or one sentence and its status, no trace, and nothing written."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from spinal_tf import engine

SOUND = {"AIL.nii.gz", "LIP.nii.gz", "PSR.nii.gz", "RAS.nii.gz", "anatomical.nii"}
"""Files of ``awkward`` that are only unusual; all others are to be refused."""


def tree(folder) -> dict[str, str]:
    """Everything below a folder with its SHA-256."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        for path in sorted(Path(folder).rglob("*"))
    }


@pytest.fixture(autouse=True)
def networks(stub_networks):
    return stub_networks


@pytest.fixture
def leaves_nothing(refused):
    """The function that runs ``spinal-tf`` on something, expects a refusal, and finds the folder as it was."""

    def check(folder, *arguments, status=3) -> str:
        before = tree(folder)
        sentence = refused(*arguments, status=status)
        assert tree(folder) == before
        return sentence

    return check


def mounted(folder: Path, options: str) -> Path:
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    folder.mkdir()
    done = subprocess.run([mount, "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"this machine does not permit mounting: {done.stderr.decode().strip()}")
    return folder


# The public files


def awkward_names() -> list[str]:
    folder = Path(os.environ.get("SPINAL_TF_REAL_DATA", "")) / "awkward"
    return sorted(path.name for path in folder.glob("*.nii*")) or ["none"]


@pytest.mark.real_data
@pytest.mark.parametrize("name", awkward_names())
def test_every_awkward_file_gives_a_result_or_one_sentence(run, leaves_nothing, names, real_data, tmp_path, name):
    scan = Path(shutil.copy(real_data / "awkward" / name, tmp_path))
    before = scan.read_bytes()
    if name not in SOUND:
        assert leaves_nothing(tmp_path, "segment", scan, "-o", tmp_path / "out").startswith(f"{name}: ")
        return
    result = run("segment", scan, "-o", tmp_path / "out")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "  warning: " in result.stdout
    assert len(names(tmp_path / "out")) == 3
    assert scan.read_bytes() == before


@pytest.mark.real_data
@pytest.mark.parametrize("place", ["", "emri_small.dcm"])
def test_dicom_comes_later(leaves_nothing, real_data, tmp_path, place):
    folder = shutil.copytree(real_data / "dicom" / "emri_no_geometry", tmp_path / "dicom")
    sentence = leaves_nothing(tmp_path, "segment", folder / place)
    assert "DICOM comes in a later version; convert the series with dcm2niix first" in sentence


@pytest.mark.real_data
@pytest.mark.parametrize("command", ["segment", "classify"])
def test_an_axial_scan_is_refused(leaves_nothing, real_data, tmp_path, command):
    shutil.copy(real_data / "real" / "axial_ms" / "t2.nii.gz", tmp_path)
    assert "is not a sagittal acquisition but axial" in leaves_nothing(tmp_path, command, tmp_path / "t2.nii.gz")


# Damaged scans


def test_truncated_file(leaves_nothing, bright_file):
    bright_file.write_bytes(bright_file.read_bytes()[:-100])
    assert "truncated or damaged" in leaves_nothing(bright_file.parent, "segment", bright_file)


@pytest.mark.parametrize("command", ["segment", "classify"])
def test_voxels_that_are_no_numbers(leaves_nothing, write_nifti, bright_data, oblique_affine, tmp_path, command):
    data = bright_data.astype(np.float32)
    data[3, 20, 11] = np.nan
    scan = write_nifti(tmp_path / "scan.nii.gz", data, oblique_affine)
    assert "voxels that are not numbers" in leaves_nothing(tmp_path, command, scan)


def test_missing_file_leaves_no_folder_behind(leaves_nothing, tmp_path):
    sentence = leaves_nothing(tmp_path, "segment", tmp_path / "case.nii.gz", "-o", tmp_path / "out")
    assert sentence.startswith("case.nii.gz: there is no such file")


def test_empty_folder(leaves_nothing, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "empty: is a folder" in leaves_nothing(tmp_path, "segment", tmp_path / "empty")


def test_name_the_system_refuses(leaves_nothing, tmp_path):
    assert "File name too long" in leaves_nothing(tmp_path, "segment", tmp_path / ("n" * 300 + ".nii.gz"))


# Places that cannot be written to


def test_output_folder_below_a_file(leaves_nothing, bright_file):
    sentence = leaves_nothing(bright_file.parent, "segment", bright_file, "-o", bright_file / "out")
    assert sentence.endswith("cannot be made (Not a directory); choose another folder with --output")


def test_output_folder_that_is_a_file_is_wrong_usage(run, bright_file):
    assert run("segment", bright_file, "-o", bright_file).exit_code == 2


def test_unwritable_output_folder(leaves_nothing, bright_file, tmp_path):
    folder = mounted(tmp_path / "read-only", "size=64k,ro")
    try:
        sentence = leaves_nothing(tmp_path, "segment", bright_file, "-o", folder)
    finally:
        subprocess.run(["umount", folder], check=True)
    assert sentence == (
        f"{folder}/case_lesion.json: the folder {folder} cannot be written to; choose another folder with --output or "
        "ask for access"
    )


@pytest.mark.parametrize("command", ["segment", "classify"])
def test_full_disk(leaves_nothing, bright_file, tmp_path, command):
    folder = mounted(tmp_path / "small", "size=8k")
    try:
        sentence = leaves_nothing(tmp_path, command, bright_file, "-o", folder)
    finally:
        subprocess.run(["umount", folder], check=True)
    assert sentence.endswith(
        "the disk is full, nothing was written; free some space or choose another folder with --output"
    )


# Weights and devices


@pytest.fixture
def real_loading(monkeypatch, tmp_path, tiny_weights):
    """A copy of real weights, loaded as always."""
    monkeypatch.undo()
    return Path(shutil.copytree(tiny_weights, tmp_path / "weights"))


@pytest.mark.parametrize(("command", "name"), [("segment", "segmenter"), ("classify", "ms_vs_nmosd")])
def test_weights_with_a_flipped_byte(leaves_nothing, bright_file, real_loading, command, name):
    path = real_loading / f"{name}.weights.h5"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    sentence = leaves_nothing(bright_file.parent, command, bright_file, "--weights", real_loading, status=4)
    assert sentence.startswith(f"{path}: damaged, its SHA-256 starts with")


@pytest.mark.parametrize("name", ["manifest.json", "segmenter.weights.h5"])
def test_missing_weights(leaves_nothing, bright_file, real_loading, name):
    (real_loading / name).unlink()
    sentence = leaves_nothing(bright_file.parent, "segment", bright_file, "--weights", real_loading, status=4)
    assert sentence.startswith(f"{real_loading / name}: cannot be read")


def test_weights_folder_that_the_environment_names_in_vain(leaves_nothing, bright_file, monkeypatch, tmp_path):
    monkeypatch.setenv("SPINAL_TF_WEIGHTS", str(tmp_path / "nowhere"))
    assert "SPINAL_TF_WEIGHTS" in leaves_nothing(tmp_path, "segment", bright_file, status=4)


@pytest.mark.parametrize("command", ["segment", "classify"])
def test_a_device_that_is_not_there(leaves_nothing, bright_file, real_loading, monkeypatch, command):
    import tensorflow as tf

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    monkeypatch.setattr(engine, "GPU_FILES", ("null",))  # a driver may be there
    words = [command, bright_file, "--weights", real_loading, "-o", bright_file.parent / "new", "--device", "gpu"]
    sentence = leaves_nothing(bright_file.parent, *words, status=2)
    assert sentence == "device gpu is not there; TensorFlow sees on this machine: cpu"


@pytest.mark.parametrize(
    "words",
    [
        *[("segment", "CASE"), ("classify", "CASE"), ("evaluate", "--cohort", "CASE"), ("train", "segmenter")],
        ("train", "classifier", "--task", "ms_vs_nmosd"),
    ],
    ids=" ".join,
)
def test_a_machine_without_gpu_says_so_before_anything_is_imported(
    leaves_nothing, bright_file, stub_networks, monkeypatch, words
):
    def fail(*_):
        pytest.fail("Keras was started")

    monkeypatch.setattr(engine, "GPU_FILES", ("nowhere*",))
    monkeypatch.setattr(engine, "GPU_LIBRARY", "libnowhere.so")
    monkeypatch.setattr("spinal_tf.keras_start.start_keras", fail)
    monkeypatch.setattr("spinal_tf.loaded_weights.import_tensorflow", fail)
    folder = ["-o" if words[0] in ("segment", "classify") else "--out", bright_file.parent / "new"]
    table = ["--cohort", bright_file] if words[0] == "train" else []
    arguments = [bright_file if word == "CASE" else word for word in words]
    told = leaves_nothing(bright_file.parent, *arguments, *table, *folder, "--device", "gpu", status=2)
    assert told == "device gpu is not there; this machine has no GPU, or no driver for one"
