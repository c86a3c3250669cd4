"""An HTML page as tests look at it."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"meta", "img"}
"""Elements without an end."""


class Page(HTMLParser):
    """Elements, words and table rows of a page; fails where elements are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.places: list[str] = []
        self.rows: list[list[str]] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, {name: value or "" for name, value in attributes}))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open and self._open[-1] != "style" and data.strip():
            self.words.append(data.strip())
            self.places.append(self._open[-1])
        if {"td", "th"} & set(self._open):
            self.rows[-1][-1] += data

    @property
    def tags(self):
        """The name of every element."""
        return [tag for tag, _ in self.elements]

    @property
    def attributes(self):
        """Element, name and value of every attribute."""
        return [(tag, name, value) for tag, attributes in self.elements for name, value in attributes.items()]

    def all(self, tag):
        """The attributes of elements of a kind."""
        return [attributes for name, attributes in self.elements if name == tag]

    def of(self, tag):
        """The words within elements of a kind."""
        return [words for words, place in zip(self.words, self.places, strict=True) if place == tag]

    def row(self, heading):
        """The one row that begins with these words."""
        (found,) = [row for row in self.rows if row[0] == heading]
        return found
