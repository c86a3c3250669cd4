"""Options of a training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

Precision = Literal["float32", "mixed_float16", "mixed_bfloat16"]
Schedule = Literal["plateau", "cosine"]

LIMITS = frozenset({"epochs", "steps", "minutes"})
"""Options that may change on resuming."""


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """Options of one training. Learning rate, schedule and end default to those of the authors' code.

    Attributes:
        batch: samples in a batch, over all devices together.
        learning_rate: peak learning rate (Adam).
        schedule: ``plateau`` halves the rate if validation stops improving; ``cosine`` lowers it to a hundredth by the
            end.
        warm_up_steps: number of initial steps over which the rate rises.
        plateau_epochs: epochs without improvement after which ``plateau`` halves the rate.
        clip_norm: maximum norm of the gradient; None for no limit.
        epochs: length of the training in epochs.
        steps: length of the training in steps, instead of epochs.
        minutes: time limit in minutes.
        patience_epochs: epochs without improvement after which the training also ends; None to disable.
        validation_every: steps from one validation to the next, None for once an epoch.
        validation_cases: maximum number of cases in each validation, balanced over the diseases; None for all. The best
            weights are evaluated on all cases at the end.
        save_every_minutes: time in minutes after which the state is saved between validations.
        precision: precision of the computation; weights and the head stay float32.
        onednn_bfloat16: let TensorFlow compute in bfloat16 on CPUs, where that is safe.
        deterministic: bit-identical results from the same seed on the same machine, versions and number of cores.
        seed: seed of the initial weights and all samples.

    Raises:
        ValueError: a value is unknown or out of range, or two options conflict.
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
        """Refuse invalid options."""
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
        """Return the options as a JSON-serializable record."""
        return asdict(self)


def _require(condition: bool, fault: str) -> None:
    if not condition:
        raise ValueError(fault)


def differing(now: Mapping[str, Any], before: Mapping[str, Any]) -> list[str]:
    """Return the names of options that differ, except those that may change on resuming."""
    return sorted(name for name in {*now, *before} - LIMITS if now.get(name) != before.get(name))
