"""Fixtures shared by all tests: a small phantom whose axes all differ, and the public scans where they are present."""

from __future__ import annotations

import itertools
import os
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nibabel.orientations import apply_orientation, axcodes2ornt, inv_ornt_aff, ornt_transform

from spinal_tf.volume import Volume, read_volume

PHANTOM_SHAPE = (7, 40, 48)
PHANTOM_SPACING_MM = (3.3, 0.7, 0.8)


def _axis_orders() -> list[str]:
    """The 48 ways in which three file axes can run, as nibabel codes."""
    return [
        "".join(codes) for order in itertools.permutations(("RL", "AP", "SI")) for codes in itertools.product(*order)
    ]


def _oblique_affine() -> np.ndarray:
    """Package index to RAS mm: slices to the left, rows down, columns back, tilted by 12, -7 and 5 degrees."""
    tilt = np.eye(3)
    for axis, degrees in enumerate((12, -7, 5)):
        cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        turn = np.eye(3)
        first, second = (axis + 1) % 3, (axis + 2) % 3
        turn[[first, second, first, second], [first, second, second, first]] = cosine, cosine, -sine, sine
        tilt = turn @ tilt
    directions = np.array([[-1, 0, 0], [0, 0, -1], [0, -1, 0]], dtype=float)  # columns: L, I, P
    affine = np.eye(4)
    affine[:3, :3] = tilt @ directions @ np.diag(PHANTOM_SPACING_MM)
    affine[:3, 3] = 11.5, 20.25, -31.75
    return affine


def _write_nifti(
    path,
    data,
    affine,
    *,
    axes="LIP",
    version=1,
    byte_order="<",
    codes=(1, 1),
    slope=None,
    intercept=0.0,
):
    """Write a package-order array under any axis order; codes are those of qform and sform.

    With a slope, the array is what the file stores, before scaling.
    """
    ornt = ornt_transform(axcodes2ornt("LIP"), axcodes2ornt(axes))
    stored = apply_orientation(np.asarray(data), ornt)
    header = (nib.Nifti1Header if version == 1 else nib.Nifti2Header)(endianness=byte_order)
    header.set_data_dtype(stored.dtype)
    header.set_data_shape(stored.shape)
    file_affine = affine @ inv_ornt_aff(ornt, np.shape(data))
    header.set_qform(file_affine, code=codes[0])
    header.set_sform(file_affine, code=codes[1])
    header.set_xyzt_units("mm", "sec")
    header["descrip"] = b"Doe^Jane 1970"
    header["aux_file"] = b"jane.txt"
    if version == 1:
        header["db_name"] = b"DOE_JANE"
    header["scl_slope"], header["scl_inter"] = slope or 1, intercept
    header["vox_offset"] = header.single_vox_offset
    padding = bytes(header.single_vox_offset - header.sizeof_hdr)
    payload = header.binaryblock + padding + stored.astype(header.get_data_dtype()).tobytes(order="F")
    with nib.openers.Opener(str(path), "wb") as stream:
        stream.write(payload)
    return Path(path)


@pytest.fixture(scope="session")
def axis_orders() -> list[str]:
    return _axis_orders()


@pytest.fixture(scope="session")
def oblique_affine() -> np.ndarray:
    affine = _oblique_affine()
    affine.setflags(write=False)
    return affine


@pytest.fixture(scope="session")
def phantom_data() -> np.ndarray:
    """(7, 40, 48) int16 in package order: noise on ramps along all three axes, so that every voxel knows its place."""
    rng = np.random.default_rng(7)
    slices, rows, columns = np.indices(PHANTOM_SHAPE)
    data = (100 + 40 * slices + 3 * rows + 5 * columns + rng.integers(0, 30, PHANTOM_SHAPE)).astype(np.int16)
    data.setflags(write=False)
    return data


@pytest.fixture(scope="session")
def write_nifti():
    """The function that writes a package-order array as NIfTI in any axis order, version and byte order."""
    return _write_nifti


@pytest.fixture
def phantom_file(tmp_path, phantom_data, oblique_affine) -> Path:
    """The phantom as a file; scanners often store sagittal slices as PSR."""
    return _write_nifti(tmp_path / "phantom.nii.gz", phantom_data, oblique_affine, axes="PSR")


@pytest.fixture
def phantom_volume(phantom_file) -> Volume:
    """The phantom as read from its file."""
    return read_volume(phantom_file)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the public scans."""
    folder = os.environ.get("SPINAL_TF_REAL_DATA", "")
    if not folder or not Path(folder).is_dir():
        pytest.skip("the public scans are not here: set SPINAL_TF_REAL_DATA to their folder")
    return Path(folder)


@pytest.fixture(autouse=True)
def fresh_keras():
    """Dtype policy, seed and layer counters as in a new process, before and after each test that has Keras."""
    _reset_keras()
    yield
    _reset_keras()


def _reset_keras() -> None:
    keras = sys.modules.get("keras")  # importing it here would burden the tests that do without
    if keras is None or not hasattr(keras, "mixed_precision"):
        return
    keras.mixed_precision.set_global_policy("float32")
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(0)
