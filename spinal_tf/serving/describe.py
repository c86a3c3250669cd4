"""Description of a served model inside its graph, so that a client needs neither the weights nor the folder."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from spinal_tf import __version__
from spinal_tf.serving.export_options import Precision
from spinal_tf.serving.names import DESCRIBE, DESCRIPTION_FORMAT
from spinal_tf.serving.network import ServedNetwork
from spinal_tf.serving.signature import Signature, TensorRecord


def describe_signature(model: str, precision: Precision, networks: Sequence[ServedNetwork]) -> Signature:
    """Return the signature that answers with the model's record as JSON.

    A server shows clients the shapes of a model's inputs and outputs, but no files of ``assets.extra``. A record in
    the graph always belongs to the weights stored with that graph.

    Args:
        model: name of the model.
        precision: precision of the computation.
        networks: networks whose weights the model holds.
    """
    record = {
        "format": DESCRIPTION_FORMAT,
        "model": model,
        "precision": precision,
        "spinal-tf": __version__,
        "weights": {network.checkpoint.name: network.checkpoint.to_dict() for network in networks},
    }
    text = json.dumps(record)

    def describe(times: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"description": tf.fill(tf.shape(times), text)}

    return Signature(
        name=DESCRIBE,
        meaning="Name, precision, preprocessing, operating points and SHA-256 of the weights, as JSON.",
        inputs=(
            TensorRecord(
                name="times",
                dtype="int32",
                shape=(None,),
                meaning="any numbers, one for each answer: a server wants an input, and one that batches wants an axis",
            ),
        ),
        outputs=(TensorRecord(name="description", dtype="string", shape=(None,), meaning="JSON, the same each time"),),
        function=describe,
        sample={"times": np.zeros(1, np.int32)},
    )
