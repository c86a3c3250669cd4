"""What the package has to know about a network to train, store, run and export it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from spinal_tf.preprocess import Preprocessing

if TYPE_CHECKING:
    import keras

POOLING, LOGITS = "global_average_pool", "logits"
"""Layers that every classifier has: Grad-CAM explains the input of the first by the output of the second."""

CORD_LOGITS = "cord_logits"
"""Layer of a segmenter that also learns the cord; weights without it can begin such a training."""

Loss = Callable[[Any, Any], Any]
"""From targets and predictions to a number, or to one for each sample."""


def as_built(model: keras.Model) -> keras.Model:
    """The network itself: it is trained with the output that it is used with."""
    return model


def as_given(loss: Loss, arguments: Mapping[str, Any]) -> Loss:
    """The loss itself, whatever the builder's arguments."""
    return loss


@dataclass(frozen=True, kw_only=True)
class NetworkSpec:
    """One network. `tests/helpers/network_contract.py` checks what is written here.

    Attributes:
        title: name of the network in texts for people.
        build: makes the network. All arguments are keywords with defaults: ``channels`` (of the input) for a segmenter,
            ``size`` (rows and columns of a tile) for a classifier, ``name`` for both, and any others.
        multiple: both sides of the input are multiples of it.
        minimum_side: shortest side of the input in pixels.
        small: arguments of a network that is small enough for tests.
        defaults: options of ``spinal-tf train`` whose defaults are other ones for this network, by parameter name.
        for_training: the network with further output channels that its loss needs; the first one stays the lesion.
        training_loss: the loss for these outputs, from that for the first channel and the builder's arguments.
        learns_cord: the builder takes ``within_cord``, and then ``for_training`` gives lesion and cord as channels.
        imagenet: function of `keras.applications` whose layers have the same names; None if there is none.
    """

    title: str
    build: Callable[..., keras.Model]
    multiple: int = 1
    minimum_side: int = 1
    small: Mapping[str, Any]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    for_training: Callable[[keras.Model], keras.Model] = as_built
    training_loss: Callable[[Loss, Mapping[str, Any]], Loss] = as_given
    learns_cord: bool = False
    imagenet: Callable[..., keras.Model] | None = None

    def fault_of_sides(self, size: tuple[int, int]) -> str:
        """What is wrong with an input of so many rows and columns; empty if it fits."""
        for side in size:
            if side % self.multiple:
                return f"{side} is not a multiple of {self.multiple}"
            if side < self.minimum_side:
                return f"{side} is less than {self.minimum_side}"
        return ""

    def fault_of_input(self, preprocessing: Preprocessing) -> str:
        """Why inputs that are prepared in this way do not fit; empty if they do."""
        if preprocessing.fit == "spacing":
            fault, what = self.fault_of_sides((preprocessing.multiple, preprocessing.multiple)), "multiple"
        else:
            fault, what = self.fault_of_sides(preprocessing.size), "size"
        return f"{what} of the input: {fault}" if fault else ""

    def fault_of_arguments(self, arguments: Mapping[str, Any]) -> str:
        """Why the builder does not take these arguments; empty if it does."""
        try:
            inspect.signature(self.build).bind(**arguments)
        except TypeError as error:
            return str(error)
        return ""
