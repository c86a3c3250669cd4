"""The steps from a scan to a diagnosis (Figure 2A), with slices of a case if available."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.axes import Axes

from spinal_tf.report.study.pictures import CasePicture, enlarged, grey, with_heat, with_masks
from spinal_tf.report.study.style import BLACK, BLUE, GREY, SKY, VERMILLION, Drawing, Space, finished, grid
from spinal_tf.taxonomy import Diagnosis, Task, tree

HEIGHT = 4.85

BOX, PICTURE = 1.85, 1.15
"""Width of a box, and longest side of a slice above or below it, in inches."""

LINE = 0.165
"""Height of a line of text in inches."""

CAPTION = """\
First the networks outline lesions on every sagittal slice of the T2w scan, and a person checks the mask where the
program asks for it. Then the slices with lesion, with their mask, are classified: a first model distinguishes
{classes}, the others the diseases within a class; Grad-CAM shows what counted for the diagnosis.{shown}"""

SHOWN = " The slices are of one case, the model's mask red."

HEAT = " The heat map is that of the model that named the disease."


@dataclass(frozen=True, kw_only=True)
class Step:
    """A box with text, the first line bold.

    Attributes:
        x: middle of the box, inches from the left.
        y: middle of the box, inches from the bottom.
        lines: lines of text.
        by: who does the step: ``network``, ``person`` or ``computing``.
    """

    x: float
    y: float
    lines: Sequence[str]
    by: str = "computing"


LOOKS = {"network": (SKY, BLUE, "-"), "person": ("#fbe3d3", VERMILLION, "--"), "computing": ("#f4f4f4", GREY, "-")}
"""Fill color, edge color and line style of boxes."""

SEGMENTED, CLASSIFIED = 3.25, 1.8
"""Heights of the two rows in inches."""

STEPS = {
    "scan": Step(x=1.0, y=SEGMENTED, lines=("T2w scan", "sagittal, all slices")),
    "segmenter": Step(x=3.7, y=SEGMENTED, lines=("MultiResUNet", "2D, slice by slice"), by="network"),
    "mask": Step(x=6.4, y=SEGMENTED, lines=("Lesion mask", "on the grid of the scan")),
    "review": Step(x=9.1, y=SEGMENTED, lines=("Review", "accepted or corrected"), by="person"),
    "tiles": Step(x=1.0, y=CLASSIFIED, lines=("Tiles", "slices with lesion:", "T2w, T1c if used, mask")),
}
"""Steps that are the same for every tree of diagnoses."""

COLUMN = 2.7
"""Distance from a box to the next one on its right in inches."""

ARROWS = (("scan", "segmenter"), ("segmenter", "mask"), ("mask", "review"))
"""Arrows from left to right in the first row."""

TURN = 2.75
"""Height in inches of the line from the end of the first row to the start of the second."""

HIGHEST = 0.6
"""Maximum height in inches of a task's box above the second row; it stays below that line."""


def draw_pipeline(picture: CasePicture | None, note: str) -> Iterator[Drawing]:
    """Draw the steps, some with a slice above or below.

    Args:
        picture: slice of a case; None for the steps alone.
        note: see `style.finished`.
    """
    classifiers = classifier_steps()
    last = max(step.x for step in classifiers.values())
    diagnosis = Step(x=last + COLUMN, y=CLASSIFIED, lines=("Diagnosis", "probabilities and Grad-CAM"))
    width = diagnosis.x + 1
    figure, ((panel,),) = grid([width], [HEIGHT], Space(left=0.1, right=0.1, above=0.3, below=0))
    panel.set_axis_off()
    for step in (*STEPS.values(), *classifiers.values(), diagnosis):
        _draw_box(panel, step)
    for start, end in ARROWS:
        _draw_arrow(panel, STEPS[start], STEPS[end])
    _draw_turn(panel, STEPS["review"], STEPS["tiles"])
    _draw_cascade(panel, classifiers, diagnosis)
    shown = ""
    if picture:
        _draw_pictures(panel, picture.cropped(), diagnosis)
        shown = SHOWN if picture.heat is None else SHOWN + HEAT
    panel.set(xlim=(0, width), ylim=(0, HEIGHT))
    first = tree().splitting(frozenset(tree().diagnoses))
    classes = " and ".join(map(tree().term, first.classes)) if first else ""
    caption = CAPTION.format(classes=classes, shown=shown)
    yield finished("pipeline", "From the scan to the diagnosis", caption, figure, note)


def classifier_steps() -> dict[Task, Step]:
    """Place a box for each task: a column for each level of the tree, at the mean height of its diagnoses."""
    steps: dict[Task, Step] = {}
    level = [frozenset(tree().diagnoses)]
    below = _from_above(level[0])
    apart = min(0.5, HIGHEST / max(len(below) / 2 - 1, 1))
    x = STEPS["tiles"].x
    while tasks := [task for members in level if (task := tree().splitting(members))]:
        x += COLUMN
        for task in tasks:
            title = f"DenseNet121, model {tree().tasks.index(task) + 1}"
            lines = (title, " or ".join(map(tree().term, task.classes)))
            middle = float(np.mean([below.index(diagnosis) for diagnosis in task.members]))
            y = CLASSIFIED + apart * ((len(below) - 1) / 2 - middle)
            steps[task] = Step(x=x, y=y, lines=lines, by="network")
        level = [members for task in tasks for members in (task.negative, task.positive)]
    return steps


def _from_above(members: frozenset[Diagnosis]) -> list[Diagnosis]:
    """List the diagnoses of a class from top to bottom, each negative branch before the positive one."""
    task = tree().splitting(members)
    return [*_from_above(task.negative), *_from_above(task.positive)] if task else [*members]


def _draw_cascade(panel: Axes, classifiers: dict[Task, Step], diagnosis: Step) -> None:
    """Draw arrows from the tiles to the first task, and from each task to the next tasks or to the diagnosis."""
    _draw_arrow(panel, STEPS["tiles"], next(iter(classifiers.values())))
    for task, step in classifiers.items():
        following = [tree().splitting(members) for members in (task.negative, task.positive)]
        for end in dict.fromkeys(classifiers[one] if one else diagnosis for one in following):
            _draw_arrow(panel, step, end)


def _height(step: Step) -> float:
    return LINE * len(step.lines) + 0.16


def _draw_box(panel: Axes, step: Step) -> None:
    filling, edge, line = LOOKS[step.by]
    height = _height(step)
    left, bottom = step.x - BOX / 2, step.y - height / 2
    panel.fill(
        [left, left + BOX, left + BOX, left],
        [bottom, bottom, bottom + height, bottom + height],
        facecolor=filling,
        edgecolor=edge,
        linestyle=line,
        alpha=0.35 if step.by == "network" else 1,
        zorder=2,
    )
    for index, text in enumerate(step.lines):
        y = bottom + height - 0.08 - LINE * (index + 0.5)
        weight = "normal" if index else "bold"
        panel.text(step.x, y, text, ha="center", va="center", fontsize=8, fontweight=weight, zorder=3)


def _draw_arrow(panel: Axes, start: Step, end: Step) -> None:
    _arrow(panel, (start.x + BOX / 2, start.y), (end.x - BOX / 2, end.y))


def _draw_turn(panel: Axes, start: Step, end: Step) -> None:
    below = start.y - _height(start) / 2
    panel.plot([start.x, start.x, end.x], [below, TURN, TURN], color=BLACK, linewidth=1, solid_joinstyle="miter")
    _arrow(panel, (end.x, TURN), (end.x, end.y + _height(end) / 2))


def _arrow(panel: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    style = {"arrowstyle": "-|>", "color": BLACK, "linewidth": 1, "shrinkA": 0, "shrinkB": 0}
    panel.annotate("", end, start, arrowprops=style, zorder=1)


def _draw_pictures(panel: Axes, picture: CasePicture, diagnosis: Step) -> None:
    """Draw slices above the first row and below the second."""
    alone = replace(picture, reference=np.zeros_like(picture.reference))
    mask = np.repeat(
        255 * enlarged(picture.predicted, grey(picture).shape)[..., np.newaxis].astype(np.uint8), 3, axis=2
    )
    above, below = SEGMENTED + 0.33 + PICTURE / 2, CLASSIFIED - 0.4 - PICTURE / 2
    _draw_picture(panel, grey(picture), STEPS["scan"].x, above)
    _draw_picture(panel, with_masks(alone), STEPS["mask"].x, above)
    _draw_picture(panel, np.concatenate([grey(picture), mask], axis=1), STEPS["tiles"].x, below)
    if picture.heat is not None:
        _draw_picture(panel, with_heat(picture), diagnosis.x, below)


def _draw_picture(panel: Axes, pixels: np.ndarray, x: float, y: float) -> None:
    height, width = pixels.shape[:2]
    scale = min(PICTURE / height, BOX / width)
    extent = (x - width * scale / 2, x + width * scale / 2, y - height * scale / 2, y + height * scale / 2)
    panel.imshow(pixels, extent=extent, aspect="auto", interpolation="nearest", zorder=2)
