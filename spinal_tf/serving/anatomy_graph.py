"""The anatomy network as a server runs it: it takes prepared slices and returns a map of each structure."""

from __future__ import annotations

from spinal_tf.serving.network import ServedNetwork
from spinal_tf.serving.prepared_slices import prepared_slices
from spinal_tf.serving.signature import Signature, TensorRecord
from spinal_tf.structures import STRUCTURES


def anatomy_signatures(network: ServedNetwork) -> list[Signature]:
    """Return the signatures of a served anatomy network."""
    in_order = ", ".join(structure.value for structure in STRUCTURES)
    probability = TensorRecord(
        name="probability",
        dtype="float32",
        shape=(None, None, None, len(STRUCTURES)),
        meaning=f"of {in_order}, each 0 to 1, on the grid of the tiles",
    )
    meaning = "Probability of each structure in prepared slices, in batches that a server may join across requests."
    return [prepared_slices(network, meaning=meaning, output=probability)]
