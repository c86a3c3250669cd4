"""Options of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from spinal_tf.cohort.case import Split
from spinal_tf.option_fields import COUNT, NOT_NEGATIVE, SHARE, Options, option
from spinal_tf.taxonomy import Task

POOR_DICE = 0.7
"""Dice below which a mask is poor. Above it, overlap is good according to Zou et al., Acad Radiol 2004;11:178, who cite
Zijdenbos et al., IEEE Trans Med Imaging 1994;13:716. We assume that a poor mask needs correction."""


@dataclass(frozen=True, kw_only=True)
class Resampling(Options):
    """Options of the bootstrap."""

    resamples: int = option(2000, "Number of bootstrap resamples.", COUNT)
    seed: int = option(2022, "Random seed of the bootstrap.", NOT_NEGATIVE)


@dataclass(frozen=True, kw_only=True)
class EvaluationOptions(Options):
    """Options of an evaluation."""

    points: Mapping[str, float] = option(dict, "Given operating points, by name of the task.", SHARE)
    point: float | None = option(None, "Given operating point of all other tasks, if any.", SHARE)
    chosen_on: Split = option(Split.VALIDATION, "Split on which other operating points are chosen, by Youden's index.")
    subgroups: tuple[str, ...] = option(
        (), "Also evaluate by groups of this column; may be repeated.", flag="--subgroup", metavar="COLUMN"
    )
    resampling: Resampling = option(Resampling(), "Options of the bootstrap.")
    poor_dice: float = option(
        POOR_DICE, "Dice below which a mask counts as poor when flags for review are evaluated.", SHARE
    )

    def given(self, task: Task) -> float | None:
        """Return the given operating point of a task, or None if it must be chosen."""
        return self.points.get(task.name, self.point)
