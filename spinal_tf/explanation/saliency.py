"""Saliency (Simonyan et al., ICLR workshop 2014): how much each pixel would change the class's logit.

The map is the maximum absolute gradient over a pixel's channels: T1c (even if absent), T2w and mask. It has the tile's
own resolution. It shows where the prediction is sensitive, not where the evidence for the class is.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spinal_tf.explanation.keras_vis import CutNetwork, VisMethod
from spinal_tf.map_methods import MapMethod


def saliency_maps(network: CutNetwork, score: Any, tiles: np.ndarray) -> np.ndarray:  # noqa: ANN401
    """Compute raw maps in the size of the tiles; see `VisMethod`."""
    from tf_keras_vis.saliency import Saliency

    return np.asarray(Saliency(network.logits)(score, tiles, normalize_map=False))


SALIENCY = VisMethod(name=MapMethod.SALIENCY, raw_maps=saliency_maps, passes=5, tiles_per_call=4)
