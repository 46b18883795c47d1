"""Recorded runs of the product's tree on the simulator's core: in virtual time, or live on real threads."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from decimal import Decimal
from functools import partial
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from tests.kit.living_tree import QUICK
from tests.kit.processes import REPOSITORY
from tests.kit.virtual import START_MS, Files
from vortex.actors.feed import SubscriptionTable
from vortex.adapters.clock import SimulatorClock
from vortex.app.replay.entries import Header, Reconfigured, Record
from vortex.app.replay.recorder import Noted, Recorder
from vortex.app.replay.recording import as_entry
from vortex.app.wiring import Ports, Wiring
from vortex.config import Config, load
from vortex.domain.decision import Decision
from vortex.domain.indicators.flow import BookFlow
from vortex.domain.market import Interval
from vortex.domain.order import ExchangeRequest
from vortex.domain.pnl import RowLabels
from vortex.messages import AddSymbol, Mirror, Recipient
from vortex.ports import Clock, Exchange, MarketFeed, MarketSink, Usage
from vortex.runtime import ActorSystem, Address, PoolDispatcher, VirtualDispatcher
from vortex.sim.core.exchange import ExchangeCore
from vortex.sim.core.world import Latency, World
from vortex.sim.market.sources import DEFAULT_MARKETS, open_markets
from vortex.sim.virtual import Scheduler, VirtualVenue

LABELS = RowLabels(mode="paper", account="main", market_source="recorded", profile="quick")
SEED = "a seed"
T = TypeVar("T")


def quick_config(*pairs: str, **settings: str) -> Config:
    """The paper profile with a trade of seconds every few seconds."""
    environ = {**QUICK, "TRADING_PAIRS": ",".join(pairs), **settings}
    return load([REPOSITORY / "config" / "paper.toml"], environ).config


class RecordedRun:
    """One system that is recorded in memory.

    Attributes:
        system: The actors.
        notes: What was recorded.
        decisions: Every decision that was mirrored, also those that a newer one superseded before anyone saw them.
    """

    def __init__(self, config: Config, dispatcher: VirtualDispatcher | PoolDispatcher, ports: Ports, seed: int) -> None:
        self._header = Header(seed=SEED, config=config, labels=LABELS)
        self.notes: list[Noted] = []
        self.decisions: list[Decision] = []
        self.recorder = Recorder(ports.clock, self.notes.append)
        self.failures: list[BaseException] = []
        self.system = ActorSystem(dispatcher, on_root_failure=self.failures.append, recorder=self.recorder)
        wiring = self._wiring = Wiring(
            config=config,
            ports=self.recorder.ports(ports, SEED),
            labels=LABELS,
            random=Random(seed),
            table=SubscriptionTable(ports.hot_store.observe),
        )
        root = self.system.address(None, "root")
        self._listen(self.system.address(root, "hot_store"))
        self.system.start_root(wiring.root())

    def record(self) -> Record:
        """What was recorded so far."""
        return Record(self._header, [as_entry(noted) for noted in self.notes.copy()])

    def noted(self, kind: type[T]) -> list[T]:
        """What was recorded of one kind so far."""
        return [noted for noted in self.notes.copy() if isinstance(noted, kind)]

    def add(self, symbol: str, config: Config) -> None:
        """Trade one more symbol, by this configuration, as a reload does it."""
        self.recorder.keep(Reconfigured(config))
        self._wiring.reconfigure(config)
        self.tell("root", AddSymbol(symbol=symbol))

    def tell(self, path: str, message: object) -> None:
        address = self.system.find(path)
        assert address is not None, path
        address.tell(message)

    def generation(self, path: str) -> int:
        address = self.system.find(path)
        return 0 if address is None else address.generation

    def _listen(self, hot_store: Address) -> None:
        deliver = hot_store.tell

        def tell(message: object) -> None:
            if isinstance(message, Mirror) and isinstance(message.value, dict) and "decision" in message.value:
                self.decisions.append(message.value["decision"])
            deliver(message)

        hot_store.tell = tell  # type: ignore[method-assign]  # a test's ear


def virtual(config: Config, data_dir: Path, *, seed: int = 1) -> tuple[RecordedRun, VirtualDispatcher]:
    """A recorded run in virtual time; nothing has happened yet."""
    dispatcher = VirtualDispatcher(seed, START_MS)
    venue = _venue(config, dispatcher, seed)
    files = Files.open(data_dir, dispatcher)
    ports = _ports(dispatcher, lambda: venue.exchange, lambda: venue.feed, files)
    return RecordedRun(config, dispatcher, ports, seed), dispatcher


@contextmanager
def live(config: Config, data_dir: Path, *, speed: float, seed: int = 1) -> Iterator[RecordedRun]:
    """A recorded run on the threads of production, `speed` times as fast as real time; stopped at the end."""
    clock = SimulatorClock(START_MS, speed)
    market = MarketThread(clock)
    venue = _venue(config, market, seed)
    files = Files.open(data_dir, clock)
    exchange, feed = partial(ThreadedExchange, venue.exchange, market), partial(ThreadedFeed, venue.feed, market)
    run = RecordedRun(config, PoolDispatcher(clock), _ports(clock, exchange, feed, files), seed)
    try:
        yield run
    finally:
        assert run.system.stop(60.0)
        market.stop()
        assert run.failures == []


def _venue(config: Config, scheduler: Scheduler, seed: int) -> VirtualVenue:
    sources = open_markets(DEFAULT_MARKETS, seed=config.sim.seed)
    core = ExchangeCore([spec for source in sources for spec in source.specs], balance_usdt=Decimal(10_000))
    world = World(core, sources, latency=Latency(), seed=seed, start_ms=START_MS)
    flow = config.engines.order_flow
    return VirtualVenue(world, scheduler, lambda: BookFlow(flow.depth, flow.decay, flow.levels))


def _ports(clock: Clock, exchange: Callable[[], Exchange], feed: Callable[[], MarketFeed], files: Files) -> Ports:
    return Ports(
        clock=clock, ids=_NoIds(), exchange=exchange, feed=feed, hot_store=files.hot_store,
        cold_store=files.cold_store, journal=files.journal, outbox=files.outbox, courier=lambda: files.courier,
    )  # fmt: skip


def unused_ports(**ports: Any) -> Ports:
    """These ports, and nothing where the others are."""
    nothing: dict[str, Any] = dict.fromkeys(field.name for field in fields(Ports))
    return Ports(**(nothing | ports))


class _NoIds:
    """The recorder brings its own."""

    def uuid(self) -> str:
        raise AssertionError


class MarketThread:
    """The virtual venue's scheduler on a thread of its own, by a clock that runs."""

    def __init__(self, clock: SimulatorClock) -> None:
        self._clock = clock
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._changed = threading.Condition()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="market", daemon=True)
        self._thread.start()

    def now_ms(self) -> int:
        return self._clock.now_ms()

    def call_at(self, t_ms: float, fire: Callable[[], None], /) -> None:
        with self._changed:
            heapq.heappush(self._due, (t_ms, next(self._order), fire))
            self._changed.notify()

    def soon(self, fire: Callable[[], None]) -> None:
        """Call on the market's thread: the venue is used by no other."""
        self.call_at(0.0, fire)

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while (fire := self._next()) is not None:
            fire()

    def _next(self) -> Callable[[], None] | None:
        with self._changed:
            while not self._stopped:
                left_ms = self._due[0][0] - self._clock.now_ms() if self._due else 1_000.0
                if left_ms <= 0.0:
                    return heapq.heappop(self._due)[-1]
                self._changed.wait(self._clock.real_s(left_ms))
            return None


class ThreadedExchange:
    """The virtual exchange port for actors on other threads."""

    def __init__(self, port: Exchange, market: MarketThread) -> None:
        self._port, self._soon = port, market.soon

    def start(self, recipient: Recipient) -> None:
        self._soon(partial(self._port.start, recipient))

    def send(self, request: ExchangeRequest, timeout_ms: int) -> None:
        self._soon(partial(self._port.send, request, timeout_ms))

    def usage(self) -> Usage:
        return Usage()

    def stop(self) -> None:
        self._soon(self._port.stop)


class ThreadedFeed:
    """The virtual feed port for actors on other threads."""

    def __init__(self, port: MarketFeed, market: MarketThread) -> None:
        self._port, self._soon = port, market.soon

    def start(self, sink: MarketSink) -> None:
        self._soon(partial(self._port.start, sink))

    def subscribe(self, symbol: str) -> None:
        self._soon(partial(self._port.subscribe, symbol))

    def unsubscribe(self, symbol: str) -> None:
        self._soon(partial(self._port.unsubscribe, symbol))

    def request_history(self, symbol: str, interval: Interval) -> None:
        self._soon(partial(self._port.request_history, symbol, interval))

    def stop(self) -> None:
        self._soon(self._port.stop)


def until(holds: Callable[[], bool], patience_s: float) -> None:
    """Wait in real time until this holds."""
    deadline_s = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < deadline_s, f"in vain for {patience_s} s"
        time.sleep(0.02)
