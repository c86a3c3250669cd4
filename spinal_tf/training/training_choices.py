"""Options of a training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from spinal_tf.option_fields import COUNT, NOT_NEGATIVE, POSITIVE, Options, option

Precision = Literal["float32", "mixed_float16", "mixed_bfloat16"]
Schedule = Literal["plateau", "cosine"]

EPOCHS, PLATEAU = 500, 20
"""Length of a training, and of a plateau, in the authors' code."""

LIMITS = frozenset({"epochs", "steps", "minutes"})
"""Options that may change on resuming."""


@dataclass(frozen=True, kw_only=True)
class TrainingOptions(Options):
    """Options of one training. Learning rate, schedule and end default to those of the authors' code.

    Raises:
        ValueError: a value is unknown or out of range, or two options conflict.
    """

    epochs: int | None = option(EPOCHS, f"Maximum number of epochs. Default: {EPOCHS} if no other end is given.", COUNT)
    steps: int | None = option(None, "Maximum number of steps, instead of epochs.", COUNT)
    minutes: float | None = option(None, "Maximum number of minutes.", POSITIVE)
    patience_epochs: int | None = option(
        None, "End after this many epochs without gain in validation.", COUNT, flag="--patience"
    )
    validation_every: int | None = option(None, "Steps between validations. Default: one epoch.", COUNT)
    validation_cases: int | None = option(
        None,
        "Validate on this many cases during training, in equal parts of the diseases, and on all at the end.",
        COUNT,
    )
    learning_rate: float = option(1e-4, "Peak learning rate (Adam).", POSITIVE)
    schedule: Schedule = option(
        "plateau",
        f"Learning rate: halve it after {PLATEAU} epochs without gain, or decrease it to a hundredth by the end.",
    )
    warm_up_steps: int = option(
        0, "Steps over which the learning rate rises at the start.", NOT_NEGATIVE, flag="--warm-up"
    )
    plateau_epochs: int = option(PLATEAU, "Epochs without gain after which ``plateau`` halves the rate.", COUNT)
    clip_norm: float | None = option(
        None, "Maximum norm of the gradient. Default: unlimited, and 1 for the anatomy network.", POSITIVE
    )
    save_every_minutes: float = option(5.0, "Minutes after which the state is saved between validations.")
    precision: Precision = option("float32", "Precision of the computation; weights and the last layer stay float32.")
    onednn_bfloat16: bool = option(
        False, "Compute in bfloat16 on CPUs that support it: 1.5 times as fast where we measured."
    )
    deterministic: bool = option(
        False,
        "Give the same bits for the same seed on the same machine, with the same versions and number of cores.",
    )
    seed: int = option(0, "Random seed of initial weights and samples.", NOT_NEGATIVE)
    batch: int = option(32, "Samples in a batch, over all devices together.", COUNT)

    def __post_init__(self) -> None:
        """Refuse invalid options."""
        super().__post_init__()
        if self.epochs is self.steps is self.minutes is None:
            raise ValueError("an end is missing; give epochs, steps or minutes")
        if self.deterministic and self.minutes is not None:
            raise ValueError("a training that ends by the clock is not deterministic; give epochs or steps")

    def to_dict(self) -> dict[str, Any]:
        """Return the options as a JSON-serializable record."""
        return asdict(self)


SEGMENTER_OPTIONS = TrainingOptions(batch=8)
"""Default options of the segmenter; those of classifiers are the authors'."""

ANATOMY_OPTIONS = TrainingOptions(batch=8, learning_rate=1.5e-3, schedule="cosine", warm_up_steps=100, clip_norm=1.0)
"""Default options of the anatomy network."""


def fault_of_tiles(batch: int) -> str:
    """Return why a batch of tiles cannot be half of each class; empty if it can."""
    return f"a batch of {batch} tiles cannot hold half of each class: {batch} is not a multiple of 2" * (batch % 2)


def differing(now: Mapping[str, Any], before: Mapping[str, Any]) -> list[str]:
    """Return the names of options that differ, except those that may change on resuming."""
    return sorted(name for name in {*now, *before} - LIMITS if now.get(name) != before.get(name))
