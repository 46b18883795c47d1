"""The world outside the actors, as cheap as it can be: it counts, keeps in memory, and says when."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.bench.market import SLICES_PER_S, START_MS, slice_ms
from vortex.domain.decision import Decision
from vortex.domain.market import Interval, MarketValue
from vortex.domain.order import SymbolSetup
from vortex.domain.signal import Signal
from vortex.messages import (
    ClosePosition,
    DeregisterSymbol,
    OpenPosition,
    Operate,
    Recipient,
    RecordRejection,
    RecordTrade,
    RegisterSymbol,
    SymbolReconciled,
)
from vortex.ports import HotStore, MarketSink
from vortex.queries import ExchangeStatus, GetExchange, GetOutbox, HotStoreStatus, OutboxStatus
from vortex.runtime import Actor

POLL_S = 0.005
QUIET = ExchangeStatus(
    reconciled=True, user_stream_ms=None, weight_used_1m=0, orders_1m=0, unknown_orders=0, unsettled=(), halted=(),
    flattening=(), trades={},
)  # fmt: skip


class SteppedClock:
    """Stands still until it is moved to the next slice; who waits for a time on it looks again every 5 ms."""

    def __init__(self) -> None:
        self._now_ms = START_MS

    def move(self, number: int) -> None:
        """Go to a slice."""
        self._now_ms = slice_ms(number)

    def now_ms(self) -> int:
        return self._now_ms

    def monotonic_ms(self) -> float:
        return float(self._now_ms - START_MS)

    def real_s(self, duration_ms: float) -> float:
        return min(POLL_S, duration_ms / 1000.0)


class RunningClock:
    """Real time, counted from the start of the market."""

    def __init__(self) -> None:
        self._start_s = time.monotonic()

    def restart(self) -> None:
        """Now is the start of the market."""
        self._start_s = time.monotonic()

    def due(self) -> int:
        """How many slices should have been delivered by now."""
        return int((time.monotonic() - self._start_s) * SLICES_PER_S) + 1

    def wait_for(self, number: float) -> None:
        """Sleep until a slice, or a part of one, is due."""
        left_s = number / SLICES_PER_S - (time.monotonic() - self._start_s)
        if left_s > 0.0:
            time.sleep(left_s)

    def now_ms(self) -> int:
        return START_MS + int(self.monotonic_ms())

    def monotonic_ms(self) -> float:
        return (time.monotonic() - self._start_s) * 1000.0

    def real_s(self, duration_ms: float) -> float:
        return duration_ms / 1000.0


class SilentFeed:
    """Implements ports.MarketFeed: the bench itself delivers."""

    def start(self, sink: MarketSink) -> None: ...

    def subscribe(self, symbol: str) -> None: ...

    def unsubscribe(self, symbol: str) -> None: ...

    def request_history(self, symbol: str, interval: Interval) -> None: ...

    def stop(self) -> None: ...


class MemoryJournal:
    """Implements ports.Journal without a disk."""

    def __init__(self) -> None:
        self._bodies: dict[tuple[str, str], bytes] = {}

    def append(self, kind: str, key: str, body: bytes) -> int:
        self._bodies[kind, key] = body
        return len(self._bodies)

    def latest(self, kind: str) -> dict[str, bytes]:
        return {key: body for (of, key), body in self._bodies.items() if of == kind and body}

    def close(self) -> None: ...


class Decisions:
    """Implements ports.HotStore: knows which book of each symbol was decided last, and when.

    Attributes:
        epochs: Newest epoch decided, by symbol.
        signals: What the engines of each symbol had said at the last decision.
        decided: Books decided so far, all symbols; `expect` waits for it.
        on_decided: Told symbol and epoch of each, on the thread that mirrors.

    Args:
        behind: A store that is told everything, too.
    """

    def __init__(self, behind: HotStore | None = None) -> None:
        self._behind = behind
        self.epochs: dict[str, int] = {}
        self.signals: dict[str, Mapping[str, Signal | None]] = {}
        self.decided = 0
        self.on_decided: Callable[[str, int], object] = lambda _symbol, _epoch: None
        self._newest: dict[str, object] = {}
        self._target = 0
        self._reached = threading.Event()

    def put(self, values: Mapping[str, object]) -> None:
        self._newest.update(values)
        for value in values.values():
            if isinstance(value, dict) and isinstance(decision := value.get("decision"), Decision):
                self.signals[decision.symbol] = value["signals"]
                self._decide(decision)
        if self._behind is not None:
            self._behind.put(values)

    def delete(self, keys: Sequence[str]) -> None: ...

    def get(self, keys: Sequence[str]) -> dict[str, object]:
        return {key: self._newest[key] for key in keys if key in self._newest}

    def observe(self, value: MarketValue) -> None:
        if self._behind is not None:
            self._behind.observe(value)

    def recall(self, symbol: str, recipient: Recipient) -> None: ...

    def status(self) -> HotStoreStatus:
        return HotStoreStatus(kind="memory", state="OK", since_ms=START_MS, lost=0)

    def close(self) -> None: ...

    def expect(self, books: int, timeout_s: float) -> None:
        """Wait until this many books were decided in all. Raises TimeoutError."""
        self._reached.clear()
        self._target = books
        if self.decided < books and not self._reached.wait(timeout_s):
            raise TimeoutError(f"{self.decided} of {books} books decided")

    def _decide(self, decision: Decision) -> None:
        if decision.epoch > self.epochs.get(decision.symbol, 0):
            self.epochs[decision.symbol] = decision.epoch
            self.decided += 1
            self.on_decided(decision.symbol, decision.epoch)
            if self.decided == self._target:
                self._reached.set()


class CountingStorage(Actor):
    """Stands where the storage actor does."""

    def __init__(self, written: list[object]) -> None:
        self._written = written

    def handlers(self) -> Mapping[type, Callable[[Any], object]]:
        idle = OutboxStatus(pending=0, oldest_ms=None, parked=0)
        records: dict[type, Callable[[Any], object]] = dict.fromkeys(
            (RecordTrade, RecordRejection), self._written.append
        )
        return {**records, GetOutbox: lambda _question: idle}


class FlatExchange(Actor):
    """Stands where the exchange actor does: every symbol is flat, every order is noted and nothing more."""

    def __init__(self, setup: SymbolSetup, on_order: Callable[[object], object]) -> None:
        self._setup = setup
        self._on_order = on_order

    def handlers(self) -> Mapping[type, Callable[[Any], object]]:
        kinds: tuple[type, ...] = (OpenPosition, ClosePosition, DeregisterSymbol, Operate)
        orders = dict.fromkeys(kinds, self._on_order)
        return {RegisterSymbol: self._on_register, GetExchange: lambda _question: QUIET, **orders}

    def _on_register(self, message: RegisterSymbol) -> None:
        truth = SymbolReconciled(symbol=message.symbol, setup=self._setup, trade=None)
        for recipient in (message.supervisor, message.decision, message.monitor):
            recipient.tell(truth)
