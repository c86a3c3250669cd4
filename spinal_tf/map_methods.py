"""The methods that explain a classifier's answer by a heat map, as they are written in files and for readers."""

from __future__ import annotations

from enum import Enum


class MapMethod(str, Enum):
    """A method; the value is how it is written in options, records and names of files."""

    GRADCAM = "gradcam"
    GRADCAM_PLUS_PLUS = "gradcam++"
    LAYERCAM = "layercam"
    SCORECAM = "scorecam"
    SALIENCY = "saliency"

    @property
    def printed(self) -> str:
        """As printed for a reader."""
        return _PRINTED[self]


_PRINTED = {
    MapMethod.GRADCAM: "Grad-CAM",
    MapMethod.GRADCAM_PLUS_PLUS: "Grad-CAM++",
    MapMethod.LAYERCAM: "LayerCAM",
    MapMethod.SCORECAM: "Score-CAM",
    MapMethod.SALIENCY: "Saliency",
}
