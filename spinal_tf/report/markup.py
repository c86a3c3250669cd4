"""HTML elements of the pages; every text passes through ``escape`` here, and only here."""

from __future__ import annotations

import base64
from collections.abc import Container, Iterable, Sequence
from html import escape

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""Content security policy: the browser refuses to load anything from outside the file."""


Row = Sequence[str]
"""Texts of one table row."""


def document(title: str, *parts: str, style: str) -> str:
    """Build a whole page; ``parts`` are HTML, ``style`` is CSS."""
    head = (
        f'<meta charset="utf-8">\n<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"{element('title', title)}\n<style>\n{style}</style>"
    )
    body = "\n".join(parts)
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n{head}\n</head>\n'
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def element(tag: str, words: str, *, css_class: str = "") -> str:
    """Build an element that holds text."""
    return f"<{tag}{_class(css_class)}>{escape(words)}</{tag}>"


def section(title: str, *parts: str, name: str = "") -> str:
    """Build a section with its heading; ``parts`` are HTML, ``name`` is the target of links."""
    start = f'<section id="{escape(name)}">' if name else "<section>"
    return "\n".join([start, element("h2", title), *parts, "</section>"])


def contents(links: Iterable[tuple[str, str]]) -> str:
    """Build a list of links to sections from their names and titles."""
    items = "".join(f'<li><a href="#{escape(name)}">{escape(title)}</a></li>' for name, title in links)
    return f'<nav aria-label="Contents"><ul>{items}</ul></nav>'


def image(alternative: str, data: bytes, media_type: str) -> str:
    """Embed a picture in the page, with alternative text."""
    encoded = base64.b64encode(data).decode("ascii")
    return f'<img alt="{escape(alternative)}" src="data:{media_type};base64,{encoded}">'


def callout(title: str, sentences: Iterable[str]) -> str:
    """Build a highlighted list that readers must not overlook."""
    items = "".join(element("li", sentence) for sentence in sentences)
    return f'<aside class="check">{element("h2", title)}<ul>{items}</ul></aside>'


def table(
    caption: str,
    header: Sequence[str],
    rows: Iterable[Row],
    *,
    numeric: Container[int] | None = None,
    headings: int = 1,
    name: str = "",
) -> str:
    """Build a table of texts with row and column headings.

    Args:
        caption: text above the table.
        header: headings of the columns.
        rows: rows with one text per column.
        numeric: right-aligned columns; None for all but the row headings.
        headings: number of leading columns that are row headings.
        name: kind of table, for the style.
    """

    def css_class(column: int) -> str:
        return "number" if (column >= headings if numeric is None else column in numeric) else ""

    def cell(column: int, words: str) -> str:
        if column < headings:
            return f'<th scope="row"{_class(css_class(column))}>{escape(words)}</th>'
        return element("td", words, css_class=css_class(column))

    head = "".join(f'<th scope="col"{_class(css_class(i))}>{escape(words)}</th>' for i, words in enumerate(header))
    body = "\n".join("<tr>" + "".join(cell(i, words) for i, words in enumerate(row)) + "</tr>" for row in rows)
    return (
        f'<div class="wide"><table{_class(name)}><caption>{escape(caption)}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )


def block_table(
    caption: str, spans: Sequence[tuple[str, int]], header: Sequence[str], blocks: Iterable[tuple[str, Sequence[Row]]]
) -> str:
    """Build a table of texts in blocks, each with its own heading, and with headings that span adjacent columns.

    Args:
        caption: text above the table.
        spans: headings and the number of columns that each spans, from the second column on.
        header: headings of the columns.
        blocks: heading and rows of each block.
    """
    over = "".join(f'<th scope="colgroup" colspan="{columns}">{escape(words)}</th>' for words, columns in spans)
    head = "".join(f'<th scope="col">{escape(words)}</th>' for words in header)
    bodies = "\n".join(_block(title, rows, len(header)) for title, rows in blocks)
    return (
        f'<div class="wide"><table class="blocks"><caption>{escape(caption)}</caption>\n'
        f"<thead><tr><td></td>{over}</tr>\n<tr>{head}</tr></thead>\n{bodies}</table></div>"
    )


def folded(title: str, *parts: str) -> str:
    """Build a collapsed section that opens on a click on its title; ``parts`` are HTML."""
    return "\n".join(["<details>", element("summary", title), *parts, "</details>"])


def figure(picture: str, title: str, caption: str) -> str:
    """Build a figure: ``picture``, which is HTML, above its caption."""
    return f"<figure>{picture}<figcaption>{element('strong', f'{title}.')} {escape(caption)}</figcaption></figure>"


def bar_chart(caption: str, bars: Iterable[tuple[str, float, str]]) -> str:
    """Build a table whose second column shows the value, a share from 0 to 1, as a bar; the third may hold a remark."""
    body = "\n".join(
        f'<tr><th scope="row">{escape(label)}</th><td class="number">{share:.2f}</td>'
        f'<td class="bar"><div><div style="width: {100 * share:.1f}%"></div></div></td>'
        f"{element('td', remark, css_class='called')}</tr>"
        for label, share, remark in bars
    )
    return f"<table><caption>{escape(caption)}</caption>\n<tbody>\n{body}\n</tbody></table>"


def _class(css_class: str) -> str:
    return f' class="{css_class}"' if css_class else ""


def _block(title: str, rows: Iterable[Row], columns: int) -> str:
    lines = "\n".join(
        f'<tr><th scope="row">{escape(row[0])}</th>{"".join(element("td", words) for words in row[1:])}</tr>'
        for row in rows
    )
    return f'<tbody>\n<tr><th scope="rowgroup" colspan="{columns}">{escape(title)}</th></tr>\n{lines}\n</tbody>'
