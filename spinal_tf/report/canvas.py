"""Arrange pictures and lines of text on a dark background, as in an image viewer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

GROUND = (17, 17, 17)
BRIGHT, FAINT, HALO = (235, 235, 235), (170, 170, 170), (0, 0, 0)
SMALL, NORMAL, LARGE = 14, 16, 26
"""Font sizes in pixels."""

MARK, BAR = 20, 32
"""Pixels along each edge for the directions, and along the lower edge for the scale bar."""

BAR_LENGTHS_MM = (1, 2, 5, 10, 20, 50, 100)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def beside(pictures: Sequence[Image.Image], gap: int) -> Image.Image:
    """Place pictures from left to right, upper edges aligned."""
    sheet = Image.new(
        "RGB", (sum(p.width for p in pictures) + gap * (len(pictures) - 1), max(p.height for p in pictures)), GROUND
    )
    x = 0
    for picture in pictures:
        sheet.paste(picture, (x, 0))
        x += picture.width + gap
    return sheet


def below(pictures: Sequence[Image.Image], gap: int) -> Image.Image:
    """Place pictures from top to bottom, left edges aligned."""
    sheet = Image.new(
        "RGB", (max(p.width for p in pictures), sum(p.height for p in pictures) + gap * (len(pictures) - 1)), GROUND
    )
    y = 0
    for picture in pictures:
        sheet.paste(picture, (0, y))
        y += picture.height + gap
    return sheet


def padded(picture: Image.Image, edge: int) -> Image.Image:
    """Add an empty edge around a picture."""
    sheet = Image.new("RGB", (picture.width + 2 * edge, picture.height + 2 * edge), GROUND)
    sheet.paste(picture, (edge, edge))
    return sheet


def text(words: str, width: int, *, size: int = NORMAL, colour: tuple[int, int, int] = BRIGHT) -> Image.Image:
    """Draw one line of words as a picture of ``width`` pixels; longer text is cut in the middle with an ellipsis."""
    picture = Image.new("RGB", (width, round(1.4 * size)), GROUND)
    ImageDraw.Draw(picture).text((0, 0), shortened(words, width, size=size), font=_font(size), fill=colour)
    return picture


def shortened(words: str, width: float, *, size: int = NORMAL) -> str:
    """Cut words in the middle with an ellipsis if they are wider than ``width`` pixels."""
    font, cut = _font(size), words
    for keep in range(len(words) - 1, 0, -1):
        if font.getlength(cut) <= width:
            break
        cut = words[: keep - keep // 2] + "…" + words[len(words) - keep // 2 :]
    return cut


def wrapped(words: str, width: float, *, size: int = NORMAL) -> list[str]:
    """Break words into lines of at most ``width`` pixels."""
    lines = [""]
    for word in words.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and _font(size).getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def write_directions(picture: Image.Image) -> None:
    """Write the directions at the edges of a sagittal plane.

    Rows run superior to inferior, columns anterior to posterior.
    """
    width, height = picture.size
    _write(picture, (5, height / 2), "A", "lm")
    _write(picture, (width - 5, height / 2), "P", "rm")
    _write(picture, (width / 2, 4), "S", "ma")
    _write(picture, (width / 2, height - 4), "I", "md")


def write_names(picture: Image.Image, names: Sequence[tuple[str, float, float]]) -> None:
    """Write names to the left of places, from top to bottom; one without room below the name before is left out.

    Args:
        picture: picture to write on; its edges with the directions stay free.
        names: each name with the x and y of its place in pixels; names whose y is outside are left out.
    """
    free, height = -math.inf, 1.2 * SMALL
    for name, x, y in names:
        if max(free, MARK) <= y - height / 2 and y + height / 2 <= picture.height - BAR:
            _write(picture, (max(x - 5, MARK + _font(SMALL).getlength(name)), y), name, "rm")
            free = y + height / 2


def draw_scale_bar(picture: Image.Image, pixels_per_mm: float) -> None:
    """Draw a bar of a round length with its label in the lower left corner."""
    length_mm = bar_length_mm(picture.width / pixels_per_mm)
    left, bottom, length = 9, picture.height - 9, round(length_mm * pixels_per_mm)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((left - 1, bottom - 4, left + length, bottom + 1), fill=HALO)
    draw.rectangle((left, bottom - 3, left + length - 1, bottom), fill=BRIGHT)
    _write(picture, (left, bottom - 7), bar_label(length_mm), "ld")


def draw_frame(picture: Image.Image, box: tuple[float, float, float, float]) -> None:
    """Draw a thin rectangle; the box is left, top, right, bottom in pixels."""
    ImageDraw.Draw(picture).rectangle(box, outline=BRIGHT, width=2)


def bar_length_mm(width_mm: float) -> int:
    """Return the longest round length that is at most a third of a picture's width."""
    return max((length for length in BAR_LENGTHS_MM if length <= width_mm / 3), default=BAR_LENGTHS_MM[0])


def bar_label(length_mm: int) -> str:
    """Format a length in cm if that is a whole number, else in mm."""
    return f"{length_mm // 10} cm" if length_mm % 10 == 0 else f"{length_mm} mm"


def picture(pixels: np.ndarray) -> Image.Image:
    """Turn RGB uint8 pixels into a picture to draw on."""
    return Image.fromarray(np.ascontiguousarray(pixels))


def _write(picture: Image.Image, place: tuple[float, float], words: str, anchor: str) -> None:
    draw = ImageDraw.Draw(picture)
    draw.text(place, words, font=_font(SMALL), fill=BRIGHT, anchor=anchor, stroke_width=2, stroke_fill=HALO)
