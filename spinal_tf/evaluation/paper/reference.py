"""Whether the paper's numbers can stand beside ours."""

from __future__ import annotations

from spinal_tf.taxonomy import PAPER_TREE, tree


def beside_paper() -> bool:
    """Whether the tree in use is the paper's; with another tree its numbers answer other questions and are left out."""
    return tree() == PAPER_TREE
