from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from vortex.app.dashboard import html
from vortex.app.dashboard.cells import Cell, Table, columns, row


class Reader(HTMLParser):
    """What a browser would see: tags, and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002  # the base's
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def table(text: str, *, below: str | None = None) -> Table:
    lines = None if below is None else (below,)
    return Table(
        columns=columns("name", ">figure", ""), rows=(row(Cell(text, "bad", text), "1", "why", key=text, below=lines),)
    )


@given(st.text(min_size=1))
def test_no_text_becomes_a_tag(text: str) -> None:
    harmless, hostile = (Reader(html.table(table(each, below=each))) for each in ("x", text))
    assert hostile.tags == harmless.tags
    assert Reader(html.facts(((text, Cell(text, text, text)),))).tags == ["dl", "div", "dt", "dd", "span"]
    assert Reader(html.lines((text,))).tags == ["p"]
    assert Reader(html.heading(text)).tags == ["h2"]


def test_a_table() -> None:
    made = html.table(table("<b>", below="because"), stacked=True)
    assert '<table class="stacked">' in made
    assert '<td class="right" data-name="figure"><span>1</span></td>' in made
    assert '<span class="bad" title="&lt;b&gt;">&lt;b&gt;</span>' in made
    assert '<button type="button" data-key="&lt;b&gt;" aria-expanded="true">why</button>' in made
    assert '<tr class="below"><td colspan="3"><p>because</p></td></tr>' in made
    assert 'aria-expanded="false"' in html.table(table("x"))
    assert html.table(Table(columns=(), rows=(), empty="no <row>")) == '<p class="empty">no &lt;row&gt;</p>'
