"""The search for the spine on a scan: the anatomy network on its slices, and what its maps say."""

from __future__ import annotations

from spinal_tf.anatomy.found_spine import FoundSpine, found_spine
from spinal_tf.anatomy.maps import AnatomyMaps, outlined_slices, slice_step
from spinal_tf.anatomy.vertebra_names import NUMBERS
from spinal_tf.images.volume import Volume, package_row
from spinal_tf.models import AnatomyNetwork
from spinal_tf.network_slices import NetworkSlices
from spinal_tf.stopwatch import Stopwatch
from spinal_tf.structures import STRUCTURES


def search_spine(
    volume: Volume, network: AnatomyNetwork, watch: Stopwatch, level_at: tuple[str, int] | None = None
) -> FoundSpine:
    """Look for the spine on a scan.

    Args:
        volume: sagittal T2w volume.
        network: network that outlines the spine.
        watch: stopwatch that records the time by stage.
        level_at: name of a vertebra and its row in the file, see `SegmentationOptions`.

    Raises:
        VolumeError: the image is constant, its spacing is invalid, or the given row is outside the scan.
    """
    given = None if level_at is None else (NUMBERS[level_at[0]], package_row(volume, level_at[1]))
    slices = NetworkSlices(volume, network.checkpoint, network.engine, watch)
    slice_mm = volume.spacing_mm[0]
    outlined = outlined_slices(len(volume.data), slice_mm)
    probability = slices.maps(outlined.tolist(), len(STRUCTURES), stage="anatomy")
    with watch.stage("anatomy"):
        maps = AnatomyMaps(
            probability=probability,
            slices=outlined,
            placement=slices.placement,
            slice_mm=slice_step(outlined) * slice_mm,
        )
        return found_spine(maps, volume.data, given)
