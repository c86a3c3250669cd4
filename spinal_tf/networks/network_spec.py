"""Specification of a network: what the package needs to train, store, run and export it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from spinal_tf.preprocess import Preprocessing

if TYPE_CHECKING:
    import keras

POOLING, LOGITS = "global_average_pool", "logits"
"""Layers that every classifier has; Grad-CAM relates the input of the first to the output of the second."""

CORD_LOGITS = "cord_logits"
"""Layer of a segmenter that also learns the cord; such a training can start from weights without it."""

Loss = Callable[[Any, Any], Any]
"""Function from targets and predictions to a scalar, or to one value per sample."""


def as_built(model: keras.Model) -> keras.Model:
    """Return the network itself: training and inference use the same output."""
    return model


def as_given(loss: Loss, arguments: Mapping[str, Any]) -> Loss:
    """Return the loss itself, whatever the builder's arguments."""
    return loss


@dataclass(frozen=True, kw_only=True)
class NetworkSpec:
    """Specification of one network; `tests/helpers/network_contract.py` checks that it holds.

    Attributes:
        title: name of the network for readers.
        build: builds the network. All arguments are keywords with defaults: ``channels`` (of the input) for a
            segmenter, ``size`` (rows and columns of a tile) for a classifier, ``name`` for both, and any others.
        multiple: number of which both sides of the input must be multiples.
        minimum_side: shortest side of the input in pixels.
        small: arguments that make the network small enough for tests.
        defaults: defaults of ``spinal-tf train`` options that differ for this network, by parameter name.
        for_training: function that adds output channels needed by the loss; the first channel stays the lesion.
        training_loss: function that returns the loss for these outputs, given the loss for the first channel and the
            builder's arguments.
        learns_cord: whether the builder takes ``within_cord``; ``for_training`` then outputs lesion and cord.
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
        """Return why an input with these rows and columns does not fit; empty if it does."""
        for side in size:
            if side % self.multiple:
                return f"{side} is not a multiple of {self.multiple}"
            if side < self.minimum_side:
                return f"{side} is less than {self.minimum_side}"
        return ""

    def fault_of_input(self, preprocessing: Preprocessing) -> str:
        """Return why inputs with this preprocessing do not fit; empty if they do."""
        if preprocessing.fit == "spacing":
            fault, what = self.fault_of_sides((preprocessing.multiple, preprocessing.multiple)), "multiple"
        else:
            fault, what = self.fault_of_sides(preprocessing.size), "size"
        return f"{what} of the input: {fault}" if fault else ""

    def fault_of_arguments(self, arguments: Mapping[str, Any]) -> str:
        """Return why the builder does not accept these arguments; empty if it does."""
        try:
            inspect.signature(self.build).bind(**arguments)
        except TypeError as error:
            return str(error)
        return ""
