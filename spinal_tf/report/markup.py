"""The few HTML elements the pages are made of; every text passes through ``escape`` here, and only here."""

from __future__ import annotations

import base64
from collections.abc import Container, Iterable, Sequence
from html import escape

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""Content security policy: the browser itself refuses whatever is not in the file."""


Row = Sequence[str]
"""Texts of a table's row."""


def document(title: str, *parts: str, style: str) -> str:
    """A whole page; ``parts`` are HTML, ``style`` is CSS."""
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
    """An element that holds text."""
    return f"<{tag}{_class(css_class)}>{escape(words)}</{tag}>"


def section(title: str, *parts: str, name: str = "") -> str:
    """A part of the page under its heading; ``parts`` are HTML, ``name`` is what a link leads to."""
    start = f'<section id="{escape(name)}">' if name else "<section>"
    return "\n".join([start, element("h2", title), *parts, "</section>"])


def contents(links: Iterable[tuple[str, str]]) -> str:
    """A list of links to sections by their names and titles."""
    items = "".join(f'<li><a href="#{escape(name)}">{escape(title)}</a></li>' for name, title in links)
    return f'<nav aria-label="Contents"><ul>{items}</ul></nav>'


def image(alternative: str, data: bytes, media_type: str) -> str:
    """A picture within the page, with words for who cannot see it."""
    encoded = base64.b64encode(data).decode("ascii")
    return f'<img alt="{escape(alternative)}" src="data:{media_type};base64,{encoded}">'


def callout(title: str, sentences: Iterable[str]) -> str:
    """A list that must not be overlooked."""
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
    """A table of texts with row and column headings.

    Args:
        caption: above it.
        header: of the columns.
        rows: as many texts each.
        numeric: columns that are set flush right; None for all but the headings.
        headings: how many columns, from the first on, are headings of their row.
        name: of its kind, for the style.
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
    """A table of texts in blocks, each under a heading of its own, with a heading over neighbouring columns.

    Args:
        caption: above it.
        spans: headings and how many columns each is over, from the second column on.
        header: of the columns.
        blocks: heading and rows of each.
    """
    over = "".join(f'<th scope="colgroup" colspan="{columns}">{escape(words)}</th>' for words, columns in spans)
    head = "".join(f'<th scope="col">{escape(words)}</th>' for words in header)
    bodies = "\n".join(_block(title, rows, len(header)) for title, rows in blocks)
    return (
        f'<div class="wide"><table class="blocks"><caption>{escape(caption)}</caption>\n'
        f"<thead><tr><td></td>{over}</tr>\n<tr>{head}</tr></thead>\n{bodies}</table></div>"
    )


def folded(title: str, *parts: str) -> str:
    """Parts, which are HTML, that are shown when somebody opens the title."""
    return "\n".join(["<details>", element("summary", title), *parts, "</details>"])


def figure(picture: str, title: str, caption: str) -> str:
    """A picture, which is HTML, above its caption."""
    return f"<figure>{picture}<figcaption>{element('strong', f'{title}.')} {escape(caption)}</figcaption></figure>"


def bar_chart(caption: str, bars: Iterable[tuple[str, float, str]]) -> str:
    """A table whose second column draws the value, a share from 0 to 1; the third may hold a remark."""
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
