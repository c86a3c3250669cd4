"""Representative cases, chosen by a rule, with both masks and all diagnoses (Figure 2B)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest

from matplotlib.axes import Axes

from spinal_tf.evaluation.evaluation import Evaluation
from spinal_tf.evaluation.predictions import Prediction
from spinal_tf.evaluation.scored import ScoredTask
from spinal_tf.report.study.mask_sizes import mask_sizes, reported
from spinal_tf.report.study.pictures import LOOKS, CasePicture, draw_outlines, grey, with_masks
from spinal_tf.report.study.style import YELLOW, Drawing, Space, finished, grid, legend_below
from spinal_tf.taxonomy import Diagnosis, Task, tree

RIGHT, WRONG = "\N{CHECK MARK}", "\N{BALLOT X}"

PICTURE_INCHES, TEXT_INCHES = 2.2, 1.9

CAPTION = """\
Of each disease the case with the median Dice (the lower of two; of equals the first by name), not a choice by looks.
The slice with most of the reference, plain and with masks. Red: marked by the model alone; green: by the manual
reference alone; yellow: by both. Outlines: solid the model's mask, dashed the reference. Diagnoses of the model, at its
operating points, and of the raters, right ones ticked."""


@dataclass(frozen=True, kw_only=True)
class Called:
    """A called class and its diseases."""

    name: str
    members: frozenset[Diagnosis]


def representative_cases(evaluation: Evaluation) -> dict[Diagnosis, Prediction]:
    """Return the case with the median Dice for each disease, from the test, or from validation if there is no test.

    Cases without Dice are excluded; for an even number, the lower of the two middle cases is taken.
    """
    _, cases = reported(evaluation.predictions)
    by_name = {case.name: case for case in cases}
    sizes = sorted((size.dice, size.name, size.diagnosis) for size in mask_sizes(cases) if size.dice == size.dice)
    chosen = {}
    for diagnosis in tree().diagnoses:
        names = [name for _, name, one in sizes if one == diagnosis]
        if names:
            chosen[diagnosis] = by_name[names[(len(names) - 1) // 2]]
    return chosen


def called(case: Prediction, tasks: Mapping[str, ScoredTask]) -> Called | None:
    """Return the class that the cascade calls for a case; None if it stops at the first task.

    The cascade stops at a task without a probability for the case, or with an operating point chosen on the case's own
    split; the class called before is returned.
    """
    found, members = None, frozenset(tree().diagnoses)
    while (task := tree().splitting(members)) and (step := _called(case, task, tasks)):
        found, members = step, step.members
    return found


def draw_cases(evaluation: Evaluation, pictures: Mapping[str, CasePicture], note: str) -> Iterator[Drawing]:
    """Draw the cases of `representative_cases` that have a picture, two in a row.

    Args:
        evaluation: cases, calls and raters.
        pictures: slices by name of the case.
        note: see `style.finished`.
    """
    case_set, cases = reported(evaluation.predictions)
    dice = {size.name: size.dice for size in mask_sizes(cases)}
    shown = [case for case in representative_cases(evaluation).values() if case.name in pictures]
    if not shown:
        return
    across = min(2, len(shown))
    widths = [PICTURE_INCHES, PICTURE_INCHES, TEXT_INCHES] * across
    heights = [PICTURE_INCHES] * -(-len(shown) // across)
    figure, panels = grid(widths, heights, Space(left=0.15, across=0.08, down=0.12, above=0.45, below=0.5))
    blocks = panels.reshape(-1, 3)
    for block, case in zip_longest(blocks, shown):
        for panel in block:
            panel.set_axis_off()
        if case:
            _draw_case(block, case, evaluation, pictures[case.name].cropped(), dice[case.name])
    for colour, line, name in LOOKS:
        panels[-1, 0].plot([], [], color=colour, linestyle=line, label=name)
    panels[-1, 0].plot([], [], "s", color=YELLOW, markersize=9, label="both")
    legend_below(panels[-1, 0], 0.12, columns=3)
    title = f"Representative {case_set.term} cases"
    yield finished("cases", title, CAPTION, figure, note)


def _called(case: Prediction, task: Task, tasks: Mapping[str, ScoredTask]) -> Called | None:
    probability = case.probabilities.get(task.name)
    if probability is None or task.name not in tasks or tasks[task.name].point.chosen_on is case.split:
        return None
    positive = probability >= tasks[task.name].point.value
    return Called(name=task.classes[positive], members=task.positive if positive else task.negative)


def _draw_case(
    block: Iterable[Axes], case: Prediction, evaluation: Evaluation, picture: CasePicture, dice: float
) -> None:
    plain, masked, words = block
    for panel, pixels in ((plain, grey(picture)), (masked, with_masks(picture))):
        height, width = pixels.shape[:2]
        panel.imshow(pixels, extent=(0, width, height, 0), interpolation="nearest")
    draw_outlines(masked, picture, (0, width, height, 0))
    masked.set(xlim=(0, width), ylim=(height, 0))
    lines = case_lines(case, evaluation, dice)
    step = min(0.1, 0.97 / len(lines))
    for index, (line, bold) in enumerate(lines):
        words.text(
            0.03,
            0.97 - step * index,
            line,
            va="top",
            fontsize=min(8.5, 0.75 * 72 * PICTURE_INCHES * step),
            fontweight="bold" if bold else "normal",
            transform=words.transAxes,
        )


def case_lines(case: Prediction, evaluation: Evaluation, dice: float) -> list[tuple[str, bool]]:
    """Return the lines beside a case, and whether each is bold: diagnosis, Dice, calls of the model and each rater."""
    lines = [(case.diagnosis.printed if case.diagnosis else "", True), (f"Dice {dice:.2f}", False)]
    model = called(case, evaluation.tasks)
    if model:
        name = tree().term(model.name)
        lines.append((f"Model: {name} {_sign(case.diagnosis in model.members)}", False))
    for rater, diagnosis in case.raters.items():
        if diagnosis:
            name, number = diagnosis.term, rater.removeprefix("rater_")
            lines.append((f"Rater {number}: {name} {_sign(diagnosis == case.diagnosis)}", False))
    return lines


def _sign(right: bool) -> str:
    return RIGHT if right else WRONG
