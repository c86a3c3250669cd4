"""The steps from a scan to a diagnosis (Figure 2A), with slices of a case where there are any."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.axes import Axes

from spinal_tf.report.study.pictures import CasePicture, enlarged, grey, with_heat, with_masks
from spinal_tf.report.study.style import BLACK, BLUE, GREY, SKY, VERMILLION, Drawing, Space, finished, grid

WIDTH, HEIGHT = 10.1, 4.85

BOX, PICTURE = 1.85, 1.15
"""Inches: width of a box, longest side of a slice above or below it."""

LINE = 0.165
"""Inches that a line of text takes."""

CAPTION = """\
First the networks outline lesions on every sagittal slice of the T2w scan, and a person checks the mask where the
program asks for it. Then the slices with lesion, with their mask, are classified: a first model tells tumours from
demyelinating lesions, a second and a third name the disease; Grad-CAM shows what counted for it.{shown}"""

SHOWN = " The slices are of one case, the model's mask red."

HEAT = " The heat map is that of the model that named the disease."


@dataclass(frozen=True, kw_only=True)
class Step:
    """A box: where its middle is, in inches from the lower left, and its text, the first line bold.

    Attributes:
        x: of the middle.
        y: of the middle.
        lines: of text.
        by: who does it: a network, a person, or plain computing.
    """

    x: float
    y: float
    lines: Sequence[str]
    by: str = "computing"


LOOKS = {"network": (SKY, BLUE, "-"), "person": ("#fbe3d3", VERMILLION, "--"), "computing": ("#f4f4f4", GREY, "-")}
"""Filling, edge and its line."""

SEGMENTED, CLASSIFIED = 3.25, 1.8
"""Heights of the two rows."""

STEPS = {
    "scan": Step(x=1.0, y=SEGMENTED, lines=("T2w scan", "sagittal, all slices")),
    "segmenter": Step(x=3.7, y=SEGMENTED, lines=("MultiResUNet", "2D, slice by slice"), by="network"),
    "mask": Step(x=6.4, y=SEGMENTED, lines=("Lesion mask", "on the grid of the scan")),
    "review": Step(x=9.1, y=SEGMENTED, lines=("Review", "accepted or corrected"), by="person"),
    "tiles": Step(x=1.0, y=CLASSIFIED, lines=("Tiles", "slices with lesion:", "T2w, T1c if used, mask")),
    "first": Step(x=3.7, y=CLASSIFIED, lines=("DenseNet121, model 1", "tumor or demyelinating"), by="network"),
    "tumor": Step(x=6.4, y=CLASSIFIED + 0.5, lines=("DenseNet121, model 2", "astrocytoma or ependymoma"), by="network"),
    "demyelinating": Step(x=6.4, y=CLASSIFIED - 0.5, lines=("DenseNet121, model 3", "MS or NMOSD"), by="network"),
    "gradcam": Step(x=9.1, y=CLASSIFIED, lines=("Diagnosis", "probabilities and Grad-CAM")),
}

ARROWS = (
    ("scan", "segmenter"),
    ("segmenter", "mask"),
    ("mask", "review"),
    ("tiles", "first"),
    ("first", "tumor"),
    ("first", "demyelinating"),
    ("tumor", "gradcam"),
    ("demyelinating", "gradcam"),
)
"""From left to right."""

TURN = 2.75
"""Height of the line from the end of the first row to the start of the second."""


def draw_pipeline(picture: CasePicture | None, note: str) -> Iterator[Drawing]:
    """The steps; above some of them a slice.

    Args:
        picture: of a case; None for the steps alone.
        note: see `style.finished`.
    """
    figure, ((panel,),) = grid([WIDTH], [HEIGHT], Space(left=0.1, right=0.1, above=0.3, below=0))
    panel.set_axis_off()
    for step in STEPS.values():
        _draw_box(panel, step)
    for start, end in ARROWS:
        _draw_arrow(panel, STEPS[start], STEPS[end])
    _draw_turn(panel, STEPS["review"], STEPS["tiles"])
    shown = ""
    if picture:
        _draw_pictures(panel, picture.cropped())
        shown = SHOWN if picture.heat is None else SHOWN + HEAT
    panel.set(xlim=(0, WIDTH), ylim=(0, HEIGHT))
    caption = CAPTION.format(shown=shown)
    yield finished("pipeline", "From the scan to the diagnosis", caption, figure, note)


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


def _draw_pictures(panel: Axes, picture: CasePicture) -> None:
    """Above the first row, below the second."""
    alone = replace(picture, reference=np.zeros_like(picture.reference))
    mask = np.repeat(
        255 * enlarged(picture.predicted, grey(picture).shape)[..., np.newaxis].astype(np.uint8), 3, axis=2
    )
    above, below = SEGMENTED + 0.33 + PICTURE / 2, CLASSIFIED - 0.4 - PICTURE / 2
    _draw_picture(panel, grey(picture), STEPS["scan"].x, above)
    _draw_picture(panel, with_masks(alone), STEPS["mask"].x, above)
    _draw_picture(panel, np.concatenate([grey(picture), mask], axis=1), STEPS["tiles"].x, below)
    if picture.heat is not None:
        _draw_picture(panel, with_heat(picture), STEPS["gradcam"].x, below)


def _draw_picture(panel: Axes, pixels: np.ndarray, x: float, y: float) -> None:
    height, width = pixels.shape[:2]
    scale = min(PICTURE / height, BOX / width)
    extent = (x - width * scale / 2, x + width * scale / 2, y - height * scale / 2, y + height * scale / 2)
    panel.imshow(pixels, extent=extent, aspect="auto", interpolation="nearest", zorder=2)
