"""Flow of cases from the table to the evaluated numbers (Figure 1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from spinal_tf.cohort.case import Split
from spinal_tf.evaluation.evaluation import Evaluation
from spinal_tf.evaluation.prediction_table import JUDGED
from spinal_tf.evaluation.predictions import Prediction, applicable
from spinal_tf.report.study.style import BLACK, GREY, Drawing, Space, finished, grid
from spinal_tf.taxonomy import Diagnosis, Task, tree

COLUMN, WIDE, ASIDE = 3.6, 1.75, 1.6
"""Widths in inches: column of a split, its boxes, and the box of excluded cases."""

WIDEST = WIDE + 0.45
"""Width of the box with the tasks in inches."""

CENTRE = WIDEST / 2 + 0.05
"""Distance from the left of a column to the middle of its boxes in inches."""

LINE = 0.165
"""Height of a line of text in inches."""

REASONS = (HEALTHY, NO_TASK, NO_PROBABILITY) = ("healthy", "no task for disease", "no probability")
"""Reasons for exclusion, in the order of the chart."""

CAPTION = """\
Cases by split and disease. Training cases are not evaluated. Left out: healthy cases, which no classifier covers; cases
of a disease that no probability of the table covers; and cases without any probability, for example because no lesion
was found."""


@dataclass(frozen=True, kw_only=True)
class SplitFlow:
    """Flow of the cases of a split; excluded cases and members add up to all cases.

    Attributes:
        split: split of the cohort.
        cases: number of all cases.
        patients: number of their patients.
        left_out: number of excluded cases by reason, only reasons with cases.
        members: number of cases used for training or evaluated, by diagnosis.
        tasks: number of evaluated cases by name of the task.
        difficult: number of evaluated cases that are difficult.
    """

    split: Split
    cases: int
    patients: int
    left_out: Mapping[str, int]
    members: Mapping[Diagnosis, int]
    tasks: Mapping[str, int]
    difficult: int

    @property
    def used(self) -> int:
        """Number of all members."""
        return sum(self.members.values())


def flow_of(cases: Sequence[Prediction], tasks: Sequence[Task]) -> list[SplitFlow]:
    """Return the flow of each split that has cases.

    Args:
        cases: all cases.
        tasks: evaluated tasks.
    """
    return [
        _flow(split, members, tasks) for split in Split if (members := [case for case in cases if case.split is split])
    ]


def draw_flow(evaluation: Evaluation, note: str) -> Iterator[Drawing]:
    """Draw the flow chart."""
    tasks = [task.task for task in evaluation.tasks.values()]
    cases = evaluation.predictions.cases
    flows = flow_of(cases, tasks)
    figure, ((panel,),) = grid([COLUMN * len(flows)], [4.6], Space(left=0.25, above=0.45, below=0.1))
    panel.set_axis_off()
    panel.set(xlim=(0, COLUMN * len(flows)), ylim=(0, 4.6))
    middle = COLUMN * (len(flows) - 1) / 2 + CENTRE
    patients = len({case.patient for case in cases})
    bottom = _box(panel, middle, 4.55, [f"All cases, n = {len(cases)}", _of_patients(patients)])
    for index, flow in enumerate(flows):
        x = COLUMN * index + CENTRE
        if x != middle:
            panel.plot([middle, middle, x], [bottom, 3.9, 3.9], color=BLACK, linewidth=1)
        _arrow(panel, (x, 3.9 if x != middle else bottom), (x, 3.7))
        _draw_split(panel, x, flow, tasks)
    yield finished("flow", "Flow of cases", CAPTION, figure, note)


def _flow(split: Split, cases: Sequence[Prediction], tasks: Sequence[Task]) -> SplitFlow:
    reasons = [_reason(case, tasks) for case in cases]
    used = [case for case, reason in zip(cases, reasons, strict=True) if not reason]
    judged = used if split in JUDGED else []
    members = Counter(case.diagnosis for case in used)
    return SplitFlow(
        split=split,
        cases=len(cases),
        patients=len({case.patient for case in cases}),
        left_out={reason: reasons.count(reason) for reason in REASONS if reason in reasons},
        members={diagnosis: members[diagnosis] for diagnosis in tree().diagnoses if members[diagnosis]},
        tasks={task.name: sum(task.name in case.probabilities for case in applicable(judged, task)) for task in tasks},
        difficult=sum(case.difficult for case in judged),
    )


def _reason(case: Prediction, tasks: Sequence[Task]) -> str:
    """Return why a case is excluded; empty if it is used."""
    if case.diagnosis is None:
        return HEALTHY
    if case.split not in JUDGED:
        return ""
    asked = [task for task in tasks if task.applies_to(case.diagnosis)]
    if not asked:
        return NO_TASK
    return "" if any(task.name in case.probabilities for task in asked) else NO_PROBABILITY


def _draw_split(panel: Axes, x: float, flow: SplitFlow, tasks: Sequence[Task]) -> None:
    judged = flow.split in JUDGED
    bottom = _box(panel, x, 3.7, [f"{flow.split.value.capitalize()}, n = {flow.cases}", _of_patients(flow.patients)])
    lines = [f"{'Judged' if judged else 'For classifiers'}, n = {flow.used}"]
    lines += [f"{diagnosis.printed} {count}" for diagnosis, count in flow.members.items()]
    lines += [f"of these difficult {flow.difficult}"] if flow.split is Split.TEST else []
    _arrow(panel, (x, bottom), (x, 2.35))
    if flow.left_out:
        _draw_left_out(panel, x, (bottom + 2.35) / 2, flow)
    bottom = _box(panel, x, 2.35, lines)
    if judged and flow.used:
        _arrow(panel, (x, bottom), (x, 1.05))
        lines = [f"{task.printed} {flow.tasks[task.name]}" for task in tasks]
        _box(panel, x, 1.05, ["Cases by task", *lines], width=WIDEST)


def _draw_left_out(panel: Axes, x: float, y: float, flow: SplitFlow) -> None:
    lines = [f"Left out, n = {sum(flow.left_out.values())}"]
    lines += [f"{reason} {count}" for reason, count in flow.left_out.items()]
    _arrow(panel, (x, y), (x + 0.25, y))
    _box(panel, x + 0.25 + ASIDE / 2, y + _height(lines) / 2, lines, width=ASIDE, line="--")


def _height(lines: Sequence[str]) -> float:
    return LINE * len(lines) + 0.14


def _box(panel: Axes, x: float, top: float, lines: Sequence[str], *, width: float = WIDE, line: str = "-") -> float:
    """Draw a box with lines of text, the first bold, centered at x; return the height of its lower edge."""
    height = _height(lines)
    panel.fill(
        [x - width / 2, x + width / 2, x + width / 2, x - width / 2],
        [top, top, top - height, top - height],
        facecolor="white",
        edgecolor=GREY,
        linestyle=line,
        linewidth=1,
        zorder=2,
    )
    for index, text in enumerate(lines):
        panel.text(
            x,
            top - 0.07 - LINE * (index + 0.5),
            text,
            ha="center",
            va="center",
            fontsize=8,
            fontweight="bold" if index == 0 else "normal",
            zorder=3,
        )
    return top - height


def _arrow(panel: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    style = {"arrowstyle": "-|>", "color": BLACK, "linewidth": 1, "shrinkA": 0, "shrinkB": 0}
    panel.annotate("", end, start, arrowprops=style, zorder=1)


def _of_patients(count: int) -> str:
    return "1 patient" if count == 1 else f"{count} patients"
