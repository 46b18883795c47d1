"""Tables on terminals of any width: every character is there."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.cli.layout import Layout, terminal_width

WIDE = ("alpha", "b" * 30, "c" * 30, "d" * 30)
cells = st.text(st.characters(codec="ascii", min_codepoint=33), min_size=1, max_size=60)


def lines(heads: Sequence[str], rows: Sequence[Sequence[str]], width: int | None) -> list[str]:
    layout = Layout(heads, rows, width)
    return [line for row in (heads, *rows) for line in layout.row(row)]


def test_what_has_room_is_one_line() -> None:
    assert lines(("a", "b"), [("11", "2"), ("1", "22")], 80) == ["a   b", "11  2", "1   22"]
    assert len(lines(("a", "b", "c", "d"), [WIDE], 200)) == 2
    assert len(lines(("a", "b", "c", "d"), [WIDE], None)) == 2


def test_what_has_no_room_goes_on_below() -> None:
    assert lines(("a", "b", "c", "d"), [WIDE], 80)[2:] == [f"alpha  {WIDE[1]}  {WIDE[2]}", f"  {WIDE[3]}"]


def test_a_cell_that_no_line_holds_is_continued() -> None:
    assert lines(("x",), [("y" * 25,)], 10)[1:] == ["y" * 10, "    " + "y" * 6, "    " + "y" * 6, "    " + "y" * 3]


@given(st.lists(st.tuples(cells, cells, cells, cells), max_size=4), st.integers(10, 200))
def test_nothing_is_cut_and_nothing_is_wider(rows: list[tuple[str, ...]], width: int) -> None:
    told = lines(("a", "b", "c", "d"), rows, width)
    assert max(map(len, told)) <= width
    everything = "".join("".join(row) for row in (("a", "b", "c", "d"), *rows))
    assert "".join(told).replace(" ", "") == everything


@pytest.mark.parametrize(("columns", "width"), [("80", 80), ("0", None), ("wide", None), ("", None)])
def test_the_width_is_the_terminal_s_and_a_pipe_has_none(
    monkeypatch: pytest.MonkeyPatch, columns: str, width: int | None
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert terminal_width() == width
