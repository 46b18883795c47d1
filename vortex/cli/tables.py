"""What a person reads of a running system's answers: tables on the terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

PIPE_WIDTH = 240
"""Columns of a table that goes into a file or another program: nothing is folded."""
ENGINES = ("E1", "E2", "E3", "E4", "E5")


def _print_status(answer: Mapping[str, Any]) -> None:
    """Symbols, positions, engines, closed gates."""
    money, outbox = answer["account"], answer["outbox"]
    typer.echo(
        f"{'ready' if answer['ready'] else 'NOT READY'}, up {answer['uptime_s']} s; "
        f"equity {_cell(money['equity_usdt'])} USDT, today {_cell(money['daily_pnl_usdt'])}; "
        f"{_rows(outbox)}"
    )
    positions = _table("symbol", "state", "position", "stop", "decision", "score")
    engines = _table("symbol", *ENGINES, "depth20", "markPrice", "user")
    for symbol, each in answer["symbols"].items():
        decision, held, feeds = each["decision"] or {}, each["position"], each["feeds"]
        words = (decision.get("action"), decision.get("strategy") or " ".join(decision.get("reasons", ())[:1]))
        positions.add_row(
            *(symbol, _cell(each["state"])),
            f"{held['side']} {held['quantity']} @ {held['entry_price']}" if held else "flat",
            {None: "-", True: "yes", False: "NO"}[each["protected"]],
            " ".join(filter(None, words)) or "-",
            _cell(decision.get("final_score")),
        )
        scores = (_cell(each["engines"][engine]["score"]) for engine in ENGINES)
        engines.add_row(symbol, *scores, *(_age(feeds[name]) for name in ("depth20", "markPrice", "user")))
    _show(positions, engines)
    for gate in answer["gates"]:
        typer.echo(f"gate {gate['gate']} of {gate['symbol'] or 'the account'} is closed: {gate['detail']}")


def _print_actors(rows: Sequence[Mapping[str, Any]]) -> None:
    """The tree: every actor below its supervisor."""
    columns = {
        "path": "actor", "state": "state", "generation": "generation", "restarts": "restarts", "mailbox": "mailbox",
        "dead_letters": "dead letters", "last_error": "last error",
    }  # fmt: skip
    _print_rows(columns, _as_tree(rows))


def _rows(outbox: Mapping[str, Any]) -> str:
    """What waits for the ledger, and what does not get there."""
    words = [f"{_cell(outbox['pending'])} rows wait for the ledger"]
    if outbox["parked"]:
        words.append(f"{outbox['parked']} SET ASIDE: vortex outbox list")
    if outbox["dropped_rejections"]:
        words.append(f"{outbox['dropped_rejections']} rejections given up")
    if outbox["paused"]:
        words.append(f"PAUSED: {_cell(outbox['paused'])}")
    return ", ".join(words)


def _print_outbox(answer: Mapping[str, Any]) -> None:
    """Rows of the outbox."""
    typer.echo(f"{answer['pending']} rows wait for the ledger, {answer['parked']} were set aside")
    columns = {"created_at": "since UTC", "table": "table", "id": "id", "error": "set aside because"}
    _print_rows(columns, ({**row, "created_at": row["created_ms"]} for row in answer["rows"]))


def _print_trades(rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows of the ledger, newest first."""
    columns = {
        "opened_at": "opened UTC", "symbol": "symbol", "side": "side", "strategy": "by", "quantity": "quantity",
        "entry_price": "entry", "exit_price": "exit", "status": "status", "close_reason": "reason",
        "pnl_net_usdt": "net USDT",
    }  # fmt: skip
    _print_rows(columns, rows)


def _print_rejects(rows: Sequence[Mapping[str, Any]]) -> None:
    """Rejected signals, newest first."""
    columns = {
        "created_at": "at UTC", "symbol": "symbol", "action": "side", "strategy": "by", "rejection_reason": "reason",
        "count": "count", "confidence": "confidence", "final_score": "score",
    }  # fmt: skip
    _print_rows(columns, rows)


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _show(*tables: Table) -> None:
    folds = sys.stdout.isatty() or "COLUMNS" in os.environ
    Console(width=None if folds else PIPE_WIDTH, markup=False, highlight=False).print(*tables, sep="\n")


def _print_rows(columns: Mapping[str, str], rows: Iterable[Mapping[str, Any]]) -> None:
    """A line for each row; `columns` are the headings by key."""
    table = _table(*columns.values())
    for row in rows:
        table.add_row(*(_time(row.get(name)) if name.endswith("_at") else _cell(row.get(name)) for name in columns))
    _show(table)


def _as_tree(rows: Sequence[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    """Every actor below its supervisor, indented; siblings in the order in which they started."""
    below: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        below.setdefault(row["path"].rpartition("/")[0], []).append(row)

    def tree(above: str, indent: str) -> Iterable[Mapping[str, Any]]:
        for row in below.get(above, ()):
            name = row["path"].rpartition("/")[2]
            yield {**row, "path": name if name == "root" else indent + name}
            yield from tree(row["path"], indent + "  ")

    return tree("", "  ")


def _cell(value: object) -> str:
    """What a cell shows; control characters would reach the terminal."""
    if value is None:
        return "-"
    text = f"{value:+.2f}" if isinstance(value, float) else str(value)
    return "".join(character if character.isprintable() else "?" for character in text)


def _age(age_ms: int | None) -> str:
    return "-" if age_ms is None else f"{age_ms} ms"


def _time(ts_ms: object) -> str:
    if not isinstance(ts_ms, int):
        return "-"
    return datetime.fromtimestamp(ts_ms / 1000, UTC).strftime("%m-%d %H:%M:%S")


PRINTERS: Mapping[str, Callable[[Any], None]] = {
    "status": _print_status,
    "actors": _print_actors,
    "trades": _print_trades,
    "rejects": _print_rejects,
    "outbox": _print_outbox,
}
"""By command: prints what the control API answered."""
