"""Methods for heat maps: our own Grad-CAM, and those of tf-keras-vis."""

from __future__ import annotations

from spinal_tf.explanation.gradcam import GraphExplainer, WeightedExplainer
from spinal_tf.explanation.gradcam_plus_plus import GRADCAM_PLUS_PLUS
from spinal_tf.explanation.keras_vis import VisExplainer
from spinal_tf.explanation.layercam import LAYERCAM
from spinal_tf.explanation.saliency import SALIENCY
from spinal_tf.explanation.scorecam import SCORECAM
from spinal_tf.map_methods import MapMethod

VIS_METHODS = {method.name: method for method in (GRADCAM_PLUS_PLUS, LAYERCAM, SCORECAM, SALIENCY)}
"""All methods except Grad-CAM."""


def explained_by(method: MapMethod, graph: GraphExplainer) -> WeightedExplainer:
    """Return an explainer of the classifier that uses this method."""
    return graph if method is MapMethod.GRADCAM else VisExplainer(graph, VIS_METHODS[method])


def forward_passes(method: MapMethod) -> int:
    """Estimate the cost of predicting and explaining one tile, in forward passes: one, plus those for the map."""
    return 1 + (0 if method is MapMethod.GRADCAM else VIS_METHODS[method].passes)
