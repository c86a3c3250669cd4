"""Tables as HTML."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from spinal_tf.tables.table_model import Table


def html(table: Table, *, name: str = "") -> Markup:
    """Return a table with row and column headings.

    Args:
        table: table to show.
        name: kind of table, for the style.
    """
    return Markup(html_templates("spinal_tf.tables").get_template("table.html").render(table=table, name=name))


@cache
def html_templates(package: str) -> Environment:
    """Return the HTML templates of a package; they escape every word that is not itself HTML from a template."""
    return Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
