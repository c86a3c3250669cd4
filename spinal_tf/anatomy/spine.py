"""What a scan shows of the spine: canal, end of the cord, vertebrae, and the contrast of its tissues."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spinal_tf.anatomy.bodies import find_bodies, middle_plane
from spinal_tf.anatomy.canal_line import CanalLine, find_canal, positions_mm
from spinal_tf.anatomy.cord_end import find_cord_end
from spinal_tf.anatomy.levels import UNKNOWN, LevelScale, level_scale
from spinal_tf.anatomy.maps import AnatomyMaps
from spinal_tf.anatomy.numbering import Numbering, number_bodies
from spinal_tf.structures import Structure

Array = np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class Spine:
    """The spine of one scan, on the coarse grid of its maps.

    Attributes:
        maps: probability of each structure.
        canal: voxels of the canal, bool (slice, row, column).
        line: center line of the canal.
        cord_end: row after the last one that shows the cord; None if the cord goes on to where the canal ends.
        numbering: vertebral bodies with their numbers.
        levels: vertebral level along the canal.
    """

    maps: AnatomyMaps
    canal: Array
    line: CanalLine
    cord_end: int | None
    numbering: Numbering
    levels: LevelScale

    def level_of(self, voxels: Array) -> Array:
        """Return the vertebral level of voxels of the volume, int64; see `LevelScale.at`.

        Args:
            voxels: (n, 3), slice, row, column of the volume.
        """
        rows, columns = self.maps.coarse_row(voxels[:, 1]), self.maps.coarse_column(voxels[:, 2])
        along = positions_mm(self.line, np.stack([rows, columns], axis=1), self.maps.spacing_mm[1:])
        return self.levels.at(along)

    @property
    def shown(self) -> tuple[int, ...]:
        """Numbers of the vertebrae that were counted, from top to bottom; see `vertebra_names`."""
        return tuple(one.number for one in self.numbering.vertebrae if one.number is not None)

    @property
    def cord_end_level(self) -> int:
        """Vertebral level at which the cord ends; `UNKNOWN` if it is not seen to end, or at no numbered vertebra."""
        if self.cord_end is None or self.cord_end <= self.line.rows[0]:
            return UNKNOWN
        point = np.array([[self.cord_end, self.line.at_column[self.cord_end - 1]]])
        return int(self.levels.at(positions_mm(self.line, point, self.maps.spacing_mm[1:]))[0])


def find_spine(maps: AnatomyMaps, *, given: tuple[int, float] | None = None) -> Spine | None:
    """Find the spine on the maps of a scan.

    Args:
        maps: probability of each structure.
        given: number of a vertebra and the row of the volume where a person sees it.

    Returns:
        None if the scan shows no canal.
    """
    spacing = maps.spacing_mm
    found = find_canal(maps.of(Structure.CANAL), spacing)
    if found is None:
        return None
    canal, line = found
    body, disc, sacrum, c2 = (
        middle_plane(maps.of(structure), line, spacing[0])
        for structure in (Structure.BODY, Structure.DISC, Structure.SACRUM, Structure.C2)
    )
    bodies = find_bodies(np.maximum(body, c2), disc, line, spacing[1:])
    at = None if given is None else (given[0], float(maps.coarse_row(np.array(given[1]))))
    numbering = number_bodies(bodies, sacrum, c2, spacing[1:], at)
    return Spine(
        maps=maps,
        canal=canal,
        line=line,
        cord_end=find_cord_end(maps.of(Structure.CORD), canal, spacing),
        numbering=numbering,
        levels=level_scale(numbering.vertebrae, line, spacing[1:]),
    )
