"""What each kind of trouble may cost, written once, and the verdict on a mix of them by ledger and rows.

The limits themselves are those of `tests.kit.invariants`: a stop works 2 s after the first fill or a close is sent, the
position is protected or flat at 5 s, nothing outlives its position by 5 s. Time in which a trouble made that impossible
does not count: it is subtracted as time without a process is. Times of several troubles are joined, never added.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any, NamedTuple

from msgspec import Struct

from tests.kit import invariants
from tests.kit.invariants import Ledger
from tests.kit.ledger import Span, trades_of
from vortex.domain.trade import TradeRow, TradeStatus

SEND_MS, ASK_MS = 2_000, 4_000
"""After this long the engine no longer waits for the answer to an order, to a query."""
SEEN_MS = 5_000
"""What no event tells must be seen within this time."""
PROBE_MS = 10_000
"""A symbol that cannot be traded is tried again this often at most."""
WHOLE = ("duplicate", "reorder")
"""Stream faults that lose nothing."""
PERSON, EXCHANGE = "web_", ("autoclose-", "adl_autoclose")
"""Client ids of what a person did, and of what the exchange did by itself, begin like this."""


class Deed(Struct, frozen=True, kw_only=True):
    """A trouble that was done, at the exchange's time."""

    ts_ms: int
    kind: str
    body: Mapping[str, Any]


class Evidence(Struct, frozen=True, kw_only=True):
    """All that a run left behind; `outages` are measured from the end of a process to the next one's readiness."""

    ledger: Ledger
    rows: Sequence[TradeRow]
    deeds: Sequence[Deed]
    outages: Sequence[Span] = ()
    stalls: Sequence[Span] = ()

    def told(self) -> str:
        """In one line, how much happened."""
        trades = sum(
            len(trades_of(self.ledger, symbol)) for symbol in {fill["symbol"] for fill in self.ledger["fills"]}
        )
        fired = sum(line["event"] == "FAULT" and "path" in line for line in self.ledger["timeline"])
        stalled_s = sum(end - start for start, end in joined(self.stalls)) / 1_000
        began_ms = min((line["ts_ms"] for line in self.ledger["timeline"]), default=0)
        shares = [
            f"{sum(end - start for start, end in excused(self, symbol)) / (self.ledger['now_ms'] - began_ms):.0%}"
            for symbol in sorted({fill["symbol"] for fill in self.ledger["fills"]})
        ]
        return (
            f"{len(self.deeds)} troubles, {fired} requests spoiled, {len(self.outages)} starts, {trades} trades,"
            f" {' and '.join(shares)} of the time excused, of it {stalled_s:.0f} s because the machine stood still"
        )


class Allowance(NamedTuple):
    """How long a deed excuses a symbol, from the deed on, and why."""

    cost_ms: Callable[[Mapping[str, Any]], int]
    why: str


ALLOWANCES: Mapping[str, Allowance] = {
    "stream": Allowance(
        lambda body: body["for_ms"] + SEEN_MS if body["route"] == "private" and body["do"] not in WHOLE else 0,
        "without events what others do to a stop is seen by asking; market streams protect nothing",
    ),
    "listen_key": Allowance(lambda _: SEEN_MS, "the same"),
    "prices": Allowance(
        lambda body: body["for_ms"] if body["do"] == "empty" else 0,
        "nobody is there to close with; a shock, a freeze or a crossed book keeps no order away",
    ),
    "status": Allowance(
        lambda body: body["for_ms"] + PROBE_MS, "no order is taken, and it is not tried more often than that"
    ),
    "money": Allowance(lambda _: 0, "money moves, orders do not"),
    "adl": Allowance(lambda _: 0, "told by the user stream; what is left keeps its stop"),
    "algo": Allowance(
        lambda body: SEEN_MS if body["do"] == "vanish" else 0,
        "a stop that vanishes is told by nobody; of the other ends the user stream tells",
    ),
    "clock": Allowance(lambda _: SEND_MS, "one order refused for its time, and the clock read again"),
    "crash": Allowance(
        lambda body: _crash_ms(body) if body["actor"] == "exchange" else 0,
        "who sends the orders is down; nobody else's crash may leave a position without its stop",
    ),
    "operate": Allowance(lambda _: 0, "a command is no fault"),
    "root": Allowance(lambda _: 0, "measured as an outage"),
    "kill": Allowance(lambda _: 0, "measured as an outage"),
    "person": Allowance(lambda _: 0, "told by the user stream; a position of his own is left alone, see `_foreign`"),
    "request": Allowance(lambda _: 0, "counted when it fires, see `request_ms`"),
}


def request_ms(do: str, method: str) -> int:
    """What one spoiled request excuses: until its answer is not waited for any more, or how old it was."""
    limit_ms = ASK_MS if method == "GET" else SEND_MS
    word, _, number = do.partition(":")
    if word == "lag":
        return int(number)
    return min(int(number), limit_ms) if word == "delay" else limit_ms


def joined(spans: Sequence[Span]) -> list[Span]:
    """The same time as spans that do not overlap."""
    apart: list[Span] = []
    for start, end in sorted(spans):
        if apart and start <= apart[-1][1]:
            apart[-1] = (apart[-1][0], max(end, apart[-1][1]))
        else:
            apart.append((start, end))
    return apart


def excused(evidence: Evidence, symbol: str) -> list[Span]:
    """When nothing could be asked of the engine about this symbol."""
    spans = [*evidence.outages, *evidence.stalls, *_foreign(evidence.ledger, symbol)]
    for deed in evidence.deeds:
        cost_ms = ALLOWANCES[deed.kind].cost_ms(deed.body)
        if cost_ms and deed.body.get("symbol") in (None, symbol):
            spans.append((deed.ts_ms, deed.ts_ms + cost_ms))
    spans += [
        (line["ts_ms"], line["ts_ms"] + request_ms(line["do"], line["method"]))
        for line in evidence.ledger["timeline"]
        if line["event"] == "FAULT" and "path" in line and line["symbol"] in (None, symbol)
    ]
    return joined(spans)


def judge(evidence: Evidence, symbols: Sequence[str]) -> list[str]:
    """Every violation by ledger and rows."""
    ours = _ours(evidence.ledger)
    mixed = [trade for symbol in symbols for trade in _mixed(evidence.ledger, symbol)]
    rows = list(evidence.rows)
    ids = {
        invariants.trade_id("main", trade.symbol, entry_id): entry_id for trade in mixed for entry_id in trade.entry_ids
    }
    found = [] if any(trades_of(ours, symbol) for symbol in symbols) else ["there was nothing to judge"]
    for row_id, entry_id in ids.items():
        states = [row.status for row in rows if row.id == row_id]
        if states != [TradeStatus.CLOSED]:
            found.append(f"{entry_id}, beside which a person traded, has the rows {states}")
    found += invariants.of_ids(ours)
    for symbol in symbols:
        down = excused(evidence, symbol)
        found += invariants.of_symbol(ours, symbol, down)
        found += [f"{symbol}: {each}" for each in invariants.orphans(evidence.ledger, symbol, down, 0)]
    found += invariants.of_rows([row for row in rows if row.id not in ids], ours, symbols)
    return list(dict.fromkeys(found))


class _Mixed(NamedTuple):
    """A stretch from flat to flat in which a person traded too."""

    symbol: str
    fills: tuple[Mapping[str, Any], ...]

    def lasted(self, ts_ms: int) -> bool:
        """True for a moment from its first execution to its last."""
        return bool(self.fills[0]["ts_ms"] <= ts_ms <= self.fills[-1]["ts_ms"])

    @property
    def entry_ids(self) -> set[str]:
        return {fill["client_id"] for fill in self.fills if fill["client_id"].endswith("E")}


def _stretches(ledger: Ledger, symbol: str) -> Iterator[_Mixed]:
    """All fills of a symbol, from flat to flat."""
    net, fills = Decimal(0), list[Mapping[str, Any]]()
    for fill in ledger["fills"]:
        if fill["symbol"] == symbol:
            fills.append(fill)
            net += Decimal(fill["qty"]) * (1 if fill["side"] == "BUY" else -1)
            if not net:
                yield _Mixed(symbol, tuple(fills))
                fills = []
    if fills:
        yield _Mixed(symbol, tuple(fills))


def _mixed(ledger: Ledger, symbol: str) -> list[_Mixed]:
    return [
        one for one in _stretches(ledger, symbol) if any(fill["client_id"].startswith(PERSON) for fill in one.fills)
    ]


def _foreign(ledger: Ledger, symbol: str) -> list[Span]:
    """When all that was open was a person's: it is left alone. A person who reduces takes back his own part first."""
    spans: list[Span] = []
    for stretch in _mixed(ledger, symbol):
        ours = theirs = Decimal(0)
        for fill, later in pairwise((*stretch.fills, stretch.fills[-1])):
            left = Decimal(fill["qty"]) * (1 if fill["side"] == "BUY" else -1)
            if fill["client_id"].startswith(PERSON):
                theirs, left = _less(theirs, left)
                ours, left = _less(ours, left)
                theirs += left
            elif fill["client_id"].endswith("E"):
                ours += left
            else:
                ours, left = _less(ours, left)
                theirs += left
            if not ours and theirs:
                spans.append((fill["ts_ms"], later["ts_ms"] if later is not fill else ledger["now_ms"]))
    return spans


def _less(amount: Decimal, change: Decimal) -> tuple[Decimal, Decimal]:
    """What is left of a signed amount after a change against it, and of the change."""
    if amount * change >= 0:
        return amount, change
    taken = min(abs(amount), abs(change)).copy_sign(change)
    return amount + taken, change - taken


def _ours(ledger: Ledger) -> Ledger:
    """The ledger without the trades that a person had a hand in; what the exchange closed counts as an exit."""
    symbols = {fill["symbol"] for fill in ledger["fills"]}
    mixed = [one for symbol in symbols for one in _mixed(ledger, symbol)]
    touched = {fill["id"] for one in mixed for fill in one.fills}

    def kept(order: Mapping[str, Any]) -> bool:
        theirs = order["client_id"].startswith((PERSON, *EXCHANGE))
        beside = any(one.symbol == order["symbol"] and one.lasted(order["received_ms"]) for one in mixed)
        return not theirs and not beside

    fills = [
        {**fill, "client_id": "X"} if fill["client_id"].startswith(EXCHANGE) else fill
        for fill in ledger["fills"]
        if fill["id"] not in touched
    ]
    orders, algos = ([order for order in ledger[kind] if kept(order)] for kind in ("orders", "algo_orders"))
    return {**ledger, "fills": fills, "orders": orders, "algo_orders": algos}


def _crash_ms(body: Mapping[str, Any]) -> int:
    hung_ms = round(4_000 * body["seconds"]) if body["how"] == "hang" else 0
    return hung_ms + 1_000 * (1 + int(body["times"]))
