"""The kinds of files that are fuzzed: how each is made from a random generator, and what reads it."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import nibabel as nib
import numpy as np
from fuzz_damage import damaged, damaged_json, damaged_text

SHAPE = (12, 10, 5)
AFFINE = np.array([[0, 0, -3.3, 10], [-0.8, 0, 0, 20], [0, -0.7, 0, 30], [0, 0, 0, 1.0]])


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of file.

    Attributes:
        make: function that returns the contents by file name; the first is what is read. Without a generator they are
            sound.
        read: function that reads the first file, or raises.
        read_apart: function that reads it in a process of its own, as the package does; None if the package does not.
            A file that crashes ``read`` is read by it, which would take too long for all of them.
    """

    make: Callable[[Random | None], dict[str, bytes]]
    read: Callable[[Path], object]
    read_apart: Callable[[Path], object] | None = None


# Images


@cache
def _saved(kind: type, name: str) -> dict[str, bytes]:
    image = kind(np.random.default_rng(1).integers(0, 900, SHAPE).astype(np.int16), AFFINE)
    image.header.set_xyzt_units("mm")
    image.set_qform(AFFINE, code=1)
    with tempfile.TemporaryDirectory() as folder:
        nib.save(image, Path(folder) / name)
        return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}


def _nifti(rng: Random | None) -> dict[str, bytes]:
    kind = rng.choice((nib.Nifti1Image, nib.Nifti1Image, nib.Nifti2Image)) if rng else nib.Nifti1Image
    content = _saved(kind, "scan.nii")["scan.nii"]
    return {"scan.nii": damaged(rng, content) if rng else content}


def _packed(rng: Random | None) -> dict[str, bytes]:
    content = next(iter(_nifti(rng if rng and rng.random() < 0.5 else None).values()))
    packed = gzip.compress(content, 1, mtime=0)
    if rng and rng.random() < 0.3:
        packed = gzip.compress(content[:400], 1, mtime=0) + gzip.compress(content[400:], 1, mtime=0)
    return {"scan.nii.gz": damaged(rng, packed) if rng and rng.random() < 0.4 else packed}


def _pair(rng: Random | None) -> dict[str, bytes]:
    """The header first or, rarely, the voxels; a pair is refused, so a sound one is a single file."""
    if rng is None:
        return _nifti(None)
    files = _saved(nib.Nifti1Pair, "scan.hdr")
    names = sorted(files, reverse=rng.random() < 0.2)
    return {name: damaged(rng, files[name]) for name in names}


def _nrrd(rng: Random | None) -> dict[str, bytes]:
    voxels = np.random.default_rng(1).integers(0, 900, SHAPE).astype("<i2").tobytes("F")
    encoding = rng.choice(("raw", "gzip")) if rng else "gzip"
    header = (
        "NRRD0004\n# a comment\ntype: short\ndimension: 3\nspace: right-anterior-superior\n"
        f"sizes: {SHAPE[0]} {SHAPE[1]} {SHAPE[2]}\nspace directions: (0,-0.8,0) (0,0,-0.7) (-3.3,0,0)\n"
        f"kinds: domain domain domain\nendian: little\nencoding: {encoding}\nspace origin: (10,20,30)\n"
        "Segment0_ID:=Segment_1\n"
    )
    data = gzip.compress(voxels, 1, mtime=0) if encoding == "gzip" else voxels
    if rng is None:
        return {"scan.nrrd": header.encode() + b"\n" + data}
    head = damaged_text(rng, header) if rng.random() < 0.8 else header.encode()
    tail = damaged(rng, data) if rng.random() < 0.3 else data
    return {rng.choice(("scan.nrrd", "scan.seg.nrrd")): head + b"\n" + tail}


def _read_image(path: Path) -> object:
    """Read a file's header, read it as mask of a sound scan and as scan, and write on its grid."""
    from spinal_tf.errors import VolumeError
    from spinal_tf.images.image_header import read_header
    from spinal_tf.images.volume import read_mask, read_volume, write_on_grid

    scan = path.parent / "sound" / "scan.nii"
    scan.parent.mkdir(exist_ok=True)
    scan.write_bytes(_nifti(None)["scan.nii"])
    with suppress(VolumeError):
        read_header(path)
    with suppress(VolumeError):
        read_mask(path, like=read_volume(scan))
    volume = read_volume(path, assume_orientation=True, allow_plane=True)
    write_on_grid(volume.data > 0, scan.with_name("written.nii"), like=volume)
    return volume


# Tables

COHORT = """case,patient,t2,t1c,mask,diagnosis,split,sex,age_years,scan_date,difficult,rater_1,level,extent_vertebrae
c1,p1,c1/t2.nii.gz,c1/t1c.nii.gz,c1/mask.nii.gz,astrocytoma,train,f,41.5,2020-02-29,no,ms,cervical,2.5
c2,p2,c2/t2.nii.gz,,c2/mask.nii.gz,ms,validation,male,12,2019-01-01,yes,nmosd,thoracic,3
"c 3",p3,c3/t2.nii.gz,,,healthy,test,,,,,,,
"""
PREDICTIONS = """case,patient,split,diagnosis,p_tumor_vs_demyelinating,p_astrocytoma_vs_ependymoma,p_ms_vs_nmosd,dice,\
reference_volume_ml,predicted_volume_ml,flagged,gradcam_ms_vs_nmosd
c1,p1,test,astrocytoma,0.2,0.75,,0.8,2.5,2.0,yes,
c2,p2,validation,ms,0.91,,0.3,nan,0.5,none,no,core
"""


def _table(text: str, name: str) -> Callable[[Random | None], dict[str, bytes]]:
    def make(rng: Random | None) -> dict[str, bytes]:
        if rng is None:
            return {name: text.encode()}
        sign = rng.choice((",", ",", ";", "\t"))
        changed = rng.choice(("", "", f"sep={sign}\n")) + text.replace(",", sign)
        changed = changed.replace("\n", rng.choice(("\n", "\n", "\r\n", "\r")))
        content = damaged_text(rng, changed)
        if rng.random() < 0.1:
            content = content.decode("utf-8", errors="replace").encode("utf-16")
        return {name: content}

    return make


def _read_cohort(path: Path) -> object:
    from spinal_tf.cohort.read_cohort import read_cohort

    return read_cohort(path)


def _read_predictions(path: Path) -> object:
    from spinal_tf.evaluation.prediction_table import read_predictions

    return read_predictions(path)


def _lesions(rng: Random | None) -> dict[str, bytes]:
    from spinal_tf.evaluation.lesion_table import COLUMNS

    rows = [COLUMNS] + [("c1", mask, "2.0", *["1"] * (len(COLUMNS) - 3)) for mask in ("reference", "predicted")]
    text = "".join(",".join(row) + "\n" for row in rows)
    return _table(text, "lesions.csv")(rng)


def _read_lesions(path: Path) -> object:
    from spinal_tf.evaluation.lesion_table import parse_lesions
    from spinal_tf.evaluation.prediction_table import read_predictions

    table = path.with_name("sound.csv")
    table.write_text(PREDICTIONS)
    return parse_lesions(path, read_predictions(table), ("c1", "c2"))


# Records and weights


@cache
def _bundled_manifest() -> Any:
    from spinal_tf.checkpoints.manifest import MANIFEST, find_weights

    return json.loads((find_weights() / MANIFEST).read_text(encoding="utf-8"))


def _manifest(rng: Random | None) -> dict[str, bytes]:
    record = _bundled_manifest()
    return {"manifest.json": damaged_json(rng, record) if rng else json.dumps(record).encode()}


def _read_manifest(path: Path) -> object:
    from spinal_tf.checkpoints.manifest import read_manifest

    return read_manifest(path.parent)


RUN = {
    "format": None,
    "name": "segmenter",
    "network": "multiresunet",
    "cohort": {"hash": "0" * 64},
    "begun": "2020-01-01",
    "resumed": [],
}


def _run_record() -> dict[str, Any]:
    from spinal_tf.training.run_folder import DECIDING, FORMAT

    return {**RUN, "format": FORMAT, **{part: {"seed": 1, "steps": 3} for part in DECIDING}}


def _run(rng: Random | None) -> dict[str, bytes]:
    record = _run_record()
    return {"run.json": damaged_json(rng, record) if rng else json.dumps(record).encode()}


def _read_run(path: Path) -> object:
    from spinal_tf.training.run_folder import open_run

    record = {name: value for name, value in _run_record().items() if name not in ("format", "resumed")}
    return open_run(path.parent, record, resume=True)


@cache
def _weights() -> bytes:
    import h5py

    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for number, shape in enumerate(((3, 3, 1, 8), (8,), (8, 2))):
            group = file.create_group(f"layers/conv2d_{number}/vars")
            group.attrs["name"] = f"layer {number}"
            options = {"compression": "gzip", "shuffle": True} if len(shape) > 1 else {}
            group.create_dataset("0", data=np.full(shape, 0.25, np.float16), track_times=False, **options)
    return buffer.getvalue()


def _weights_file(rng: Random | None) -> dict[str, bytes]:
    return {"a.weights.h5": damaged(rng, _weights()) if rng else _weights()}


def _read_weights(path: Path) -> object:
    from spinal_tf.checkpoints.weight_files import decode_weights

    return decode_weights(path.read_bytes(), source=path.name)


def _read_foreign_weights(path: Path) -> object:
    from spinal_tf.checkpoints.weight_files import decode_foreign

    return decode_foreign(path.read_bytes(), source=path.name)


def _weights_set(rng: Random | None) -> dict[str, bytes]:
    weights = _weights() if rng is None or rng.random() < 0.7 else damaged(rng, _weights())
    record = json.loads(json.dumps(_bundled_manifest()))
    name, entry = sorted(record["checkpoints"].items())[0]
    entry |= {"file": "a.weights.h5", "card": "a.md", "sha256": hashlib.sha256(weights).hexdigest()}
    record["checkpoints"] = {name: entry}
    manifest = damaged_json(rng, record) if rng and rng.random() < 0.3 else json.dumps(record).encode()
    return _zipped(rng, "set.zip", {"manifest.json": manifest, "a.weights.h5": weights, "a.md": b"# A card\n"})


def _zipped(rng: Random | None, name: str, members: dict[str, bytes]) -> dict[str, bytes]:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in members.items():
            archive.writestr(zipfile.ZipInfo(member), content)
    whole = buffer.getvalue()
    return {name: damaged(rng, whole) if rng and rng.random() < 0.4 else whole}


def _read_set(path: Path) -> object:
    from spinal_tf.checkpoints.weight_sets import read_set

    return read_set(path)


# Imports


def _layer(kind: str, name: str, before: str | None, **config: Any) -> dict[str, Any]:
    inbound = [[[before, 0, 0, {}]]] if before else []
    return {"class_name": kind, "name": name, "config": {"name": name, **config}, "inbound_nodes": inbound}


CONVOLUTION = {
    "kernel_size": [3, 3],
    "strides": [1, 1],
    "padding": "same",
    "data_format": "channels_last",
    "activation": "relu",
    "use_bias": True,
}
NETWORK = {
    "class_name": "Functional",
    "config": {
        "layers": [
            _layer("InputLayer", "input_1", None, batch_input_shape=[None, 8, 8, 1]),
            _layer("Conv2D", "conv2d", "input_1", **CONVOLUTION),
            _layer("GlobalAveragePooling2D", "pool", "conv2d"),
            _layer("Dense", "dense", "pool", activation="softmax", use_bias=True),
        ],
        "input_layers": [["input_1", 0, 0]],
        "output_layers": [["dense", 0, 0]],
    },
}
MOST_OF_AN_ATTRIBUTE = 60_000
ARRAYS = {"conv2d": {"kernel:0": (3, 3, 1, 4), "bias:0": (4,)}, "dense": {"kernel:0": (4, 2), "bias:0": (2,)}}


def _keras_h5(rng: Random | None) -> dict[str, bytes]:
    import h5py

    config = damaged_json(rng, NETWORK) if rng and rng.random() < 0.6 else json.dumps(NETWORK).encode()
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        config = config[:MOST_OF_AN_ATTRIBUTE]
        file.attrs["model_config"] = np.void(config) if b"\0" in config else config
        weights = file.create_group("model_weights")
        weights.attrs["layer_names"] = [name.encode() for name in ("input_1", "conv2d", "pool", "dense")]
        for layer in ("input_1", "conv2d", "pool", "dense"):
            arrays = ARRAYS.get(layer, {})
            group = weights.create_group(layer)
            group.attrs["weight_names"] = [f"{layer}/{name}".encode() for name in arrays]
            for name, shape in arrays.items():
                group.create_dataset(f"{layer}/{name}", data=np.full(shape, 0.5, np.float32))
    whole = buffer.getvalue()
    return {"model.h5": damaged(rng, whole) if rng and rng.random() < 0.5 else whole}


def _keras_archive(rng: Random | None) -> dict[str, bytes]:
    import h5py

    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for layer, arrays in ARRAYS.items():
            for number, shape in enumerate(arrays.values()):
                file.create_dataset(f"layers/{layer}/vars/{number}", data=np.full(shape, 0.5, np.float32))
    weights = buffer.getvalue()
    members = {
        "metadata.json": damaged_json(rng, {"keras_version": "2.15.0"}) if rng and rng.random() < 0.2 else b"{}",
        "config.json": damaged_json(rng, NETWORK) if rng and rng.random() < 0.6 else json.dumps(NETWORK).encode(),
        "model.weights.h5": damaged(rng, weights) if rng and rng.random() < 0.3 else weights,
    }
    return _zipped(rng, "model.keras", members)


def _read_keras_h5(path: Path) -> object:
    from spinal_tf.porting.hdf5 import read_hdf5

    return read_hdf5(path)


def _read_keras_archive(path: Path) -> object:
    from spinal_tf.porting.archive import read_archive

    return read_archive(path)


def _read_source(path: Path) -> object:
    from spinal_tf.porting.read_weights import read_source

    return read_source(path)


@cache
def _tensorflow_files() -> dict[str, bytes]:
    import tensorflow as tf

    class Plain(tf.train.Checkpoint):
        def __init__(self) -> None:
            super().__init__()
            self.kernel = tf.Variable(np.full((1, 1, 1, 2), 2, np.float32), name="conv2d_4/kernel")
            self.variables = [self.kernel]

        @tf.function(input_signature=[tf.TensorSpec((None, 8, 8, 1), tf.float32, name="slice")])
        def serve(self, batch: Any) -> Any:
            return {"probability": tf.nn.conv2d(batch, self.kernel, 1, "SAME")}

    model = Plain()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "model"
        tf.saved_model.save(model, str(folder), signatures={"serving_default": model.serve})
        return {f"model/{path.relative_to(folder)}": path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _saved_model(rng: Random | None) -> dict[str, bytes]:
    """A SavedModel whose program, or rarely another file, is damaged within its structure or its bytes."""
    files = dict(_tensorflow_files())
    if rng is None:
        return files
    name = "model/saved_model.pb" if rng.random() < 0.8 else rng.choice(sorted(files))
    if name.endswith("saved_model.pb") and rng.random() < 0.7:
        files[name] = _damaged_program(rng, files[name])
    else:
        files[name] = damaged(rng, files[name])
    return files


def _damaged_program(rng: Random, content: bytes) -> bytes:
    """Change one or two numbers or words in the list of objects, or drop an object or function."""
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    model = SavedModel()
    model.ParseFromString(content)
    graph = model.meta_graphs[0]
    for _ in range(rng.choice((1, 2))):
        node = rng.choice(graph.object_graph_def.nodes)
        child = rng.choice(node.children or [node.children.add()])
        function = rng.choice(graph.graph_def.library.function)
        change = rng.choice(("id", "name", "concrete", "no concrete", "drop node", "drop function", "call", "op"))
        if change == "id":
            child.node_id = rng.choice((-1, 0, 1, 99, 2**31 - 1))
        elif change == "name":
            child.local_name = rng.choice(("", "signatures", "serving_default", "variables"))
        elif change == "concrete":
            node.function.concrete_functions.append("nowhere")
        elif change == "no concrete":
            node.function.Clear()
            node.function.SetInParent()
        elif change == "drop node":
            graph.object_graph_def.nodes.pop()
        elif change == "drop function":
            function.signature.name = "renamed"
        elif change == "call":
            rng.choice(function.node_def or [function.node_def.add()]).attr["f"].func.name = "nowhere"
        else:
            rng.choice(function.node_def or [function.node_def.add()]).op = rng.choice(("Nothing", "Add", ""))
    return model.SerializeToString()


def _read_saved_model(path: Path) -> object:
    from spinal_tf.porting.read_weights import read_source

    return read_source(path.parents[len(path.parents) - 1] if path.is_dir() else _model_folder(path))


def _model_folder(path: Path) -> Path:
    return next(folder for folder in (path.parent, *path.parents) if folder.name == "model")


LIGHT = {
    "nifti": Kind(make=_nifti, read=_read_image),
    "nifti-gz": Kind(make=_packed, read=_read_image),
    "nifti-pair": Kind(make=_pair, read=_read_image),
    "nrrd": Kind(make=_nrrd, read=_read_image),
    "cohort": Kind(make=_table(COHORT, "cohort.csv"), read=_read_cohort),
    "predictions": Kind(make=_table(PREDICTIONS, "predictions.csv"), read=_read_predictions),
    "lesions": Kind(make=_lesions, read=_read_lesions),
    "manifest": Kind(make=_manifest, read=_read_manifest),
    "run": Kind(make=_run, read=_read_run),
    "weights": Kind(make=_weights_file, read=_read_weights, read_apart=_read_foreign_weights),
    "weights-set": Kind(make=_weights_set, read=_read_set),
    "keras-h5": Kind(make=_keras_h5, read=_read_keras_h5, read_apart=_read_source),
    "keras-archive": Kind(make=_keras_archive, read=_read_keras_archive, read_apart=_read_source),
}
"""Kinds that are read without TensorFlow."""

KINDS = LIGHT | {"saved-model": Kind(make=_saved_model, read=_read_saved_model)}
