"""Average the weights of several segmenter trainings with the same start, as initial weights of another training.

    python data_prep/average_weights.py MEAN.weights.h5 ONE/best-STEP.weights.h5 OTHER/best-STEP.weights.h5

All networks must have the default width. Method: Wortsman et al. 2022 (arXiv:2203.05482).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from spinal_tf.checkpoints.weight_files import assign_weights, decode_weights, encode_weights
from spinal_tf.files import output_files
from spinal_tf.networks.network_registry import SEGMENTERS, network_spec


def main() -> None:
    """Read the command line and write the mean, in full precision."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mean", type=Path)
    parser.add_argument("weights", type=Path, nargs="+")
    parser.add_argument("--network", choices=SEGMENTERS, default="multiresunet")
    parser.add_argument("--channels", type=int, default=3, help="slices seen together; 1 with --neighbour-mm 0")
    given = parser.parse_args()
    model, several = network_spec(given.network).build(channels=given.channels), []
    for path in given.weights:
        assign_weights(model, decode_weights(path.read_bytes(), source=str(path)), source=str(path))
        several.append(model.get_weights())
    model.set_weights([np.mean(same, axis=0) for same in zip(*several, strict=True)])
    with output_files(given.mean, overwrite=True) as (mean,):
        mean.write_bytes(encode_weights(model, half_precision=False))


if __name__ == "__main__":
    main()
