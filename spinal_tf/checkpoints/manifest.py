"""Manifest of released weights: lists each file, its SHA-256, and what is needed to use it."""

from __future__ import annotations

import hashlib
import importlib.resources
import importlib.util
import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from spinal_tf.checkpoints.weight_files import Weights, assign_weights, decode_weights, encode_weights, require_match
from spinal_tf.errors import WeightsError
from spinal_tf.files import output_files, refuse_unusable
from spinal_tf.keras_start import our_keras
from spinal_tf.locks import locked
from spinal_tf.networks.network_registry import ANATOMISTS, CLASSIFIERS, is_network, network_spec
from spinal_tf.preprocess import MaskMode, Preprocessing

if TYPE_CHECKING:
    import keras

Modality = Literal["t2w", "t1c"]

MANIFEST = "manifest.json"
WEIGHTS_SUFFIX = ".weights.h5"
FORMAT = 1
"""Version of the manifest's layout; readers refuse all other versions."""

FOLDER_VARIABLE = "SPINAL_TF_WEIGHTS"
REMEDY = "import the weights again with: spinal-tf weights import FILE --overwrite"

OPTIONAL = frozenset(("operating_point_t1c",))
"""Entries that a manifest may lack."""

PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""Names of files and checkpoints: no separators, no leading dot, so a manifest cannot reach outside its folder."""

HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """One network's weights with their metadata.

    Attributes:
        name: ``segmenter``, ``anatomy``, or the name of a task.
        network: name in `spinal_tf.networks.network_registry`.
        arguments: arguments of the builder that differ from its defaults.
        file: name of the .weights.h5 file beside the manifest.
        sha256: SHA-256 of that file, in lower-case hexadecimal digits; empty until it is saved.
        preprocessing: preprocessing of the input, as in training.
        operating_point: minimum probability of a voxel of a lesion or structure, or of a positive case (T2w alone).
        operating_point_t1c: minimum probability of a positive case with T2w and T1c; None if none was chosen.
        minimum_peak: probability that a lesion must reach in at least one voxel; 0 for classifiers, and for no minimum.
        mask_mode: how the lesion mask enters a tile; None for all but classifiers.
        modalities: modalities used in training.
        training: free-form record of data, steps, command and measures.
        card: name of the model card beside the manifest.

    Raises:
        ValueError: a value is unknown or out of range.
    """

    name: str
    network: str
    arguments: dict[str, Any] = field(default_factory=dict)
    file: str = ""
    sha256: str = ""
    preprocessing: Preprocessing
    operating_point: float
    operating_point_t1c: float | None = None
    minimum_peak: float = 0.0
    mask_mode: MaskMode | None = None
    modalities: tuple[Modality, ...] = ("t2w",)
    training: dict[str, Any] = field(default_factory=dict)
    card: str

    def __post_init__(self) -> None:
        """Refuse invalid values."""
        _require(_is_plain(self.name, ""), f"{self.name!r} is not a plain name")
        _require(_is_plain(self.card, ".md"), f"card {self.card!r} is not a plain name ending in .md")
        _require(
            self.file == "" or _is_plain(self.file, WEIGHTS_SUFFIX),
            f"file {self.file!r} is not a plain name ending in {WEIGHTS_SUFFIX}",
        )
        _require(is_network(self.network), f"network {self.network!r} is not known")
        _require(self.mask_mode in (None, *get_args(MaskMode)), f"mask_mode {self.mask_mode!r} is not known")
        _require(
            self.network in CLASSIFIERS or self.arguments.get("channels", 1) == self.preprocessing.slices_seen,
            "channels of the network are not the slices that preprocessing shows it",
        )
        _require(set(self.modalities) <= set(get_args(Modality)), f"modalities {self.modalities!r} are not known")
        for point in (self.operating_point, self.point(with_t1c=True)):
            _require(_is_probability(point), f"operating point {point!r} is not within 0 to 1")
        only_t2w = "t1c" not in self.modalities
        _require(not (only_t2w and self.operating_point_t1c is not None), "operating point with T1c, trained without")
        _require(_is_probability(self.minimum_peak), f"minimum peak {self.minimum_peak!r} is not within 0 to 1")

    @property
    def structure(self) -> tuple[str, dict[str, Any]]:
        """Network and arguments; equal for checkpoints that differ only in their weights."""
        return self.network, self.arguments

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-serializable record without the name; `from_dict` is the inverse."""
        entry = {item.name: getattr(self, item.name) for item in fields(self) if item.name != "name"}
        entry = {key: value for key, value in entry.items() if value is not None or key not in OPTIONAL}
        return {**entry, "preprocessing": self.preprocessing.to_dict(), "modalities": list(self.modalities)}

    def in_words(self) -> str:
        """Describe in one sentence what the network does, for model cards."""
        if self.network in ANATOMISTS:
            return "Outlines cord, canal, vertebral bodies, discs and sacrum, and marks C2."
        if self.mask_mode is None:
            return "Finds and outlines lesions."
        classes = " or ".join(self.name.split("_vs_"))  # not from the tree in use, which may differ
        images = "T2w and, if available, T1c" if "t1c" in self.modalities else "T2w alone"
        mask = "a channel, and images are zero outside it" if self.mask_mode == "multiply" else "a channel"
        return f"Classifies lesions as {classes} from {images}; the mask is {mask}."

    def point(self, *, with_t1c: bool) -> float:
        """Return the operating point for a case with or without T1c; a single one serves both."""
        own = self.operating_point_t1c if with_t1c else None
        return self.operating_point if own is None else own

    @classmethod
    def from_dict(cls, name: str, entry: Mapping[str, Any]) -> Checkpoint:
        """Read a record written by `to_dict`.

        Raises:
            ValueError: an entry is missing, unknown or out of range.
            WeightsError: the preprocessing record is invalid.
        """
        names = {item.name for item in fields(cls)} - {"name"}
        _require(isinstance(entry, Mapping), f"{entry!r} is not a record")
        odd = sorted((set(entry) ^ names) - (OPTIONAL - set(entry)))
        _require(not odd, f"unknown or missing entries ({', '.join(odd)})")
        _require(HASH.fullmatch(str(entry["sha256"])), f"{entry['sha256']!r} is not a SHA-256")
        for record in ("arguments", "preprocessing", "training"):
            _require(isinstance(entry[record], Mapping), f"{record} is not a record")
        _require(isinstance(entry["modalities"], list), f"modalities {entry['modalities']!r} are not a list")
        arguments = {
            key: tuple(value) if isinstance(value, list) else value for key, value in entry["arguments"].items()
        }
        return cls(
            name=name,
            **{
                **entry,
                "arguments": arguments,
                "preprocessing": Preprocessing.from_dict(entry["preprocessing"]),
                "modalities": tuple(entry["modalities"]),
            },
        )


def _require(condition: object, fault: str) -> None:
    if not condition:
        raise ValueError(fault)


def _is_plain(name: object, suffix: str) -> bool:
    return isinstance(name, str) and PLAIN_NAME.fullmatch(name) is not None and name.endswith(suffix)


def _is_probability(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and 0 <= value <= 1


def find_weights() -> Path:
    """Return the weights folder in use.

    It is ``$SPINAL_TF_WEIGHTS`` if set, else ``weights/`` of the checkout, else that of the installed package.

    Raises:
        WeightsError: no folder has a manifest, or ``$SPINAL_TF_WEIGHTS`` names a folder without one.
    """
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        if not (Path(named) / MANIFEST).is_file():
            raise WeightsError(
                f"{named}: no {MANIFEST} in this folder, which {FOLDER_VARIABLE} names; correct or unset the variable, "
                "or fill the folder with: spinal-tf weights import FILE"
            )
        return Path(named)
    for folder in _bundled_folders():
        if (folder / MANIFEST).is_file():
            return folder
    raise WeightsError(
        "no weights found; install them with: spinal-tf weights import FILE --to FOLDER, "
        f"and set {FOLDER_VARIABLE} to that folder"
    )


def _bundled_folders() -> list[Path]:
    folders = [Path(__file__).resolve().parents[2] / "weights"]
    if importlib.util.find_spec("spinal_tf.weights") is not None:
        folders.append(Path(str(importlib.resources.files("spinal_tf.weights"))))
    return folders


def read_manifest(folder: Path) -> dict[str, Checkpoint]:
    """Read the checkpoints of a folder, by name.

    Args:
        folder: folder with a manifest.json.

    Raises:
        WeightsError: the manifest is missing, not JSON or of another format, or an entry is invalid.
    """
    path = folder / MANIFEST
    try:
        data = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror}); {REMEDY}") from error
    return parse_manifest(data, source=str(path))


def parse_manifest(data: bytes, *, source: str) -> dict[str, Checkpoint]:
    """Parse the checkpoints of a manifest, by name.

    Args:
        data: content of the file.
        source: name of the file, for messages.

    Raises:
        WeightsError: the data is not JSON or of another format, or an entry is invalid.
    """
    try:
        record = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{source}: not a JSON file; {REMEDY}") from error
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        version = record.get("format") if isinstance(record, dict) else None
        raise WeightsError(f"{source}: format {version} instead of {FORMAT}; take weights made for this spinal-tf")
    entries = record.get("checkpoints")
    if not isinstance(entries, dict):
        raise WeightsError(f"{source}: lists no checkpoints; {REMEDY}")
    return {name: _parse_entry(name, entry, source) for name, entry in entries.items()}


def _parse_entry(name: str, entry: Mapping[str, Any], source: str) -> Checkpoint:
    try:
        return Checkpoint.from_dict(name, entry)
    except (ValueError, TypeError) as error:
        raise WeightsError(f"{source}: {name} not understood: {error}; {REMEDY}") from error
    except WeightsError as error:
        raise WeightsError(f"{source}: {name}: {error}") from error


def manifest_json(checkpoints: Mapping[str, Checkpoint]) -> str:
    """Return the manifest of these checkpoints as text."""
    entries = {name: checkpoint.to_dict() for name, checkpoint in sorted(checkpoints.items())}
    return json.dumps({"format": FORMAT, "checkpoints": entries}, indent=2, ensure_ascii=False) + "\n"


def verify(folder: Path, checkpoint: Checkpoint) -> None:
    """Check that the weights file matches the manifest.

    Raises:
        WeightsError: the file is missing or unreadable, or its SHA-256 differs.
    """
    _verified(folder, checkpoint)


def _verified(folder: Path, checkpoint: Checkpoint) -> bytes:
    path = folder / checkpoint.file
    try:
        data = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror}); {REMEDY}") from error
    require_hash(data, checkpoint, source=str(path))
    return data


def require_hash(data: bytes, checkpoint: Checkpoint, *, source: str) -> None:
    """Check a weights file's bytes against the manifest.

    Raises:
        WeightsError: the SHA-256 differs.
    """
    found = hashlib.sha256(data).hexdigest()
    if found != checkpoint.sha256:
        raise WeightsError(
            f"{source}: damaged, its SHA-256 starts with {found[:12]} instead of {checkpoint.sha256[:12]}; {REMEDY}"
        )


def find_faults(folder: Path) -> dict[str, str]:
    """Check each checkpoint of a folder: return a sentence about its fault, empty if there is none.

    Raises:
        WeightsError: the manifest itself is missing or invalid.
    """
    return {name: _fault(folder, checkpoint) for name, checkpoint in read_manifest(folder).items()}


def _fault(folder: Path, checkpoint: Checkpoint) -> str:
    try:
        verify(folder, checkpoint)
    except WeightsError as error:
        return str(error)
    return ""


@our_keras()
def load_network(folder: Path, checkpoint: Checkpoint) -> keras.Model:
    """Check a checkpoint's weights and build its network with them.

    Raises:
        WeightsError: the file is missing or damaged, or made for another network.
    """
    weights = _decoded(folder, checkpoint)
    model = build_network(folder, checkpoint)
    assign_weights(model, weights, source=str(folder / checkpoint.file))
    return model


def bare_network(folder: Path, checkpoint: Checkpoint) -> keras.Model:
    """Build a checkpoint's network with variables that have no values and take no memory.

    It serves engines that keep the weights as constants: creating and filling variables would take most of the time
    that a cold start spends on weights.

    Raises:
        WeightsError: the manifest's arguments are not the builder's.
    """
    import keras

    with keras.StatelessScope(initialize_variables=False):
        return build_network(folder, checkpoint)


def read_weights(folder: Path, checkpoint: Checkpoint, model: keras.Model) -> Weights:
    """Check and read a checkpoint's weights for its network.

    Raises:
        WeightsError: the file is missing or damaged, or made for another network.
    """
    weights = _decoded(folder, checkpoint)
    require_match(model, weights, source=str(folder / checkpoint.file))
    return weights


def _decoded(folder: Path, checkpoint: Checkpoint) -> Weights:
    return decode_weights(_verified(folder, checkpoint), source=str(folder / checkpoint.file))


def build_network(folder: Path, checkpoint: Checkpoint) -> keras.Model:
    """Build a checkpoint's network with newly initialized weights.

    Raises:
        WeightsError: the manifest's arguments are not the builder's, or its preprocessing does not fit the network.
    """
    spec = network_spec(checkpoint.network)
    if fault := spec.fault_of_input(checkpoint.preprocessing):
        raise WeightsError(
            f"{folder / MANIFEST}: {checkpoint.name}: {checkpoint.network} does not take its {fault}; take weights "
            "made for this spinal-tf"
        )
    try:
        return spec.build(**checkpoint.arguments)
    except (TypeError, ValueError) as error:
        raise WeightsError(
            f"{folder / MANIFEST}: {checkpoint.name}: {checkpoint.network} cannot be built from its arguments "
            f"{checkpoint.arguments}; take weights made for this spinal-tf"
        ) from error


def save_checkpoint(model: keras.Model, folder: Path, checkpoint: Checkpoint, *, half_precision: bool) -> Checkpoint:
    """Write a model's weights and add them to the folder's manifest, both or neither.

    Args:
        model: network built by ``checkpoint.network`` from ``checkpoint.arguments``.
        folder: existing folder; a checkpoint of the same name is replaced, others stay.
        checkpoint: checkpoint to save; ``file`` and ``sha256`` are filled in.
        half_precision: store kernels as float16.

    Returns:
        The checkpoint as listed in the manifest.

    Raises:
        WeightsError: a weight is not finite or too large for half precision, or the manifest there is invalid.
        OutputError: the folder cannot be written to.
    """
    path, manifest_path = folder / f"{checkpoint.name}{WEIGHTS_SUFFIX}", folder / MANIFEST
    refuse_unusable([path, manifest_path], overwrite=True)
    data = encode_weights(model, half_precision=half_precision)
    saved = replace(checkpoint, file=path.name, sha256=hashlib.sha256(data).hexdigest())
    with locked(manifest_path):
        others = read_manifest(folder) if manifest_path.exists() else {}
        with output_files(path, manifest_path, overwrite=True) as (weights, manifest):
            weights.write_bytes(data)
            manifest.write_text(manifest_json({**others, saved.name: saved}), encoding="utf-8")
    return saved
