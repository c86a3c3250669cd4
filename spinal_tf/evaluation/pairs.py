"""Comparison of predictions for the same cases: with another model, or with models that saw more scans."""

from __future__ import annotations

import numpy as np

from spinal_tf.evaluation.contrasts import Contrast, paired
from spinal_tf.evaluation.evaluation_options import Resampling
from spinal_tf.evaluation.scored import Scored, ScoredTask
from spinal_tf.evaluation.statistics.bootstrap import Answers

T2W, T2W_T1C = "T2w", "T2w + T1c"


def against(
    first: ScoredTask, second: ScoredTask, names: tuple[str, str], resampling: Resampling, *, kind: str
) -> list[Contrast]:
    """Compare on each set the cases for which both have a probability.

    Each is called at its own operating point.

    Args:
        first: first predictions of a task.
        second: second predictions, of the same task.
        names: names of both.
        resampling: options of the bootstrap.
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
    """Return the common cases of both; the cases of a set are sorted by name."""
    names = [np.array([case.name for case in scored.cases], str) for scored in (first, second)]
    return first.where(np.isin(names[0], names[1])), second.where(np.isin(names[1], names[0]))
