"""Structures of the spine that the anatomy network outlines."""

from __future__ import annotations

from enum import Enum


class Structure(str, Enum):
    """One structure; the value is its name in all files.

    The canal includes the cord. Bodies are those of C2 to L5, C2's with the dens; it is also a structure of its own,
    since numbering can start from it.
    """

    CORD = "cord"
    CANAL = "canal"
    BODY = "body"
    DISC = "disc"
    SACRUM = "sacrum"
    C2 = "c2"


ANATOMY = "anatomy"
"""Name of the anatomy network among a set's weights."""

STRUCTURES = tuple(Structure)
"""All structures, in the order of the network's outputs."""

NAMES = tuple(one.value for one in STRUCTURES)
"""Their names in the same order, as the manifest records them."""
