"""Fixtures shared by all tests: a small phantom whose axes all differ, and the public scans where they are present."""

from __future__ import annotations

import csv
import dataclasses
import functools
import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import settings
from nibabel.orientations import apply_orientation, axcodes2ornt, inv_ornt_aff, ornt_transform

from spinal_tf.images.volume import Volume, read_volume

# A busy machine is no fault.
settings.register_profile("without deadline", deadline=None)
settings.load_profile("without deadline")

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


@pytest.fixture
def write_cohort(tmp_path, phantom_data, oblique_affine, lesion):
    """The function that writes images for some cases, and returns the rows of a sound cohort's table as dictionaries.

    Diagnoses go round in the order of the tree; every case is another image of another patient, all in training.
    """
    words = ("astrocytoma", "ependymoma", "ms", "nmosd")

    def write(cases: int) -> list[dict[str, str]]:
        rows = []
        for number in range(1, cases + 1):
            paths = {column: f"c{number}/{column}.nii.gz" for column in ("t2", "t1c", "mask")}
            (tmp_path / f"c{number}").mkdir()
            _write_nifti(tmp_path / paths["t2"], phantom_data + np.int16(number), oblique_affine, axes="PSR")
            _write_nifti(tmp_path / paths["t1c"], phantom_data[:, ::-1] + np.int16(500 + number), oblique_affine)
            _write_nifti(tmp_path / paths["mask"], np.roll(lesion, number, 1).astype(np.uint8), oblique_affine)
            words_of_case = {"diagnosis": words[(number - 1) % 4], "split": "train"}
            rows.append({"case": f"c{number}", "patient": f"p{number}", **paths, **words_of_case})
        return rows

    return write


@pytest.fixture
def write_table(tmp_path):
    """The function that writes rows as ``cohort.csv``; columns are those of the first row."""

    def write(rows, *, delimiter=",", encoding="utf-8", name="cohort.csv") -> Path:
        path = tmp_path / name
        with path.open("w", newline="", encoding=encoding) as stream:
            table = csv.DictWriter(stream, rows[0], delimiter=delimiter)
            table.writeheader()
            table.writerows(rows)
        return path

    return write


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


TINY_SIZE = (64, 64)
BRIGHT = 1500
"""Intensity of the lesions drawn into the phantom; its brightest tissue has 715."""


def _checkpoints():
    """Records of a segmenter and three classifiers, small enough for tests."""
    from spinal_tf.checkpoints.manifest import Checkpoint
    from spinal_tf.preprocess import Preprocessing
    from spinal_tf.taxonomy import tree

    segmenter = Checkpoint(
        name="segmenter",
        network="multiresunet",
        arguments={"width": 4},
        file="segmenter.weights.h5",
        sha256="0" * 64,
        preprocessing=Preprocessing(fit="spacing", spacing_mm=0.7),
        operating_point=0.5,
        training={"data": "nothing: bright is lesion"},
        card="segmenter.md",
    )
    classifiers = [
        Checkpoint(
            name=task.name,
            network="densenet121",
            arguments={"last_convolution": "pool2_relu", "size": TINY_SIZE},
            file=f"{task.name}.weights.h5",
            sha256="0" * 64,
            preprocessing=Preprocessing(size=TINY_SIZE),
            operating_point=0.5,
            mask_mode="channel",
            training={"data": "nothing: drawn at random"},
            card=f"{task.name}.md",
        )
        for task in tree().tasks
    ]
    return [segmenter, *classifiers]


@pytest.fixture(scope="session")
def checkpoints():
    """Records of small networks, by name."""
    return {checkpoint.name: checkpoint for checkpoint in _checkpoints()}


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory, checkpoints) -> Path:
    """A weights folder: a segmenter that calls bright voxels lesion, and classifiers drawn at random."""
    import keras
    from bright_networks import bright_is_lesion

    from spinal_tf.checkpoints.manifest import save_checkpoint
    from spinal_tf.networks.densenet import build_densenet
    from spinal_tf.networks.multiresunet import build_multiresunet

    folder = tmp_path_factory.mktemp("tiny weights")
    for name, checkpoint in checkpoints.items():
        keras.utils.set_random_seed(len(name))
        build = build_multiresunet if name == "segmenter" else build_densenet
        model = build(**checkpoint.arguments)
        if name == "segmenter":
            bright_is_lesion(model)
        save_checkpoint(model, folder, checkpoint, half_precision=True)
    return folder


@pytest.fixture
def two_pixels_wide(monkeypatch) -> list[dict]:
    """The arguments of every segmenter or anatomy network that is built; each is one convolution, traced at once."""
    import keras

    from spinal_tf.networks import anatomy_multiresunet, multiresunet
    from spinal_tf.structures import STRUCTURES

    built = []

    def build(outputs, /, **arguments):
        built.append(arguments)
        inputs = keras.Input((None, None, arguments["channels"]))
        head = keras.layers.Conv2D(outputs, 2, padding="same", activation="sigmoid", name="head")
        return keras.Model(inputs, head(inputs))

    for module, outputs in ((multiresunet, 1), (anatomy_multiresunet, len(STRUCTURES))):
        smaller = dataclasses.replace(module.NETWORK, build=functools.partial(build, outputs))
        monkeypatch.setattr(module, "NETWORK", smaller)
    return built


@pytest.fixture(scope="session")
def see_neighbours():
    """The function that gives a weights folder a segmenter that sees slabs, and those 3 mm away, not both alike."""
    from bright_networks import bright_is_lesion

    from spinal_tf.checkpoints.manifest import read_manifest, save_checkpoint
    from spinal_tf.networks.multiresunet import build_multiresunet

    def change(folder: Path) -> Path:
        before = read_manifest(folder)["segmenter"]
        checkpoint = dataclasses.replace(
            before,
            arguments={**before.arguments, "channels": 3},
            preprocessing=dataclasses.replace(before.preprocessing, neighbour_mm=3.0, slab_mm=3.0),
        )
        model = build_multiresunet(**checkpoint.arguments)
        bright_is_lesion(model, shares=(0.25, 0.9, -0.15), slope=10)
        save_checkpoint(model, folder, checkpoint, half_precision=True)
        return folder

    return change


@pytest.fixture(scope="session")
def with_anatomy():
    """The function that gives a weights folder an anatomy network that takes bright voxels for canal and cord."""
    from bright_networks import save_bright_anatomy

    return save_bright_anatomy


@pytest.fixture(scope="session")
def lesion() -> np.ndarray:
    """Where `bright_file` is bright, in package order: 3 slices, 8 rows, 7 columns, 0.31 mL."""
    mask = np.zeros(PHANTOM_SHAPE, bool)
    mask[2:5, 10:18, 21:28] = True
    mask.setflags(write=False)
    return mask


@pytest.fixture(scope="session")
def bright_data(phantom_data, lesion) -> np.ndarray:
    """The phantom with a bright lesion, int16 in package order."""
    data = np.where(lesion, np.int16(BRIGHT), phantom_data)
    data.setflags(write=False)
    return data


@pytest.fixture
def bright_file(tmp_path, bright_data, oblique_affine) -> Path:
    """The phantom with a bright lesion as a file, in a folder of its own."""
    folder = tmp_path / "scans"
    folder.mkdir()
    return _write_nifti(folder / "case.nii.gz", bright_data, oblique_affine, axes="PSR", codes=(2, 4))


def _mounted(folder: Path, options: str):
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    done = subprocess.run([mount, "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"this machine does not permit mounting: {done.stderr.decode().strip()}")


@pytest.fixture
def disk(tmp_path, request):
    """An empty file system of 64 kB, mounted with the options that a test names: ``rw`` or ``ro``."""
    folder = tmp_path / f"{request.param} disk"
    folder.mkdir()
    _mounted(folder, f"size=64k,{request.param}")
    yield folder
    subprocess.run(["umount", folder], check=True)


def _explain(images, *, class_index):
    from spinal_tf.explanation.gradcam import Explanation

    probabilities = np.tile(np.float32([0.25, 0.75]), (len(images), 1))
    assert class_index(probabilities) == 1
    maps = np.zeros(images.shape[:3], np.float32)
    maps[:, 8:40, 8:40] = 1
    return Explanation(probabilities=probabilities, maps=maps)


@pytest.fixture
def stub_networks(tmp_path_factory, monkeypatch, checkpoints) -> Path:
    """Networks without TensorFlow: bright is lesion, and every task gives 0.75; returns their weights folder."""
    from spinal_tf import loaded_weights
    from spinal_tf.checkpoints.manifest import MANIFEST, manifest_json
    from spinal_tf.models import Classifier, Segmenter
    from spinal_tf.taxonomy import tree

    folder = tmp_path_factory.mktemp("manifest alone")
    (folder / MANIFEST).write_text(manifest_json(checkpoints))
    segmenter = Segmenter(
        checkpoint=checkpoints["segmenter"], engine=lambda batch: 1 / (1 + np.exp(np.float32(28) - 40 * batch))
    )
    classifiers = tuple(Classifier(task=t, checkpoint=checkpoints[t.name], explain=_explain) for t in tree().tasks)
    monkeypatch.setenv("SPINAL_TF_WEIGHTS", str(folder))
    monkeypatch.setattr(loaded_weights, "import_tensorflow", lambda _: None)
    monkeypatch.setattr(loaded_weights, "load_segmenter", lambda *_, **__: segmenter)
    monkeypatch.setattr(loaded_weights, "load_anatomy", lambda *_, **__: None)
    monkeypatch.setattr(loaded_weights, "load_classifiers", lambda *_, **__: classifiers)
    return folder
