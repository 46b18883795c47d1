"""What must hold after any crash, judged by the exchange's ledger and by what is on disk, never by the bot's belief.

Each function returns one sentence for every violation it finds; none is good.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any, TypeAlias

from tests.kit.ledger import LedgerTrade, Span, lasted_ms, naked_spans, trades_of
from vortex.domain.order import OrderRole
from vortex.domain.trade import TradeRow, TradeStatus

Ledger: TypeAlias = Mapping[str, Any]

WORKING_MS = 2_000
"""The stop works this long after the first fill,"""
CLOSE_SENT_MS = 3_000
"""or after this long the close is sent,"""
NAKED_MS = 5_000
"""and after this long the position is protected or flat."""
ORPHAN_MS = 5_000
"""A stop or take-profit may outlive its position for this long."""
WAY_MS = 300
"""What a request needs to reach the exchange, and the clock of the actor that sends it."""
NEAR = Decimal("1e-8")
FINAL = frozenset({"FILLED", "CANCELED", "EXPIRED", "REJECTED", "FINISHED"})


def of_symbol(ledger: Ledger, symbol: str, down: Sequence[Span] = (), *, cost_ms: int = 0) -> list[str]:
    """Everything that the exchange saw of a symbol.

    Args:
        ledger: What `GET /sim/v1/ledger` says.
        symbol: Which of its symbols.
        down: When there was no process at all, in epoch ms.
        cost_ms: How much longer a fault must delay any answer to what happens: every time limit is prolonged by it.
    """
    return [
        f"{symbol}: {violation}"
        for check in (_naked(ledger, symbol, down, cost_ms), _positions(ledger, symbol), _exits(ledger, symbol),
                      orphans(ledger, symbol, down, cost_ms))
        for violation in check
    ]  # fmt: skip


def of_ids(ledger: Ledger) -> list[str]:
    """No client id is sent twice; the order that a triggered stop becomes bears the stop's own."""
    sent = [order["client_id"] for order in (*ledger["orders"], *ledger["algo_orders"])]
    for algo in ledger["algo_orders"]:
        if algo["child_order_id"] is not None:
            sent.remove(algo["client_id"])
    return [f"client id {one} was sent {sent.count(one)} times" for one in sorted(set(sent)) if sent.count(one) > 1]


def of_rows(rows: Sequence[TradeRow], ledger: Ledger, symbols: Sequence[str], account: str = "main") -> list[str]:
    """Every trade that executed has exactly one closed row with the money of its fills; all other rows are failed."""
    by_id = {row.id: row for row in rows}
    found = [] if len(by_id) == len(rows) else ["two rows have the same id"]
    for symbol in symbols:
        for trade in filter(_is_ours, trades_of(ledger, symbol)):
            row_id = trade_id(account, symbol, trade.entry_id)
            found += _disagreements(by_id.pop(row_id, None), trade, _funding(ledger, trade))
    return found + [
        f"row {row.id} of {row.symbol} is {row.status}, and no trade of it executed"
        for row in by_id.values()
        if row.status is not TradeStatus.FAILED
    ]


def _is_ours(trade: LedgerTrade) -> bool:
    return ours(trade.entry_id)


def left_over(ledger: Ledger, symbol: str) -> list[str]:
    """What still rests of ours, or is open."""
    found = [
        f"{order['client_id']} is left"
        for order in (*ledger["orders"], *ledger["algo_orders"])
        if order["symbol"] == symbol and ours(order["client_id"]) and (span := _live(order, 0)) and not span[1]
    ]
    return found + [f"{trade.entry_id} is open" for trade in trades_of(ledger, symbol) if trade.closed_ms is None]


def trade_id(account: str, symbol: str, entry_id: str) -> str:
    """Which row belongs to the entry with this client id."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"vortex7:{account}:{symbol}:{entry_id}"))


def _naked(ledger: Ledger, symbol: str, down: Sequence[Span], cost_ms: int) -> Iterator[str]:
    theirs = [trade for trade in trades_of(ledger, symbol) if not ours(trade.entry_id)]
    for start_ms, end_ms in naked_spans(ledger, symbol):
        if any(trade.opened_ms <= start_ms and end_ms <= (trade.closed_ms or ledger["now_ms"]) for trade in theirs):
            continue  # what a person opened is his
        naked_ms = lasted_ms(start_ms, end_ms, down)
        sent_by_ms = end_ms - naked_ms + CLOSE_SENT_MS + WAY_MS + cost_ms
        closing = any(
            order["symbol"] == symbol and order["reduce_only"] and start_ms <= order["received_ms"] <= sent_by_ms
            for order in ledger["orders"]
        )
        if naked_ms > NAKED_MS + cost_ms or (naked_ms > WORKING_MS + cost_ms and not closing):
            close = "a close was sent in time" if closing else "no close was sent in time"
            yield f"unprotected for {naked_ms} ms from {start_ms}, {close}"


def _positions(ledger: Ledger, symbol: str) -> Iterator[str]:
    """One intent at a time: no entry beside another, and never more open than one of them asked for."""
    asked = {order["client_id"]: Decimal(order["qty"]) for order in ledger["orders"]}
    net, entry, beside = Decimal(0), "", False
    for fill in ledger["fills"]:
        if fill["symbol"] != symbol:
            continue
        role = _role(fill["client_id"])
        if role is OrderRole.ENTRY and fill["client_id"] != entry:
            if net:
                yield f"{fill['client_id']} opened beside a position of {net}"
            entry = fill["client_id"]
        net += Decimal(fill["qty"]) * (1 if fill["side"] == "BUY" else -1)
        beside = (beside or role is None) and net != 0
        if not beside and abs(net) > asked.get(entry, Decimal(0)):
            yield f"a position of {net} is more than {entry} asked for"
    live = [
        span for order in ledger["orders"]
        if order["symbol"] == symbol and _role(order["client_id"]) is OrderRole.ENTRY
        if (span := _live(order, ledger["now_ms"])) is not None
    ]  # fmt: skip
    for (_, end_ms), (start_ms, _) in pairwise(sorted(live)):
        if start_ms < end_ms:
            yield f"two entry orders were live at {start_ms}"


def _exits(ledger: Ledger, symbol: str) -> Iterator[str]:
    """Whatever is not an entry can only reduce."""
    for order in (*ledger["orders"], *ledger["algo_orders"]):
        if order["symbol"] != symbol or _role(order["client_id"]) in (OrderRole.ENTRY, None):
            continue
        if not (order["reduce_only"] or order["close_position"]):
            yield f"{order['client_id']} could open a position"


def orphans(ledger: Ledger, symbol: str, down: Sequence[Span], cost_ms: int) -> Iterator[str]:
    """Nothing rests long after its position is gone."""
    resting = [
        (algo["client_id"], span)
        for algo in ledger["algo_orders"]
        if algo["symbol"] == symbol and (span := _live(algo, ledger["now_ms"])) is not None
    ]
    for flat_ms, until_ms in _flat_spans(ledger, symbol):
        for client_id, (placed_ms, ended_ms) in resting:
            start_ms, end_ms = max(flat_ms, placed_ms), min(until_ms, ended_ms)
            if lasted_ms(start_ms, end_ms, down) > ORPHAN_MS + cost_ms:
                yield f"{client_id} rests without a position from {start_ms} to {end_ms}"


def _flat_spans(ledger: Ledger, symbol: str) -> list[Span]:
    """When there was no position."""
    turns = [(trade.opened_ms, trade.closed_ms) for trade in trades_of(ledger, symbol)]
    ends = [0, *(closed_ms if closed_ms is not None else ledger["now_ms"] for _, closed_ms in turns)]
    return list(zip(ends, [*(opened_ms for opened_ms, _ in turns), ledger["now_ms"]], strict=True))


def _live(order: Mapping[str, Any], now_ms: int) -> Span | None:
    """From acceptance to its end; None for an order that the exchange refused."""
    accepted = [state["ts_ms"] for state in order["states"] if state["status"] == "NEW"]
    ended = [state["ts_ms"] for state in order["states"] if state["status"] in FINAL]
    return (accepted[0], ended[0] if ended else now_ms) if accepted else None


def ours(client_id: str) -> bool:
    """True for the id of an order of ours; a person's, and the exchange's own, look otherwise."""
    return client_id.startswith("v7-")


def _role(client_id: str) -> OrderRole | None:
    return OrderRole(client_id[-1]) if ours(client_id) else None


def _funding(ledger: Ledger, trade: LedgerTrade) -> Decimal:
    """What was settled while the trade was open."""
    until_ms = ledger["now_ms"] if trade.closed_ms is None else trade.closed_ms
    settled = [
        Decimal(each["amount_usdt"])
        for each in ledger["funding"]
        if each["symbol"] == trade.symbol and trade.opened_ms <= each["ts_ms"] <= until_ms
    ]
    return sum(settled, Decimal(0))


def _disagreements(row: TradeRow | None, trade: LedgerTrade, funding_usdt: Decimal) -> list[str]:
    if row is None:
        return [f"{trade.entry_id} has no row"]
    if trade.closed_ms is None:
        return [] if row.status is TradeStatus.OPEN else [f"{trade.entry_id} is open, its row {row.status}"]
    if row.status is not TradeStatus.CLOSED:
        return [f"{trade.entry_id} is over, its row {row.status}"]
    pairs = {
        "quantity": (row.quantity, trade.quantity),
        "open_fee_usdt": (row.open_fee_usdt, trade.open_fee_usdt),
        "close_fee_usdt": (row.close_fee_usdt, trade.close_fee_usdt),
        "funding_usdt": (row.funding_usdt, funding_usdt),
        "pnl_net_usdt": (row.pnl_net_usdt, trade.pnl_net_usdt + funding_usdt),
    }
    return [
        f"{trade.entry_id}: {name} is {ours} in the row and {theirs} on the exchange"
        for name, (ours, theirs) in pairs.items()
        if ours is None or abs(ours - theirs) > NEAR
    ]
