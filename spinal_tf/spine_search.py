"""The search for the spine on a scan: the anatomy network on its slices, and what its maps say."""

from __future__ import annotations

from spinal_tf.anatomy.found_spine import FoundSpine, found_spine
from spinal_tf.anatomy.maps import AnatomyMaps, outlined_slices
from spinal_tf.images.volume import Volume
from spinal_tf.models import AnatomyNetwork
from spinal_tf.network_slices import NetworkSlices
from spinal_tf.stopwatch import Stopwatch
from spinal_tf.structures import STRUCTURES


def search_spine(volume: Volume, network: AnatomyNetwork, watch: Stopwatch) -> FoundSpine:
    """Look for the spine on a scan.

    Raises:
        VolumeError: the image is constant, or its spacing is invalid.
    """
    slices = NetworkSlices(volume, network.checkpoint, network.engine, watch)
    slice_mm = volume.spacing_mm[0]
    outlined = outlined_slices(len(volume.data), slice_mm)
    probability = slices.maps(outlined.tolist(), len(STRUCTURES), stage="anatomy")
    step = int(outlined[1] - outlined[0]) if len(outlined) > 1 else 1
    with watch.stage("anatomy"):
        maps = AnatomyMaps(
            probability=probability, slices=outlined, placement=slices.placement, slice_mm=step * slice_mm
        )
        return found_spine(maps, volume.data)
