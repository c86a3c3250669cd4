"""Reliability of the probabilities before and after temperature scaling, and decision curves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from spinal_tf.evaluation.calibrated import Calibration, CalibrationPair
from spinal_tf.evaluation.evaluation import Evaluation
from spinal_tf.evaluation.predictions import CaseSet
from spinal_tf.evaluation.statistics.calibration import BINS
from spinal_tf.evaluation.statistics.intervals import wilson
from spinal_tf.report.study.style import (
    BLACK,
    BLUE,
    GREY,
    PANEL_INCHES,
    VERMILLION,
    Drawing,
    Space,
    finished,
    grid,
    legend_below,
    panel_title,
)
from spinal_tf.taxonomy import tree

SHOWN_SETS = (CaseSet.VALIDATION, CaseSet.TEST)
"""Sets with figures; difficult cases are too few for bins, and their share of positive cases is not representative."""

LOOKS = (("o-", BLUE, "full"), ("s--", VERMILLION, "none"))
"""Mark with line, color and filling, before and after scaling."""

RELIABILITY_CAPTION = """\
Share of positive cases against the mean probability, in ten bins of equal width, with Wilson's intervals of 95 %;
below, the cases of each bin. Filled circles: the probabilities as they are; hollow squares: after scaling with the
temperature that validation chose, where the set is not validation itself. ECE: expected calibration error."""

DECISION_CAPTION = """\
Net benefit (true positive minus weighted false positive calls, for each case) of acting from a probability on, against
that probability. Gray: acting on everybody; dotted, at 0: on nobody. Dashed: after temperature scaling. It holds for
the share of positive cases among these. Values far below 0 are cut off."""


def draw_reliability(evaluation: Evaluation, note: str) -> Iterator[Drawing]:
    """Draw reliability curves: a figure for validation and one for the test, a panel for each task."""
    for case_set, pairs in _by_set(evaluation.calibrations):
        figure, rows = grid([PANEL_INCHES] * len(pairs), [PANEL_INCHES, 0.7], Space(below=0.95))
        for curve, counts, pair in zip(*rows, pairs, strict=True):
            _draw_curves(curve, pair)
            _draw_counts(counts, pair)
            legend_below(counts, 0.55, of=curve)
        title = f"Reliability of the probabilities, {case_set.term} cases"
        yield finished(f"reliability-{case_set.value}", title, RELIABILITY_CAPTION, figure, note)


def draw_decisions(evaluation: Evaluation, note: str) -> Iterator[Drawing]:
    """Draw decision curves: a figure for validation and one for the test, a panel for each task."""
    for case_set, pairs in _by_set(evaluation.calibrations):
        figure, panels = grid([PANEL_INCHES] * len(pairs), [PANEL_INCHES], Space(below=0.95))
        for panel, pair in zip(panels[0], pairs, strict=True):
            _draw_benefit(panel, pair)
        title = f"Decision curves, {case_set.term} cases"
        yield finished(f"decision-{case_set.value}", title, DECISION_CAPTION, figure, note)


def _by_set(pairs: Sequence[CalibrationPair]) -> Iterator[tuple[CaseSet, list[CalibrationPair]]]:
    for case_set in SHOWN_SETS:
        found = [pair for pair in pairs if pair.scored.case_set is case_set]
        if found:
            yield case_set, found


def _states(pair: CalibrationPair) -> list[tuple[str, Calibration, tuple[str, str, str]]]:
    named = [("as predicted", pair.before), (f"temperature {pair.temperature:.2f}", pair.after)]
    return [(name, state, look) for (name, state), look in zip(named, LOOKS, strict=True) if state]


def _draw_curves(panel: Axes, pair: CalibrationPair) -> None:
    panel.set_title(panel_title(pair.scored.task, pair.scored.labels), pad=9)
    panel.plot([0, 1], [0, 1], ":", color=GREY, linewidth=1)
    for name, state, (mark, colour, filling) in _states(pair):
        shares = [one.observed.count / one.observed.total for one in state.bins]
        intervals = [wilson(one.observed) for one in state.bins]
        below, above = (
            [max(0.0, share - limit.low) for share, limit in zip(shares, intervals, strict=True)],
            [max(0.0, limit.high - share) for share, limit in zip(shares, intervals, strict=True)],
        )
        drawn = panel.errorbar(
            [one.predicted for one in state.bins],
            shares,
            (below, above),
            fmt=mark,
            color=colour,
            fillstyle=filling,
            markersize=5,
            elinewidth=0.8,
            label=f"{name}: Brier {state.brier:.3f}, ECE {state.ece:.3f}",
        )
        for part in (drawn.lines[0], *drawn.lines[2]):
            part.set_clip_on(False)
    positive = tree().term(pair.scored.task.classes[1])
    panel.set(xlim=(0, 1), ylim=(0, 1), ylabel=f"Observed share of {positive}")
    panel.tick_params(labelbottom=False)


def _draw_counts(panel: Axes, pair: CalibrationPair) -> None:
    edges = np.linspace(0, 1, BINS + 1)
    for _, state, (_, colour, filling) in _states(pair):
        heights = np.zeros(BINS)
        for one in state.bins:
            heights[round(one.low * BINS)] = one.observed.total
        panel.stairs(heights, edges, color=colour, fill=filling == "full", alpha=0.4 if filling == "full" else 1)
    panel.set(xlim=(0, 1), xlabel=f"Probability of {tree().term(pair.scored.task.classes[1])}", ylabel="Cases")
    panel.yaxis.set_major_locator(MaxNLocator(3, integer=True))


def _draw_benefit(panel: Axes, pair: CalibrationPair) -> None:
    panel.set_title(panel_title(pair.scored.task, pair.scored.labels), pad=9)
    everybody = pair.before.curve
    thresholds = [one.threshold for one in everybody]
    panel.axhline(0, linestyle=":", color=BLACK, linewidth=1, label="nobody")
    panel.plot(thresholds, [one.everybody for one in everybody], color=GREY, linewidth=1, label="everybody")
    for name, state, (mark, colour, _) in _states(pair):
        label = "model" if state is pair.before else f"model, {name}"
        panel.plot(thresholds, [one.model for one in state.curve], mark[1:], color=colour, label=label)
    share = float(pair.scored.labels.mean())
    top = 1.1 * share if share else 0.1
    panel.set(xlim=(0, 1), ylim=(-0.25 * top, top), ylabel="Net benefit")
    panel.set_xlabel(f"Probability of {tree().term(pair.scored.task.classes[1])} to act from")
    legend_below(panel, 0.55, columns=2)
