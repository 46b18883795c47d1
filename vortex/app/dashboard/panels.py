"""The panels of one running system: from the control API's answers to tables. Pure: no page, no clock, no socket."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from vortex.app.dashboard import cells
from vortex.app.dashboard.cells import Cell, Row, Table, columns, row
from vortex.app.dashboard.source import Board

Json = Mapping[str, Any]
FEEDS = {
    "depth20": 1_000, "aggTrade": None, "kline_1m": None, "kline_15m": None, "markPrice": 3_000, "forceOrder": None,
    "user": None, "sentiment": None,
}  # fmt: skip
"""Streams, and from which age on the engine itself acts on it."""
MOST_SYMBOLS = 40
"""Of tables with a row for each symbol; the rest is chosen by name."""
NOBODY_SAID = Cell(cells.DASH, "dim")
HEALTHY = frozenset({"READY"})


def positions(status: Json | None) -> Table:
    """Every open position with what protects it."""
    heads = columns(
        "symbol", "side", "by", ">quantity", ">lev.", ">entry", ">mark", ">stop", ">target", ">liq.", "protected",
        ">unrealized", ">book age", ">mark age",
    )  # fmt: skip
    rows = [_position(symbol, each) for symbol, each in _symbols(status) if each["position"] is not None]
    return Table(columns=heads, rows=tuple(rows), empty="no open position" if status is not None else "not known")


def _position(symbol: str, each: Json) -> Row:
    held, feeds = each["position"], each["feeds"]
    words = {True: Cell("yes", "good", "the exchange has confirmed the stop"), False: Cell("NO", "bad")}
    return row(
        symbol, side(held["side"]), cells.text(held["strategy"]), cells.quantity(held["quantity"]),
        Cell(f"{held['leverage']}x"),
        *(cells.price(held[name]) for name in ("entry_price", "mark_price", "sl_price", "tp_price", "liq_price")),
        words.get(each["protected"], NOBODY_SAID), cells.gain(held["upnl_usdt"]),
        *(cells.age(feeds[name], FEEDS[name]) for name in ("depth20", "markPrice")),
    )  # fmt: skip


def side(value: str) -> Cell:
    """A direction is no result: it has no colour."""
    return Cell(value, "", "long: gains when the price rises" if value == "LONG" else "short: gains when it falls")


def account(status: Json | None) -> Sequence[tuple[str, Cell]]:
    """Names and figures of the account as a whole."""
    money: Json = (status or {}).get("account", {})
    exchange: Json = (status or {}).get("exchange", {})
    held = [each["position"] for _, each in _symbols(status) if each["position"] is not None]
    known = [each["upnl_usdt"] for each in held if each["upnl_usdt"] is not None]
    latch: Mapping[bool | None, Cell] = {
        True: Cell("LATCHED", "bad", "no entries for the rest of the UTC day"),
        False: Cell("not latched"),
    }
    return (
        ("equity, USDT", cells.usdt(money.get("equity_usdt"))),
        ("today, USDT", cells.gain(money.get("daily_pnl_usdt"), 2)),
        (
            "unrealized, USDT",
            _sum(known) if status is not None and len(known) == len(held) else NOBODY_SAID,
        ),
        ("open positions", cells.count(len(held) if status is not None else None)),
        ("drawdown latch", latch.get(money.get("drawdown_latched"), NOBODY_SAID)),
        ("API weight, 1 min", cells.count(exchange.get("weight_used_1m"))),
        ("orders, 1 min", cells.count(exchange.get("orders_1m"))),
        ("unknown orders", _zero_is_well(exchange.get("unknown_orders"))),
    )


def _sum(amounts: Sequence[str]) -> Cell:
    return cells.gain(sum(map(Decimal, amounts)), 2) if amounts else Cell("0.00")


def _zero_is_well(value: int | None) -> Cell:
    return Cell(str(value), "warn") if value else cells.count(value)


def gates(status: Json | None) -> Table:
    """Why entries are closed, where they are."""
    rows = [
        row(
            Cell(str(gate["gate"]), "warn"), gate["symbol"] or "account", cells.moment(gate["since_ms"]),
            cells.text(gate["detail"]),
        ) for gate in (status or {}).get("gates", ())
    ]  # fmt: skip
    empty = "every gate is open: entries are allowed" if status is not None else "not known"
    return Table(columns=columns("gate", "of", "closed since", "reason"), rows=tuple(rows), empty=empty)


def feeds(status: Json | None) -> Table:
    """How long ago each stream of each symbol was heard."""
    rows = [
        row(symbol, *(cells.age(each["feeds"].get(name), limit_ms) for name, limit_ms in FEEDS.items()))
        for symbol, each in _symbols(status)[:MOST_SYMBOLS]
    ]
    return Table(columns=columns("symbol", *(f">{name}" for name in FEEDS)), rows=tuple(rows), empty="not known")


def engines(status: Json | None, symbol: str) -> Table:
    """The five opinions about one symbol, and what they weigh."""
    heads = columns("engine", ">score", ">weight", ">quality", ">age", "reasons")
    each = dict(_symbols(status)).get(symbol)
    rows = [
        row(
            name, cells.score(engine["score"]), cells.ratio(engine.get("weight")), cells.ratio(engine["quality"]),
            cells.age(engine["age_ms"]), cells.text(", ".join(engine.get("reasons") or ())),
        ) for name, engine in (each["engines"] if each is not None else {}).items()
    ]  # fmt: skip
    return Table(columns=heads, rows=tuple(rows), empty="not known")


def decision(explained: Json | None) -> str:
    """The newest evaluation of a symbol in one line."""
    story = (explained or {}).get("explanation")
    if story is None:
        return "no evaluation is known"
    made = story["decision"]
    strategy = f" by strategy {made['strategy']}" if made["strategy"] else ""
    market = f"{made['regime']}/{made['phase'] or 'UNKNOWN'}, flow {made['toxicity']}"
    return cells.clean(
        f"{cells.stamp(made['ts_ms'])} {made['action']}{strategy}, score {made['final_score']:+.3f}, confidence "
        f"{made['confidence']:.3f} (a score, no probability); {market}; {', '.join(made['reasons'])}"
    )


def actors(rows: Sequence[Json] | None) -> Table:
    """The tree: every actor below its supervisor."""
    heads = columns("actor", "state", ">generation", ">restarts", ">mailbox", ">dead letters", "last error")
    shown = [_actor(name, each) for name, each in as_tree(rows or ())]
    return Table(columns=heads, rows=tuple(shown), empty="not known")


def _actor(name: str, each: Json) -> Row:
    state = Cell(str(each["state"]), "" if each["state"] in HEALTHY else "warn")
    error = cells.text(each["last_error"])
    return row(
        name, state, cells.count(each["generation"]), _zero_is_well(each["restarts"]), cells.count(each["mailbox"]),
        cells.count(each["dead_letters"]), Cell(error.text[:120], error.tone, error.text),
    )  # fmt: skip


def as_tree(rows: Sequence[Json]) -> Iterator[tuple[str, Json]]:
    """Every actor below its supervisor with an indented name; siblings in the order in which they started."""
    below: dict[str, list[Json]] = {}
    for each in rows:
        above = each["path"].rpartition("/")[0] or ("" if each["path"] == "root" else "root")
        below.setdefault(above, []).append(each)

    def tree(above: str, depth: int) -> Iterator[tuple[str, Json]]:
        for each in below.get(above, ()):
            yield "\u00a0" * 3 * depth + each["path"].rpartition("/")[2], each
            yield from tree(each["path"], depth + 1)

    yield from tree("", 0)


def stores(board: Board) -> Sequence[tuple[str, Cell]]:
    """What is on its way to the ledger, and whether the mirror works."""
    outbox: Json = (board.status or {}).get("outbox", {})
    mirror: Json = next((each for each in board.actors or () if each["path"] == "hot_store"), {})
    writer: Json = next((each for each in board.actors or () if each["path"] == "storage"), {})
    oldest_s = outbox.get("oldest_s")
    return (
        ("rows waiting", cells.count(outbox.get("pending"))),
        ("oldest waits", Cell(cells.duration(oldest_s)) if oldest_s is not None else NOBODY_SAID),
        ("rows set aside", _zero_is_well(outbox.get("parked"))),
        ("ledger writer", _state(writer)),
        ("hot store", _state(mirror)),
        ("hot store mailbox", cells.count(mirror.get("mailbox"))),
        *_extra("hot store", board.status, "hot_store"),
        *_extra("cold store", board.status, "cold_store"),
    )


def _state(actor: Json) -> Cell:
    state = actor.get("state")
    return NOBODY_SAID if state is None else Cell(str(state), "" if state in HEALTHY else "warn")


def _extra(name: str, status: Json | None, key: str) -> list[tuple[str, Cell]]:
    """What the engine tells of a store of its own accord."""
    told = (status or {}).get(key)
    return [(f"{name} {word.replace('_', ' ')}", cells.text(value)) for word, value in told.items()] if told else []


def _symbols(status: Json | None) -> list[tuple[str, Json]]:
    return list(status["symbols"].items()) if status is not None else []
