"""Tables as HTML. Every text is escaped here, whoever wrote it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from vortex.app.dashboard.cells import Cell, Column, Row, Table


def table(shown: Table, *, stacked: bool = False) -> str:
    """A table; a stacked one becomes a list of cards where the window is narrow."""
    if not shown.rows:
        return f'<p class="empty">{escape(shown.empty)}</p>'
    kind = "stacked" if stacked else "plain"
    head = "".join([f"<th{_right(column)}>{escape(column.name)}</th>" for column in shown.columns])
    body = "".join([_row(each, shown.columns) for each in shown.rows])
    return (
        f'<div class="scroll"><table class="{kind}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def facts(pairs: Sequence[tuple[str, Cell]]) -> str:
    """Names with one figure each."""
    return f"<dl>{''.join([f'<div><dt>{escape(name)}</dt><dd>{_inner(cell)}</dd></div>' for name, cell in pairs])}</dl>"


def lines(texts: Sequence[str]) -> str:
    """One paragraph each."""
    return "".join([f"<p>{escape(text)}</p>" for text in texts])


def _row(shown: Row, columns: Sequence[Column]) -> str:
    pairs = zip(shown.cells, columns, strict=True)
    fields = "".join([_field(cell, column, shown) for cell, column in pairs])
    made = f"<tr>{fields}</tr>"
    if shown.below is not None:
        made += f'<tr class="below"><td colspan="{len(columns)}">{lines(shown.below)}</td></tr>'
    return made


def _field(cell: Cell, column: Column, shown: Row) -> str:
    if shown.key and not column.name:
        expanded = "true" if shown.below is not None else "false"
        button = f'<button type="button" data-key="{escape(shown.key)}" aria-expanded="{expanded}">'
        return f"<td>{button}{escape(cell.text)}</button></td>"
    return f'<td{_right(column)} data-name="{escape(column.name)}">{_inner(cell)}</td>'


def _inner(cell: Cell) -> str:
    tone = f' class="{escape(cell.tone)}"' if cell.tone else ""
    title = f' title="{escape(cell.title)}"' if cell.title else ""
    return f"<span{tone}{title}>{escape(cell.text)}</span>"


def _right(column: Column) -> str:
    return ' class="right"' if column.right else ""


def heading(text: str) -> str:
    """The title of a panel."""
    return f"<h2>{escape(text)}</h2>"
