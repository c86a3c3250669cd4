"""Detection of other base networks by Keras' layer names, so that the error can say what a file holds."""

from __future__ import annotations

import re
from collections.abc import Iterable

from spinal_tf.errors import PortError

FOREIGN = (
    ("NASNetLarge", r"normal_bn_1_18"),
    ("NASNetMobile", r"normal_bn_1_\d+"),
    ("Xception", r"block\d+_sepconv\d"),
    ("InceptionResNetV2", r"block35_\d+"),
    ("InceptionV3", r"mixed\d+"),
    ("MobileNetV2", r"Conv_1"),
    ("ResNet", r"conv2_block1_(add|3_bn)|res2a_branch2a"),
    ("DenseNet201", r"conv4_block48_1_conv"),
    ("DenseNet169", r"conv5_block32_1_conv"),
)
"""Networks of keras.applications that the public code of Zhuo et al. 2022 imports, and the two larger DenseNets. Each
pattern matches a layer that the networks further down the list do not have."""


def refuse_foreign(layers: Iterable[str], *, source: str) -> None:
    """Refuse a base network other than DenseNet121.

    Args:
        layers: names of the file's layers.
        source: file name for messages.

    Raises:
        PortError: the names belong to another network.
    """
    names = list(layers)
    for network, pattern in FOREIGN:
        if any(re.match(rf"({pattern})(_|/|$)", name) for name in names):
            raise PortError(
                f"{source}: built on {network}, not on DenseNet121, the network of the paper; weights of another "
                "network cannot be imported"
            )
