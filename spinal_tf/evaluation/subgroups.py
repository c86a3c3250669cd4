"""Performance by age, sex and any other column (the paper's Table E5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from spinal_tf.evaluation.contrasts import Contrast, unpaired
from spinal_tf.evaluation.evaluation_options import Resampling
from spinal_tf.evaluation.performance import Performance, performance
from spinal_tf.evaluation.predictions import Prediction
from spinal_tf.evaluation.scored import Scored

ADULT_YEARS = 18.0

PAEDIATRIC, ADULT = "paediatric", "adult"


@dataclass(frozen=True, kw_only=True)
class Subgroup:
    """Cases of a task and set with one value of a column.

    Attributes:
        column: ``age``, ``sex`` or a column of the table.
        level: value of the column.
        performance: performance on these cases.
        contrast: comparison with all cases that have another value; None if there are no such cases, or if the other
            of two subgroups holds the comparison.
    """

    column: str
    level: str
    performance: Performance
    contrast: Contrast | None


def subgroups(scored: Scored, columns: Sequence[str], resampling: Resampling) -> list[Subgroup]:
    """Divide cases into subgroups by age and sex, if known, and by further columns.

    For a column with two values, only the first subgroup has a contrast.

    Args:
        scored: cases to divide.
        columns: names of columns, each counted once; cases with an empty cell belong to no subgroup.
        resampling: options of the bootstrap.
    """
    found = []
    for column in dict.fromkeys(("age", "sex", *columns)):
        levels = np.array([_level_of(column)(case) for case in scored.cases], str)
        names = [name for name in _ordered(set(levels.tolist())) if name]
        for place, name in enumerate(names):
            within, others = scored.where(levels == name), scored.where((levels != name) & (levels != ""))
            judged = performance(within, resampling)
            if judged is None:
                continue
            once = len(names) == 2 and place == 1
            others_name = names[1] if len(names) == 2 else f"not {name}"
            contrast = None
            if others.cases and not once:
                contrast = unpaired(within, others, (f"{column} {name}", others_name), resampling)
            found.append(Subgroup(column=column, level=name, performance=judged, contrast=contrast))
    return found


def _ordered(levels: set[str]) -> list[str]:
    return [PAEDIATRIC, ADULT] if levels >= {PAEDIATRIC, ADULT} else sorted(levels)


def _level_of(column: str) -> Callable[[Prediction], str]:
    if column == "age":
        return _age_group
    if column == "sex":
        return lambda case: case.sex.value if case.sex else ""
    return lambda case: case.cells[column]


def _age_group(case: Prediction) -> str:
    if case.age_years is None:
        return ""
    return PAEDIATRIC if case.age_years < ADULT_YEARS else ADULT
