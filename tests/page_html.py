"""A page of ``audiofeat report``, read without a browser."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

from typing_extensions import Self

_CELLS = {"td", "th", "dt", "dd"}
_WITHOUT_END = {"br", "img", "input", "link", "meta"}


class PageHtml(HTMLParser):
    """The elements and the text of a page; one whose elements do not end in order is refused."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.headings: list[int] = []
        self.text = ""
        self._open: list[str] = []

    @classmethod
    def of(cls, path: Path) -> Self:
        page = cls()
        page.feed(path.read_text("utf-8"))
        page.close()
        assert page._open == []
        return page

    def values(self, tag: str, attribute: str) -> list[str]:
        """An attribute of all elements of a kind that have it."""
        return [values[attribute] for name, values in self.elements if name == tag and attribute in values]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag in ("h1", "h2", "h3"):
            self.headings.append(int(tag[1]))
        if tag not in _WITHOUT_END:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        if tag in _CELLS:
            self.text += " "

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] not in ("script", "style"):
            self.text += data
