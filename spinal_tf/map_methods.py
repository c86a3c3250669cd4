"""Names of the heat-map methods, as written in files and for readers."""

from __future__ import annotations

from enum import Enum


class MapMethod(str, Enum):
    """A heat-map method; the value is its name in options, records and file names."""

    GRADCAM = "gradcam"
    GRADCAM_PLUS_PLUS = "gradcam++"
    LAYERCAM = "layercam"
    SCORECAM = "scorecam"
    SALIENCY = "saliency"

    @property
    def printed(self) -> str:
        """Name for readers."""
        return _PRINTED[self]


_PRINTED = {
    MapMethod.GRADCAM: "Grad-CAM",
    MapMethod.GRADCAM_PLUS_PLUS: "Grad-CAM++",
    MapMethod.LAYERCAM: "LayerCAM",
    MapMethod.SCORECAM: "Score-CAM",
    MapMethod.SALIENCY: "Saliency",
}
