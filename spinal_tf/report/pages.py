"""Pages from templates: every word is escaped, nothing is loaded, nothing runs."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from importlib.resources import files

from markupsafe import Markup

from spinal_tf.tables.html_table import html_templates

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""Content security policy: the browser refuses to load anything from outside the file."""

PACKAGE = "spinal_tf.report"

Parts = Iterable[Markup]
Sections = Mapping[str, Parts]
"""Parts of each section by its title."""


def page(*, styles: Iterable[str] = ("page.css",), contents: bool = False, **words: str | Parts | Sections) -> str:
    """Return a page.

    Args:
        styles: CSS files of this package.
        contents: whether to list the sections at the top.
        words: ``title`` of the window, ``notice``, ``heading``, ``introduction`` (parts before the first section) and
            ``sections``.
    """
    style = "".join(files(PACKAGE).joinpath(name).read_text(encoding="utf-8") for name in styles)
    template = html_templates(PACKAGE).get_template("page.html")
    return template.render(policy=POLICY, style=style, contents=contents, **words)


def part(kind: str, *words: object) -> Markup:
    """Return a part of a page: one of the macros in ``templates/parts.html`` with its words."""
    return Markup(getattr(html_templates(PACKAGE).get_template("parts.html").module, kind)(*words))


def embedded(data: bytes, media_type: str) -> str:
    """Return the address of a picture that is part of the page."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"
