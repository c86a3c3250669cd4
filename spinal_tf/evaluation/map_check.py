"""Check whether Grad-CAM maps depend on trained weights, by their similarity to maps of random weights."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from spinal_tf.evaluation.predictions import CaseSet
from spinal_tf.taxonomy import Task

MOST_ALIKE = 0.6
"""Mean rank correlation with maps of random weights above which maps say little about training (our choice): they then
share more than a third of the variance of their ranks with maps of untrained networks."""


@dataclass(frozen=True, kw_only=True)
class MapComparison:
    """Maps of one case beside those of one draw of random weights; see `spinal_tf.explanation.sanity.Similarity`.

    Attributes:
        spearman: rank correlation; NaN if the maps of no tile could be ranked.
        ssim: structural similarity.
        blank: number of tiles whose map became zero.
        tiles: number of all tiles.
    """

    spearman: float
    ssim: float
    blank: int
    tiles: int


@dataclass(frozen=True, kw_only=True)
class MapCheck:
    """Comparisons of one task.

    Attributes:
        task: classification task.
        case_set: set of the cases.
        cases: comparisons of each case, one for each draw of random weights; at least one case and one draw.
    """

    task: Task
    case_set: CaseSet
    cases: Sequence[Sequence[MapComparison]]

    @property
    def draws(self) -> int:
        """Number of draws of random weights."""
        return len(self.cases[0])

    @property
    def tiles(self) -> int:
        """Number of tiles of all cases."""
        return sum(draws[0].tiles for draws in self.cases)

    @property
    def compared(self) -> int:
        """Number of compared maps: each tile with every draw."""
        return sum(one.tiles for one in self._comparisons)

    @property
    def blank(self) -> int:
        """Number of compared maps that became zero."""
        return sum(one.blank for one in self._comparisons)

    @property
    def spearman(self) -> float:
        """Mean of `by_case`; NaN if it is empty."""
        return float(np.mean(self.by_case)) if self.by_case else math.nan

    @property
    def by_case(self) -> list[float]:
        """Rank correlation of each case, mean over draws with a nonzero map; cases without such draws are left out."""
        ranked = ([one.spearman for one in draws if not math.isnan(one.spearman)] for draws in self.cases)
        return [float(np.mean(some)) for some in ranked if some]

    @property
    def ssim(self) -> float:
        """Mean structural similarity over all comparisons."""
        return float(np.mean([one.ssim for one in self._comparisons]))

    @property
    def depends(self) -> bool | None:
        """Whether the maps depend on the weights; None if no draw left a map to compare."""
        return None if math.isnan(self.spearman) else self.spearman <= MOST_ALIKE

    @property
    def _comparisons(self) -> list[MapComparison]:
        return [one for draws in self.cases for one in draws]


def map_warnings(checks: Sequence[MapCheck]) -> Iterator[str]:
    """Yield a warning for each task whose maps do not depend on the weights, or could not be compared."""
    for check in checks:
        if check.depends is None:
            yield f"{check.task.name}: no Grad-CAM map was left to compare with random weights; check more cases"
        elif not check.depends:
            yield (
                f"{check.task.name}: Grad-CAM maps stay much as they are with random weights (mean rank correlation "
                f"{check.spearman:.2f}, above {MOST_ALIKE:g}); they show the image or the network's structure rather "
                "than what was learnt, and should not be read as reasons"
            )
