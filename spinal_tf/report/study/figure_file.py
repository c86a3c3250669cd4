"""Figures of an evaluation as files."""

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
"""Names of all possible figures, in reading order."""


@dataclass(frozen=True, kw_only=True)
class FigureFile:
    """A figure in two forms.

    Attributes:
        name: file name without extension, such as ``roc``.
        title: short title.
        caption: description of cases, intervals and marks.
        svg: SVG file, with its text as paths.
        png: PNG file of the same figure.
    """

    name: str
    title: str
    caption: str
    svg: Path
    png: Path


def existing_figures(out: Path) -> list[Path]:
    """Return the figure files in the folder of an evaluation."""
    paths = (out / FOLDER / f"{name}{form}" for name in NAMES for form in FORMS)
    return [path for path in paths if path.exists()]


def remove_figures(out: Path, *, but: Collection[str] = ()) -> None:
    """Remove the figures of an earlier evaluation and keep all other files in their folder.

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
