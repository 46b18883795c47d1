"""States that become worth telling when they last: positions without a stop, closed gates, rows that wait."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from msgspec import Struct

from vortex.domain.notify.kinds import Kind, Notification
from vortex.domain.notify.words import lasting
from vortex.domain.operation import Gate

LATE_MS, FAILED_MS = 2_000, 5_000
"""A stop works within 2 s of the first fill; at 5 s the position is protected or flat."""
LASTING_MS = 10_000
LAG_MS = 60_000
FEEDS = frozenset({Gate.BOOK, Gate.USER_STREAM})
MACHINE = frozenset({Gate.CLOCK, Gate.DISK, Gate.JOURNAL})


class Protection:
    """Measures for how long positions have no confirmed stop."""

    def __init__(self) -> None:
        self._naked: dict[str, tuple[str, int]] = {}
        self._told: dict[str, Kind] = {}

    def seen(self, trade_id: str, symbol: str, now_ms: int, since_ms: int, *, protected: bool) -> int:
        """What is known of a position's stop; returns the unprotected time that has just ended, ms."""
        if not protected:
            self._naked.setdefault(trade_id, (symbol, since_ms))
            return 0
        self._told.pop(trade_id, None)
        _, began_ms = self._naked.pop(trade_id, (symbol, now_ms))
        return max(0, now_ms - began_ms)

    def tick(self, now_ms: int) -> Iterator[Notification]:
        """Tell, once each, what lasts too long."""
        for trade_id, (symbol, since_ms) in self._naked.items():
            late_ms = now_ms - since_ms
            for kind, limit_ms in ((Kind.STOP_FAILED, FAILED_MS), (Kind.STOP_LATE, LATE_MS)):
                if late_ms > limit_ms and self._told.get(trade_id) not in (kind, Kind.STOP_FAILED):
                    self._told[trade_id] = kind
                    yield Notification(kind=kind, text=f"{symbol} {trade_id}: no confirmed stop for {lasting(late_ms)}")
                    break


class ClosedGate(Struct, frozen=True, kw_only=True):
    """A gate of a symbol that is closed."""

    symbol: str
    gate: Gate
    since_ms: int
    detail: str


class Standing:
    """Tells of gates that stay closed, the symbols of a gate together, and later that they are open again."""

    def __init__(self) -> None:
        self._told: dict[tuple[Gate, str], int] = {}

    def look(self, closed: Iterable[ClosedGate], symbols: Collection[str], now_ms: int) -> Iterator[Notification]:
        """Compare with everything that is closed now; of symbols that are not named nothing is known."""
        lasting_ones = {
            (each.gate, each.symbol): each
            for each in closed
            if each.gate in FEEDS | MACHINE and now_ms - each.since_ms >= LASTING_MS
        }
        fresh = [each for key, each in lasting_ones.items() if key not in self._told]
        over = [key for key in self._told if key not in lasting_ones and key[1] in symbols]
        for gate in dict.fromkeys(each.gate for each in fresh):
            ours = [each for each in fresh if each.gate is gate]
            where = ", ".join(each.symbol for each in ours)
            yield Notification(kind=_kind(gate), text=f"gate {gate} is closed: {ours[0].detail}; no entries of {where}")
        for gate in dict.fromkeys(gate for gate, _ in over):
            symbols = [symbol for each, symbol in over if each is gate]
            since_ms = min(self._told[gate, symbol] for symbol in symbols)
            yield Notification(
                kind=_kind(gate),
                text=f"gate {gate} is open again after {lasting(now_ms - since_ms)}: {', '.join(symbols)}",
            )
        self._told = {
            **{key: since_ms for key, since_ms in self._told.items() if key not in over},
            **{(each.gate, each.symbol): each.since_ms for each in fresh},
        }


def _kind(gate: Gate) -> Kind:
    return Kind.STALE_FEED if gate in FEEDS else Kind.GATE


class Lag:
    """Tells that rows wait, once until they do not, and of every row that the ledger refuses."""

    def __init__(self) -> None:
        self._told, self._parked = False, 0

    def look(self, pending: int, oldest_ms: int | None, parked: int, now_ms: int) -> Iterator[Notification]:
        """Compare with what waits now."""
        late = oldest_ms is not None and now_ms - oldest_ms > LAG_MS
        if late and not self._told and oldest_ms is not None:
            text = f"{pending} rows wait for the ledger, the oldest for {lasting(now_ms - oldest_ms)}; they are on disk"
            yield Notification(kind=Kind.OUTBOX_LAG, text=text)
        elif self._told and not late:
            yield Notification(kind=Kind.OUTBOX_LAG, text=f"the ledger takes rows again, {pending} wait")
        self._told = late
        if parked > self._parked:
            yield Notification(kind=Kind.OUTBOX_LAG, text=f"{parked} rows are refused by the ledger and set aside")
        self._parked = parked
