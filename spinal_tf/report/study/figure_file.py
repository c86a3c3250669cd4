"""Figures of an evaluation, as they lie on the disk."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from spinal_tf.errors import OutputError

FOLDER = "figures"

FORMS = (".svg", ".png")

NAMES = (
    "flow",
    "pipeline",
    "cases",
    *(f"roc-{name}" for name in ("validation", "test", "difficult")),
    *(f"{kind}-{name}" for kind in ("reliability", "decision") for name in ("validation", "test")),
    "volumes",
    "dice",
    "subgroups",
    "learning-curve",
)
"""All there may be, in the order in which a reader wants them."""


@dataclass(frozen=True, kw_only=True)
class FigureFile:
    """A figure in two forms.

    Attributes:
        name: of the files without ending, such as ``roc``.
        title: a few words.
        caption: what is seen: cases, intervals, what the marks mean.
        svg: the drawing, with its fonts as paths.
        png: the same as an image.
    """

    name: str
    title: str
    caption: str
    svg: Path
    png: Path


def existing_figures(out: Path) -> list[Path]:
    """Files of figures in the folder of an evaluation."""
    paths = (out / FOLDER / f"{name}{form}" for name in NAMES for form in FORMS)
    return [path for path in paths if path.exists()]


def remove_figures(out: Path, *, but: Collection[str] = ()) -> None:
    """Remove the figures of an earlier evaluation; nothing else in their folder.

    Args:
        out: folder of the evaluation.
        but: names of figures that stay.

    Raises:
        OutputError: the folder cannot be written to.
    """
    for path in existing_figures(out):
        if path.stem in but:
            continue
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"{path}: cannot be removed ({error.strerror}); choose another folder") from error
