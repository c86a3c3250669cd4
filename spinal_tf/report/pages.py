"""HTML pages from templates: every word is escaped by Jinja2, nothing is loaded, nothing runs."""

from __future__ import annotations

import base64
from functools import cache
from importlib.resources import files

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""Content security policy: the browser refuses to load anything from outside the file."""


def page(template: str, *, title: str, styles: tuple[str, ...] = ("page.css",), **words: object) -> str:
    """Return a page.

    Args:
        template: name of a file in ``templates``.
        title: title of the page.
        styles: CSS files of this package.
        words: values that the template asks for.
    """
    style = "".join(files("spinal_tf.report").joinpath(name).read_text(encoding="utf-8") for name in styles)
    return _environment().get_template(template).render(title=title, style=style, policy=POLICY, **words)


def embedded(data: bytes, media_type: str) -> str:
    """Return the address of a picture that is part of the page."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"


@cache
def _environment() -> Environment:
    return Environment(
        loader=ChoiceLoader([PackageLoader("spinal_tf.report"), PackageLoader("spinal_tf.tables")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
