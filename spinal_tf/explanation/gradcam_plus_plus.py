"""Grad-CAM++ (Chattopadhyay et al., WACV 2018): channels weighted by what speaks for the class in each place.

Behind the last convolution our classifiers have a mean over the map and one linear layer. The gradient is then the
same in every place, and Grad-CAM++ is the same map as LayerCAM but for its scale.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spinal_tf.explanation.keras_vis import CutNetwork, VisMethod
from spinal_tf.map_methods import MapMethod


def gradcam_plus_plus_maps(network: CutNetwork, score: Any, tiles: np.ndarray) -> np.ndarray:  # noqa: ANN401
    """Raw maps in the size of the last convolution; see `VisMethod`."""
    from tf_keras_vis.gradcam_plus_plus import GradcamPlusPlus

    visualize = GradcamPlusPlus(network.logits)
    return np.asarray(visualize(score, tiles, **network.last_convolution, expand_cam=False, normalize_cam=False))


GRADCAM_PLUS_PLUS = VisMethod(
    name=MapMethod.GRADCAM_PLUS_PLUS, raw_maps=gradcam_plus_plus_maps, passes=5, tiles_per_call=16
)
