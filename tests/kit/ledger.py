"""The exchange's ledger as judge: what it must say of our rows and of our stops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

from tests.kit import stalls
from tests.kit.processes import get

Span: TypeAlias = tuple[int, int]
"""From and until, in epoch ms."""
PROTECTED_MS = 2_000
"""A position has its working stop within this."""


def protected_in_time(sim_url: str, *symbols: str) -> None:
    """By the exchange's ledger no position was without its stop for long, as far as a machine can be in time."""
    ledger, clock = get(f"{sim_url}/sim/v1/ledger"), get(f"{sim_url}/sim/v1/clock")
    limit_ms, stalled = PROTECTED_MS + stalls.BUSY_MS * clock["speed"], stalls.spans_ms(clock)
    naked = {symbol: unprotected_ms(ledger, symbol, stalled) for symbol in symbols}
    assert {symbol: ms for symbol, ms in naked.items() if ms > limit_ms} == {}, limit_ms


def lasted_ms(start_ms: int, end_ms: int, but: Sequence[Span]) -> int:
    """How long that was, `but` these times."""
    return end_ms - start_ms - sum(max(0, min(end_ms, until) - max(start_ms, begin)) for begin, until in but)


def naked_spans(ledger: Mapping[str, Any], symbol: str) -> list[Span]:
    """When the exchange saw a position of this symbol without a working stop."""
    spans: list[Span] = []
    since: int | None = None
    for entry in ledger["timeline"]:
        if entry["symbol"] != symbol:
            continue
        naked = Decimal(entry["position_amt"]) != 0 and not entry["stop_working"]
        if naked and since is None:
            since = entry["ts_ms"]
        elif not naked and since is not None:
            spans.append((since, entry["ts_ms"]))
            since = None
    return spans if since is None else [*spans, (since, ledger["now_ms"])]


def unprotected_ms(ledger: Mapping[str, Any], symbol: str, but: Sequence[Span] = ()) -> int:
    """The longest of them, `but` these times; 0 of none."""
    return max([lasted_ms(start_ms, end_ms, but) for start_ms, end_ms in naked_spans(ledger, symbol)], default=0)


def agree_with_ledger(trade: Mapping[str, Any], ledger: Mapping[str, Any]) -> None:
    """One closed row is exactly what the exchange's fills say, and the trade had entry, stop, take-profit and exit."""
    sign = 1 if trade["side"] == "LONG" else -1
    opening, closing = ("BUY", "SELL") if sign > 0 else ("SELL", "BUY")
    fills = [
        fill for fill in ledger["fills"]
        if fill["symbol"] == trade["symbol"] and trade["opened_at"] <= fill["ts_ms"] <= trade["closed_at"]
    ]  # fmt: skip
    money = {
        side: sum(Decimal(fill["qty"]) * Decimal(fill["price"]) for fill in fills if fill["side"] == side)
        for side in (opening, closing)
    }
    fees = {
        side: sum(Decimal(fill["commission"]) for fill in fills if fill["side"] == side) for side in (opening, closing)
    }
    net = sign * (money[closing] - money[opening]) - fees[opening] - fees[closing]
    near = Decimal("1e-8")
    assert abs(Decimal(trade["open_fee_usdt"]) - fees[opening]) <= near
    assert abs(Decimal(trade["close_fee_usdt"]) - fees[closing]) <= near
    assert abs(Decimal(trade["pnl_net_usdt"]) - net) <= near
    entry = next(fill["client_id"] for fill in fills if fill["side"] == opening)
    assert entry.startswith(f"v7-main-{trade['symbol']}-")
    assert entry.endswith("E")
    algos = {algo["client_id"]: algo for algo in ledger["algo_orders"]}
    assert algos[entry[:-1] + "S"]["type"] == "STOP_MARKET"
    assert Decimal(algos[entry[:-1] + "S"]["trigger_price"]) == Decimal(trade["sl_price"])
    assert algos[entry[:-1] + "T"]["type"] == "TAKE_PROFIT_MARKET"
    assert any(fill["side"] == closing for fill in fills)


@dataclass(slots=True)
class LedgerTrade:
    """One trade as the exchange's fills tell it: from flat to flat; `closed_ms` is None while it is open."""

    symbol: str
    entry_id: str
    opening: str
    opened_ms: int
    closed_ms: int | None = None
    quantity: Decimal = Decimal(0)
    closed_quantity: Decimal = Decimal(0)
    opened_usdt: Decimal = Decimal(0)
    closed_usdt: Decimal = Decimal(0)
    open_fee_usdt: Decimal = Decimal(0)
    close_fee_usdt: Decimal = Decimal(0)

    @property
    def open_quantity(self) -> Decimal:
        return self.quantity - self.closed_quantity

    @property
    def pnl_net_usdt(self) -> Decimal:
        gross = self.closed_usdt - self.opened_usdt
        return (gross if self.opening == "BUY" else -gross) - self.open_fee_usdt - self.close_fee_usdt

    def add(self, fill: Mapping[str, Any]) -> None:
        """Take one more execution, which opens or closes by its side."""
        quantity, price, fee = (Decimal(fill[key]) for key in ("qty", "price", "commission"))
        if fill["side"] == self.opening:
            self.quantity += quantity
            self.opened_usdt += quantity * price
            self.open_fee_usdt += fee
            return
        self.closed_quantity += quantity
        self.closed_usdt += quantity * price
        self.close_fee_usdt += fee
        if self.closed_quantity == self.quantity:
            self.closed_ms = fill["ts_ms"]


def trades_of(ledger: Mapping[str, Any], symbol: str) -> list[LedgerTrade]:
    """Every trade of a symbol by the exchange's fills alone; more than was open is the beginning of another."""
    trades: list[LedgerTrade] = []
    for fill in ledger["fills"]:
        if fill["symbol"] != symbol:
            continue
        for part in _parts(fill, trades[-1] if trades else None):
            if not trades or trades[-1].closed_ms is not None:
                trades.append(LedgerTrade(symbol, part["client_id"], part["side"], part["ts_ms"]))
            trades[-1].add(part)
    return trades


def _parts(fill: Mapping[str, Any], last: LedgerTrade | None) -> list[Mapping[str, Any]]:
    """An execution that turns a position over, as what closes the one and what opens the other."""
    quantity, fee = Decimal(fill["qty"]), Decimal(fill["commission"])
    if last is None or last.closed_ms is not None or fill["side"] == last.opening or quantity <= last.open_quantity:
        return [fill]
    return [
        {**fill, "qty": str(part), "commission": str(fee * part / quantity)}
        for part in (last.open_quantity, quantity - last.open_quantity)
    ]


def since(ledger: Mapping[str, Any], symbol: str, start_ms: int) -> dict[str, Any]:
    """What happened to one symbol from then on, when it was flat and nothing of it rested."""
    times = {"orders": "received_ms", "algo_orders": "received_ms", "fills": "ts_ms", "timeline": "ts_ms"}
    cut = {
        part: [each for each in ledger[part] if each["symbol"] == symbol and each[time] >= start_ms]
        for part, time in times.items()
    }
    return {**ledger, **cut}


def held_ms(ledger: Mapping[str, Any], symbol: str) -> list[int]:
    """From the first fill of each trade that we closed ourselves until our order to close it was received."""
    ours = (order for order in ledger["orders"] if order["symbol"] == symbol and order["client_id"].endswith("X"))
    closes = sorted(order["received_ms"] for order in ours)
    spans = [(trade.opened_ms, trade.closed_ms or ledger["now_ms"]) for trade in trades_of(ledger, symbol)]
    firsts = [next((close for close in closes if since <= close <= until), None) for since, until in spans]
    return [close - since for (since, _), close in zip(spans, firsts, strict=True) if close is not None]
