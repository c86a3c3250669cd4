"""Model card of imported weights: what is known, and what only their owner knows."""

from __future__ import annotations

from spinal_tf.checkpoints.cutoffs import points_in_words
from spinal_tf.checkpoints.manifest import Checkpoint

CARD = """# {name}

**Trained on {data}, by other code than this. Research use only. Not a medical device.**

{what}

| | |
|---|---|
| network | {network} |
| trained on | {data} |
| imported from | {file}, {format}, SHA-256 {sha256} |
| checked | {checked} |
| preprocessing | {preprocessing} |
| operating point | {operating_point} |

The file does not contain preprocessing, mask, operating point{order}. They were given by the person
who imported these weights, or are those of the public code of Zhuo et al. 2022. The orientation of
slices in training is unknown, too: here the first row is superior and the first column anterior.

## Measured

Nothing yet. Measure the network on your own cases before you rely on it, and choose the operating
point on them.
"""


def write_card(checkpoint: Checkpoint) -> str:
    """Return the card as Markdown.

    Args:
        checkpoint: checkpoint of the imported weights.
    """
    origin, difference = checkpoint.training["ported_from"], checkpoint.training["compared_with_original"]
    is_task = checkpoint.mask_mode is not None
    return CARD.format(
        name=checkpoint.name,
        data=checkpoint.training["data"],
        what=checkpoint.in_words(),
        network=checkpoint.network,
        file=origin["file"],
        format=origin["format"],
        sha256=origin["sha256"],
        checked="order and shape of all weights; the file holds no network to compare with"
        if difference is None
        else f"the file's own network on the same input, largest difference in probability {difference:.1e}",
        preprocessing=checkpoint.preprocessing.in_words(),
        operating_point=points_in_words(checkpoint),
        order=", order of channels and of classes" if is_task else "",
    )
