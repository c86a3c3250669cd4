"""What can be chosen of a training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

Precision = Literal["float32", "mixed_float16", "mixed_bfloat16"]
Schedule = Literal["plateau", "cosine"]

LIMITS = frozenset({"epochs", "steps", "minutes"})
"""Options that may differ when a training goes on."""


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """One training. The defaults of rate, schedule and end are those of the authors' code.

    Attributes:
        batch: samples in a batch, over all devices together.
        learning_rate: of Adam, at its highest.
        schedule: ``plateau`` halves the rate when validation has not gained for a while; ``cosine`` lets it fall to a
            hundredth by the end.
        warm_up_steps: steps over which the rate rises first.
        plateau_epochs: epochs without gain after which ``plateau`` halves.
        clip_norm: largest norm of the gradient, None for any.
        epochs: after which the training ends.
        steps: after which it ends, instead of epochs.
        minutes: after which it ends in any case.
        patience_epochs: it also ends after so many epochs without gain; None never.
        validation_every: steps from one validation to the next, None for once an epoch.
        validation_cases: at most so many cases are validated on the way, in equal parts of the diseases; None for all.
            The best weights are judged on all in the end.
        save_every_minutes: time after which the state is saved between validations.
        precision: of the computation; weights and the head stay float32.
        onednn_bfloat16: let TensorFlow compute in bfloat16 on CPUs where that is safe.
        deterministic: the same bits from the same seed on the same machine, with the same versions and number of cores.
        seed: of initial weights and of all samples.

    Raises:
        ValueError: a value is unknown or out of range, or two do not go together.
    """

    batch: int = 32
    learning_rate: float = 1e-4
    schedule: Schedule = "plateau"
    warm_up_steps: int = 0
    plateau_epochs: int = 20
    clip_norm: float | None = None
    epochs: int | None = 500
    steps: int | None = None
    minutes: float | None = None
    patience_epochs: int | None = None
    validation_every: int | None = None
    validation_cases: int | None = None
    save_every_minutes: float = 5.0
    precision: Precision = "float32"
    onednn_bfloat16: bool = False
    deterministic: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be trained with."""
        _require(self.precision in get_args(Precision), f"precision {self.precision!r} is not known")
        _require(self.schedule in get_args(Schedule), f"schedule {self.schedule!r} is not known")
        _require(self.batch >= 1 and self.seed >= 0, "batch and seed are whole numbers, the batch at least 1")
        _require(self.learning_rate > 0, "the learning rate is above 0")
        _require(self.epochs is not None or self.steps is not None or self.minutes is not None, "an end is missing")
        _require(
            not (self.deterministic and self.minutes is not None),
            "a training that ends by the clock is not deterministic; give epochs or steps",
        )

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON can hold it."""
        return asdict(self)


def _require(condition: bool, fault: str) -> None:
    if not condition:
        raise ValueError(fault)


def differing(now: Mapping[str, Any], before: Mapping[str, Any]) -> list[str]:
    """Names of options that differ, those that may differ left out."""
    return sorted(name for name in {*now, *before} - LIMITS if now.get(name) != before.get(name))
