"""Small networks whose weights are set by hand: what is bright is lesion, or canal and cord."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spinal_tf.checkpoints.manifest import Checkpoint, save_checkpoint
from spinal_tf.networks.anatomy_multiresunet import build_anatomy_multiresunet
from spinal_tf.preprocess import Preprocessing
from spinal_tf.structures import STRUCTURES, Structure

CANAL_CUTOFF = 0.3
"""Intensity above which `save_bright_anatomy` sees canal and cord."""

NEVER = 2.0
"""Cutoff that no intensity reaches."""


def bright_is_lesion(model, *, shares=(1,), slope=40, cutoffs=(0.7,)):
    """Set a MultiResUNet's weights so that it gives sigmoid(slope (x - 0.7)): above 0.7 of the intensity is lesion.

    The intensity x is the sum of the slices that are seen, each times its share. Each output has a cutoff. Only the
    path input, first block, first skip connection, last block, head is left; every other kernel is zero.
    """
    for layer in model.layers:
        if "kernel" in {weight.name for weight in layer.weights}:
            layer.kernel.assign(np.zeros(layer.kernel.shape))
    skip_starts = model.get_layer("decoder1_up").filters
    path = ["encoder1_shortcut", *(f"respath1_unit{n}_shortcut" for n in (1, 2, 3, 4)), "decoder1_shortcut", "logits"]
    for name in path:
        kernel = np.zeros(model.get_layer(name).kernel.shape)
        kernel[0, 0, skip_starts if name == "decoder1_shortcut" else 0, 0] = 1
        if name == path[0]:
            kernel[0, 0, :, 0] = shares
        if name == "logits":
            kernel[0, 0, 0] = slope
        model.get_layer(name).kernel.assign(kernel)
    model.get_layer("logits").bias.assign([-cutoff * slope for cutoff in cutoffs])


def save_bright_anatomy(folder: Path) -> Path:
    """Give a weights folder an anatomy network that takes bright voxels for canal and cord; return the folder."""
    checkpoint = Checkpoint(
        name="anatomy",
        network="anatomy_multiresunet",
        arguments={"width": 4},
        preprocessing=Preprocessing(fit="spacing", spacing_mm=2.0),
        operating_point=0.5,
        training={"data": "nothing: bright is canal"},
        card="anatomy.md",
    )
    model = build_anatomy_multiresunet(**checkpoint.arguments)
    bright = (Structure.CORD, Structure.CANAL)
    bright_is_lesion(model, cutoffs=[CANAL_CUTOFF if structure in bright else NEVER for structure in STRUCTURES])
    save_checkpoint(model, folder, checkpoint, half_precision=True)
    (folder / checkpoint.card).write_text("# anatomy\n", encoding="utf-8")
    return folder
