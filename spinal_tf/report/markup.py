"""The few HTML elements the page is made of; every text passes through ``escape`` here, and only here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape


def element(tag: str, words: str, *, css_class: str = "") -> str:
    """An element that holds text."""
    return f"<{tag}{_class(css_class)}>{escape(words)}</{tag}>"


def section(title: str, *parts: str) -> str:
    """A part of the page under its heading; ``parts`` are HTML."""
    return "\n".join(["<section>", element("h2", title), *parts, "</section>"])


def callout(title: str, sentences: Iterable[str]) -> str:
    """A list that must not be overlooked."""
    items = "".join(element("li", sentence) for sentence in sentences)
    return f'<aside class="check">{element("h2", title)}<ul>{items}</ul></aside>'


def table(caption: str, header: Sequence[str], rows: Iterable[Sequence[str]], *, numeric_from: int = 1) -> str:
    """A table of texts with row and column headings; columns from ``numeric_from`` on are set flush right."""

    def css_class(column: int) -> str:
        return "number" if column >= numeric_from else ""

    head = "".join(f'<th scope="col"{_class(css_class(i))}>{escape(words)}</th>' for i, words in enumerate(header))
    body = "\n".join(
        f'<tr><th scope="row">{escape(row[0])}</th>'
        + "".join(element("td", words, css_class=css_class(i)) for i, words in enumerate(row[1:], start=1))
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="wide"><table><caption>{escape(caption)}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )


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
