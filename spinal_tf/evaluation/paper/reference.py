"""Check whether our numbers can be compared with the paper's."""

from __future__ import annotations

from spinal_tf.taxonomy import PAPER_TREE, tree


def beside_paper() -> bool:
    """Return whether the tree in use is the paper's; with other trees, the paper's numbers are left out."""
    return tree() == PAPER_TREE
