"""What a person reads of a running system's answers: tables on the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from vortex.cli.layout import Layout, terminal_width

ENGINES = ("E1", "E2", "E3", "E4", "E5")
ACTORS = {
    "path": "actor", "state": "state", "generation": "generation", "restarts": "restarts", "mailbox": "mailbox",
    "dead_letters": "dead letters", "last_error": "last error",
}  # fmt: skip
TRADES = {
    "opened_at": "opened UTC", "symbol": "symbol", "side": "side", "strategy": "by", "quantity": "quantity",
    "entry_price": "entry", "exit_price": "exit", "status": "status", "close_reason": "reason",
    "pnl_net_usdt": "net USDT",
}  # fmt: skip
REJECTS = {
    "created_at": "at UTC", "symbol": "symbol", "action": "side", "strategy": "by", "rejection_reason": "reason",
    "count": "count", "confidence": "confidence", "final_score": "score",
}  # fmt: skip
OUTBOX = {"created_at": "since UTC", "table": "table", "id": "id", "error": "set aside because"}
Row = Mapping[str, Any]


def _status(answer: Row) -> Iterator[str]:
    """Symbols, positions, engines, closed gates."""
    money, outbox = answer["account"], answer["outbox"]
    yield (
        f"{'ready' if answer['ready'] else 'NOT READY'}, up {answer['uptime_s']} s; "
        f"equity {_cell(money['equity_usdt'])} USDT, today {_cell(money['daily_pnl_usdt'])}; "
        f"{_rows(outbox)}"
    )
    symbols = answer["symbols"].items()
    yield from _table(
        ("symbol", "state", "position", "stop", "decision", "score"), [_position(*each) for each in symbols]
    )
    yield ""
    yield from _table(("symbol", *ENGINES, "depth20", "markPrice", "user"), [_engines(*each) for each in symbols])
    for gate in answer["gates"]:
        yield f"gate {gate['gate']} of {gate['symbol'] or 'the account'} is closed: {_cell(gate['detail'])}"


def _position(symbol: str, each: Row) -> tuple[str, ...]:
    decision, held = each["decision"] or {}, each["position"]
    words = (decision.get("action"), decision.get("strategy") or " ".join(decision.get("reasons", ())[:1]))
    return (
        *(symbol, _cell(each["state"])),
        f"{held['side']} {held['quantity']} @ {held['entry_price']}" if held else "flat",
        {None: "-", True: "yes", False: "NO"}[each["protected"]],
        _cell(" ".join(filter(None, words)) or None),
        _cell(decision.get("final_score")),
    )


def _engines(symbol: str, each: Row) -> tuple[str, ...]:
    scores = (_cell(each["engines"][engine]["score"]) for engine in ENGINES)
    return symbol, *scores, *(_age(each["feeds"][name]) for name in ("depth20", "markPrice", "user"))


def _actors(rows: Sequence[Row]) -> Iterator[str]:
    """The tree: every actor below its supervisor."""
    return RowTable(ACTORS, list(_as_tree(rows))).lines()


def _rows(outbox: Row) -> str:
    """What waits for the ledger, and what does not get there."""
    words = [f"{_cell(outbox['pending'])} rows wait for the ledger"]
    if outbox["parked"]:
        words.append(f"{outbox['parked']} SET ASIDE: vortex outbox list")
    if outbox["dropped_rejections"]:
        words.append(f"{outbox['dropped_rejections']} rejections given up")
    if outbox["paused"]:
        words.append(f"PAUSED: {_cell(outbox['paused'])}")
    return ", ".join(words)


def _outbox(answer: Row) -> Iterator[str]:
    """Rows of the outbox."""
    yield f"{answer['pending']} rows wait for the ledger, {answer['parked']} were set aside"
    yield from RowTable(OUTBOX, [{**row, "created_at": row["created_ms"]} for row in answer["rows"]]).lines()


class RowTable:
    """Rows as they come: those known at first set the widths, later ones are put below them.

    Args:
        columns: The headings by key.
        rows: The first rows.
    """

    def __init__(self, columns: Mapping[str, str], rows: Sequence[Row]) -> None:
        self._names = tuple(columns)
        self._first = [self._cells(row) for row in rows]
        self._layout = Layout(tuple(columns.values()), self._first, terminal_width())

    def lines(self) -> Iterator[str]:
        """The headings and the first rows."""
        yield from self._layout.head()
        for cells in self._first:
            yield from self._layout.row(cells)

    def more(self, row: Row) -> Iterator[str]:
        """One row more."""
        return self._layout.row(self._cells(row))

    def _cells(self, row: Row) -> tuple[str, ...]:
        return tuple(_time(row.get(name)) if name.endswith("_at") else _cell(row.get(name)) for name in self._names)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    layout = Layout(heads, rows, terminal_width())
    yield from layout.head()
    for row in rows:
        yield from layout.row(row)


def _as_tree(rows: Sequence[Row]) -> Iterable[Row]:
    """Every actor below its supervisor, indented; siblings in the order in which they started."""
    below: dict[str, list[Row]] = {}
    for row in rows:
        below.setdefault(row["path"].rpartition("/")[0], []).append(row)

    def tree(above: str, indent: str) -> Iterable[Row]:
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


TABLES: Mapping[str, Callable[[Any], Iterator[str]]] = {
    "status": _status,
    "actors": _actors,
    "trades": lambda rows: RowTable(TRADES, rows).lines(),
    "rejects": lambda rows: RowTable(REJECTS, rows).lines(),
    "outbox": _outbox,
}
"""By command: the lines of what the control API answered."""
