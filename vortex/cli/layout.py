"""Rows and columns as lines of text: a row that is wider than the terminal goes on, indented, on the next line.

Nothing is ever cut: what a narrow terminal has no room for beside the others stands below them.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Sequence

GAP, INDENT = 2, 2


def terminal_width() -> int | None:
    """Columns of the terminal, or as COLUMNS says; None where a file or another program reads: nothing is folded."""
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given) > 0:
        return int(given)
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


class Layout:
    """How wide each column is, and on which line of a row it stands.

    Args:
        heads: Names of the columns.
        rows: Those known so far, of as many cells; a later, wider cell only pushes its neighbours.
        width: Columns of the terminal; None for lines of any length.
    """

    def __init__(self, heads: Sequence[str], rows: Sequence[Sequence[str]], width: int | None) -> None:
        self._heads = heads
        self._width = width
        self._sizes = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
        self._lines = self._fold()

    def head(self) -> Iterator[str]:
        """The names of the columns."""
        return self.row(self._heads)

    def row(self, cells: Sequence[str]) -> Iterator[str]:
        """One row: a line, or as many as it takes; the last cell of a line that is too long for it is continued."""
        for number, columns in enumerate(self._lines):
            padded = (cells[column].ljust(self._sizes[column]) for column in columns)
            text = " " * (INDENT * (number > 0)) + (" " * GAP).join(padded).rstrip()
            yield from self._cut(text, number > 0)

    def _fold(self) -> list[list[int]]:
        """Which columns stand on which line."""
        lines: list[list[int]] = [[]]
        used = 0
        for column, size in enumerate(self._sizes):
            if lines[-1] and self._width is not None and used + GAP + size > self._width:
                lines.append([])
                used = INDENT - GAP
            used += size + (GAP if lines[-1] or len(lines) > 1 else 0)
            lines[-1].append(column)
        return lines

    def _cut(self, text: str, continued: bool) -> Iterator[str]:  # noqa: FBT001  # said by name in its only use
        if self._width is None or len(text) <= self._width:
            yield text
            return
        yield text[: self._width]
        room = max(1, self._width - 2 * INDENT)
        rest = text[self._width :]
        lead = " " * (2 * INDENT if continued or self._width > 2 * INDENT else 0)
        yield from (lead + rest[start : start + room] for start in range(0, len(rest), room))
