"""Plan the checkpoint of imported weights from the file and from what only its owner knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from spinal_tf.checkpoints.manifest import Checkpoint, Modality
from spinal_tf.errors import PortError
from spinal_tf.models import SEGMENTER
from spinal_tf.networks.network_registry import network_spec
from spinal_tf.porting.weights_source import Source
from spinal_tf.preprocess import Fit, MaskMode, Preprocessing
from spinal_tf.scaling import Intensity

Channel = Literal["t1c", "t2w", "mask"]
TILE_CHANNELS: tuple[Channel, ...] = ("t1c", "t2w", "mask")
"""Order of a tile's channels, here and in the public code."""

DEFAULT_SIZE = (256, 256)
"""Rows and columns of the public code's tiles."""

SEGMENTER_NETWORK, CLASSIFIER_NETWORK = "multiresunet", "densenet121"
"""Networks of the public code; weights of other networks cannot be imported."""


@dataclass(frozen=True, kw_only=True)
class PortOptions:
    """Facts that the file does not contain. The defaults are those of the public code of Zhuo et al. 2022.

    Attributes:
        name: ``segmenter``, or the name of a task.
        intensity: see `Preprocessing`.
        fit: see `Preprocessing`.
        size: rows and columns of the input; None for those in the file, or 256 x 256 if it has none.
        spacing_mm: see `Preprocessing`.
        operating_point: minimum probability of a lesion voxel, or of a positive case with T2w alone.
        operating_point_t1c: minimum probability of a positive case with T2w and T1c; None if none was chosen.
        mask_mode: how the mask enters a tile.
        modalities: modalities used in training.
        channels: order of the tile's channels in the file's network.
        positive_output: index (0 or 1) of the file's output for the task's positive class.
        data: description of the training data that completes "trained on".
    """

    name: str
    intensity: Intensity = "zscore_clip"
    fit: Fit = "stretch"
    size: tuple[int, int] | None = None
    spacing_mm: float | None = None
    operating_point: float = 0.5
    operating_point_t1c: float | None = None
    mask_mode: MaskMode = "channel"
    modalities: tuple[Modality, ...] = ("t2w",)
    channels: tuple[Channel, ...] = TILE_CHANNELS
    positive_output: int = 1
    data: str = "unknown cases"

    @property
    def is_segmenter(self) -> bool:
        """Whether the weights belong to a segmenter."""
        return self.name == SEGMENTER


def plan_checkpoint(source: Source, options: PortOptions) -> Checkpoint:
    """Determine the checkpoint for a file's weights.

    Args:
        source: file of the weights.
        options: facts that the file does not contain.

    Raises:
        PortError: the file's first or last layer has the wrong size, or the options contradict the file.
        ValueError: the options do not form a valid `Preprocessing`.
    """
    kernels = [array.values.shape for array in source.arrays if array.values.ndim == 4]
    if not kernels:
        raise PortError(f"{source.path}: holds no convolution, so it is neither network; check what it is")
    if options.is_segmenter:
        arguments = _segmenter_arguments(source, kernels)
    else:
        _require_tile_classifier(source, kernels)
        arguments = {}
    preprocessing = _preprocessing(source, options)
    if not options.is_segmenter and preprocessing.size != DEFAULT_SIZE:
        arguments["size"] = preprocessing.size
    return Checkpoint(
        name=options.name,
        network=SEGMENTER_NETWORK if options.is_segmenter else CLASSIFIER_NETWORK,
        arguments=arguments,
        preprocessing=preprocessing,
        operating_point=options.operating_point,
        operating_point_t1c=options.operating_point_t1c,
        mask_mode=None if options.is_segmenter else options.mask_mode,
        modalities=("t2w",) if options.is_segmenter else options.modalities,
        card=f"{options.name}.md",
    )


def _segmenter_arguments(source: Source, kernels: Sequence[tuple[int, ...]]) -> dict[str, Any]:
    channels, widths = kernels[0][2], [shape[2] for shape in kernels if shape[:2] == (2, 2)]
    if not widths:
        raise PortError(
            f"{source.path}: holds no 2 x 2 transposed convolution, so it is not MultiResUNet; name its task with --as"
        )
    if channels != 1:
        raise PortError(
            f"{source.path}: takes {channels} input channels, where a ported segmenter takes one, the T2w slice"
        )
    if source.arrays[-1].values.shape != (1,):
        classes = source.arrays[-1].values.shape[-1]
        raise PortError(f"{source.path}: gives {classes} classes, where the segmenter gives one probability of lesion")
    # The reference normalizes before the sigmoid; with a bias instead, the kernel is the second to last array.
    plain = len(source.arrays) > 1 and source.arrays[-2].values.ndim == 4
    return {"width": min(widths), "output_batch_norm": not plain}


def _require_tile_classifier(source: Source, kernels: Sequence[tuple[int, ...]]) -> None:
    channels, last = kernels[0][2], source.arrays[-1].values.shape
    if channels != len(TILE_CHANNELS):
        raise PortError(
            f"{source.path}: takes {channels} input channel{'s' * (channels != 1)}, where a tile has three "
            "(T1c, T2w, mask)"
        )
    if len(last) == 1 and last != (2,):
        raise PortError(f"{source.path}: gives {last[0]} classes, where a task has two")


def _preprocessing(source: Source, options: PortOptions) -> Preprocessing:
    told = _told_size(source)
    if options.size and told and options.size != told and options.fit != "spacing":
        raise PortError(
            f"{source.path}: made for inputs of {told[0]} x {told[1]}, but --size says {options.size[0]} x "
            f"{options.size[1]}; leave --size out"
        )
    size = options.size or told or DEFAULT_SIZE
    multiple = network_spec(SEGMENTER_NETWORK).multiple
    if options.is_segmenter and options.fit != "spacing" and any(side % multiple for side in size):
        raise PortError(
            f"{source.path}: inputs of {size[0]} x {size[1]}, whose sides are no multiples of {multiple}; give "
            "one with --size"
        )
    return Preprocessing(intensity=options.intensity, fit=options.fit, size=size, spacing_mm=options.spacing_mm)


def _told_size(source: Source) -> tuple[int, int] | None:
    rows, columns = source.input_shape[:2]
    return (rows, columns) if rows and columns else None
