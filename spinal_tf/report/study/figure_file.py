"""A figure of an evaluation, as it lies on the disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


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
