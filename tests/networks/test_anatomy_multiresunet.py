"""Weights of the anatomy network say which output is which."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from spinal_tf.checkpoints.manifest import Checkpoint, build_network
from spinal_tf.errors import WeightsError
from spinal_tf.preprocess import Preprocessing
from spinal_tf.structures import NAMES

RECORD = Checkpoint(
    name="anatomy",
    network="anatomy_multiresunet",
    arguments={"width": 4},
    preprocessing=Preprocessing(fit="spacing", spacing_mm=1.5, intensity="zscore_no_clip"),
    operating_point=0.5,
    card="anatomy.md",
)


def test_outputs_in_another_order_are_refused():
    assert NAMES == ("cord", "canal", "body", "disc", "sacrum", "c2")  # those of released weights
    other = replace(RECORD, arguments={"width": 4, "structures": NAMES[::-1]})
    with pytest.raises(WeightsError, match="take weights made for this spinal-tf"):
        build_network(Path("weights"), other)
    assert build_network(Path("weights"), RECORD).output_shape[-1] == len(NAMES)
