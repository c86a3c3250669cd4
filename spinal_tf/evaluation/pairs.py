"""A task's predictions beside others for the same cases: another model's, or those of models that saw more scans."""

from __future__ import annotations

import numpy as np

from spinal_tf.evaluation.contrasts import Contrast, paired
from spinal_tf.evaluation.scored import Scored, ScoredTask
from spinal_tf.evaluation.statistics.bootstrap import Answers, Resampling

T2W, T2W_T1C = "T2w", "T2w + T1c"


def against(
    first: ScoredTask, second: ScoredTask, names: tuple[str, str], resampling: Resampling, *, kind: str
) -> list[Contrast]:
    """Compare on each set the cases that both have a probability of.

    Each is called at its own operating point, chosen on its own validation cases.

    Args:
        first: one.
        second: the other, of the same task.
        names: of both.
        resampling: of the bootstrap.
        kind: ``model`` or ``modality``.
    """
    contrasts = []
    for case_set, scored in first.sets.items():
        one, other = _common(scored, second.sets[case_set])
        if one.cases:
            answers = Answers(calls=other.calls, scores=other.scores)
            contrasts.append(paired(one, names, answers, resampling, kind=kind))
    return contrasts


def _common(first: Scored, second: Scored) -> tuple[Scored, Scored]:
    """The cases of both; a set's cases are in the order of their names."""
    names = [np.array([case.name for case in scored.cases], str) for scored in (first, second)]
    return first.where(np.isin(names[0], names[1])), second.where(np.isin(names[1], names[0]))
