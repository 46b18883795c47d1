"""A tiny running system: real actors on threads that know the queries, the real API on a real port, a plain client."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from http.client import HTTPConnection
from inspect import isfunction
from pathlib import Path
from queue import SimpleQueue
from random import Random
from threading import Event
from typing import Any, NamedTuple

from vortex.adapters.clock import SystemClock
from vortex.adapters.memory import MemoryHotStore
from vortex.adapters.sqlite.cold_store import SqliteColdStore
from vortex.app.api.application import Api
from vortex.app.api.server import ControlServer
from vortex.app.api.status import StatusReader
from vortex.app.candles import Candles
from vortex.app.metrics.collector import Metrics
from vortex.app.notify_systemd import Systemd
from vortex.app.operate import Operator
from vortex.app.reload import Reloader
from vortex.config import Config, ConfigError, Loaded, load
from vortex.domain.meters import Meters
from vortex.domain.pnl import RowLabels
from vortex.domain.risk.view import AccountView
from vortex.domain.trade import OpenTrade
from vortex.messages import AddSymbol, GateClosed, Operate, RemoveSymbol
from vortex.ports import Clock, ColdStore
from vortex.queries import (
    ExchangeStatus,
    GetAccount,
    GetExchange,
    GetFeedAges,
    GetMirror,
    GetOutbox,
    GetSymbolStatus,
    OutboxStatus,
    SymbolStatus,
)
from vortex.runtime import Actor, ActorSystem, Address, ChildSpec, Crash, RestartLimits, Supervisor, ThreadDispatcher

TIMEOUT_S = 30.0
LABEL = "PAPER · tiny profile · nothing at all"
LABELS = RowLabels(mode="paper", account="main", market_source="nothing at all", profile="tiny profile")
SYMBOLS = ("BTCUSDT", "ETHUSDT")


class Replier(Actor):
    """Answers each query as told; a reply that is an Event blocks the actor until it is set, a function is called."""

    def __init__(self, replies: Mapping[type, object]) -> None:
        self._replies = replies

    def handlers(self) -> Mapping[type, Callable[[Any], object]]:
        return dict.fromkeys(self._replies, self._on_query)

    def _on_query(self, message: object) -> object:
        reply = self._replies[type(message)]
        if isinstance(reply, Event):
            return reply.wait(TIMEOUT_S)
        return reply(message) if isfunction(reply) else reply


class Root(Supervisor):
    """Says when its last child has started; notes what it is told, or stops a symbol at once."""

    def __init__(self, children: Sequence[ChildSpec], started: Event, told: SimpleQueue[object]) -> None:
        super().__init__(limits=RestartLimits(5, 60.0), random=Random(1))
        self._specs, self._all_started, self._told = children, started, told

    def handlers(self) -> Mapping[type, Callable[[Any], object]]:
        return {
            **super().handlers(),
            **dict.fromkeys((AddSymbol, Operate), self._told.put),
            RemoveSymbol: lambda message: self.stop_child(message.symbol),
        }

    def children(self) -> Sequence[ChildSpec]:
        if not self._specs:
            self._all_started.set()
        return self._specs

    def child_started(self, name: str, address: Address) -> None:  # noqa: ARG002  # a hook's signature
        if name == self._specs[-1].name:
            self._all_started.set()


def concerned(order: Operate) -> tuple[str, ...]:
    """What the exchange actor answers to an order."""
    return SYMBOLS if order.symbol is None else (order.symbol,)


def exchange_status(
    *,
    halted: tuple[str, ...] = (),
    flattening: tuple[str, ...] = (),
    trades: Sequence[OpenTrade] = (),
    user_stream_ms: int | None = 1,
    unknown_orders: int = 0,
) -> ExchangeStatus:
    """A quiet exchange."""
    return ExchangeStatus(
        reconciled=True,
        user_stream_ms=user_stream_ms,
        weight_used_1m=7,
        orders_1m=2,
        unknown_orders=unknown_orders,
        unsettled=(),
        halted=halted,
        flattening=flattening,
        trades={trade.plan.symbol: trade for trade in trades},
    )


def symbol_status(symbol: str, state: str = "READY", gates: Sequence[GateClosed] = ()) -> dict[type, object]:
    """What a symbol's supervisor answers."""
    status = SymbolStatus(symbol=symbol, state=state, entry_allowed=not gates, gates=tuple(gates))
    return {GetSymbolStatus: status}


def replies(gates: Sequence[GateClosed] = ()) -> dict[str, dict[type, object]]:
    """By path, what a healthy system answers; `gates` are closed for every symbol."""
    return {
        "hot_store": {GetMirror: {}},
        "storage": {GetOutbox: OutboxStatus(pending=0, oldest_ms=None, parked=0)},
        "exchange": {GetExchange: exchange_status(), Operate: concerned},
        "account": {GetAccount: AccountView(ts_ms=1, equity_usdt=Decimal("9999.5"))},
        "feed": {GetFeedAges: {}},
        **{symbol: symbol_status(symbol, gates=gates) for symbol in SYMBOLS},
    }


class Tiny(NamedTuple):
    """A running system; `told` is what its root was told."""

    system: ActorSystem
    reader: StatusReader
    told: SimpleQueue[object]


@contextmanager
def running(actors: Mapping[str, Mapping[type, object]]) -> Iterator[Tiny]:
    """These actors, up and running."""
    clock = SystemClock()
    system = ActorSystem(ThreadDispatcher(clock), on_root_failure=print)
    specs = [ChildSpec(path, partial(Replier, answers), budget_s=TIMEOUT_S) for path, answers in actors.items()]
    started, told = Event(), SimpleQueue[object]()
    system.start_root(ChildSpec("root", lambda: Root(specs, started, told)))
    try:
        assert started.wait(TIMEOUT_S)
        hot_store = MemoryHotStore(clock.now_ms)
        reader = StatusReader(
            system=system, pairs=lambda: SYMBOLS, clock=clock, labels=LABELS, simulated=True, hot_store=hot_store.status
        )
        yield Tiny(system, reader, told)
    finally:
        for event in (reply for answers in actors.values() for reply in answers.values() if isinstance(reply, Event)):
            event.set()
        assert system.stop(TIMEOUT_S)


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: Any

    @property
    def code(self) -> str:
        """The error's code; every error has this shape."""
        assert set(self.body) == {"error"}
        assert set(self.body["error"]) == {"code", "message"}
        assert self.body["error"]["message"]
        return str(self.body["error"]["code"])


@dataclass(frozen=True, slots=True)
class Client:
    """Asks one API; `crashes` are those it sent, `folder` holds its files."""

    url: str
    folder: Path
    crashes: list[tuple[str, Crash]]

    def send(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
        """One request; underscores in header names are hyphens."""
        connection = HTTPConnection("127.0.0.1", int(self.url.rpartition(":")[2]), timeout=TIMEOUT_S)
        try:
            connection.request(method, path, body, {key.replace("_", "-"): text for key, text in headers.items()})
            reply = connection.getresponse()
            return Reply(reply.status, {k.lower(): v for k, v in reply.getheaders()}, json.loads(reply.read()))
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Reply:
        return self.send("GET", path, None, **headers)

    def post(self, path: str, body: bytes = b"", **headers: str) -> Reply:
        return self.send("POST", path, body, content_type="application/json", **headers)

    def crash(self, body: bytes, **headers: str) -> Reply:
        return self.post("/api/chaos/crash", body, **headers)


def reloader_of(config: Config, told: SimpleQueue[object], read: Callable[[], Loaded]) -> Reloader:
    """Applies to a root that only notes what it is told; the exchange lists three pairs."""

    def check_pairs(pairs: tuple[str, ...]) -> None:
        if missing := [pair for pair in pairs if pair not in (*SYMBOLS, "SOLUSDT")]:
            raise ConfigError(f"trading_pairs = {missing[0]}: not listed")

    return Reloader(
        config,
        read=read,
        check_pairs=check_pairs,
        reconfigure=told.put,
        tell_root=told.put,
        set_log=told.put,
        systemd=Systemd(""),
    )


def metrics_of(reader: StatusReader, meters: Meters, folder: Path, clock: Clock | None = None) -> Metrics:
    """The metrics of a system on paper."""
    return Metrics(
        reader=reader, meters=meters, clock=clock or SystemClock(), labels=LABELS, simulated=True, folder=folder,
        label=LABEL,
    )  # fmt: skip


@contextmanager
def served(
    folder: Path,
    tiny: Tiny,
    *,
    host: str = "127.0.0.1",
    token: str = "",
    chaos: bool = True,
    candles: Candles | None = None,
    store: ColdStore | None = None,
) -> Iterator[Client]:
    """The API of this system on a free port; chaos only notes what it would do."""
    store = store or SqliteColdStore.open(folder / "vortex.db")
    crashes: list[tuple[str, Crash]] = []

    def crash(path: str, order: Crash) -> bool:
        crashes.append((path, order))
        return tiny.system.find(path) is not None

    read = partial(load, [folder / "x.toml"], {})
    api = Api(
        reader=tiny.reader,
        operator=Operator(tiny.system, tiny.reader.symbols, folder / "HALT"),
        reloader=reloader_of(load([], {}).config, tiny.told, read),
        store=store,
        metrics=metrics_of(tiny.reader, Meters(), folder),
        candles=candles or Candles(),
        crash=crash if chaos else None,
        host=host,
        token=token,
        label=LABEL,
    )
    server = ControlServer("127.0.0.1", 0)
    server.serve(api.app())
    try:
        yield Client(server.url, folder, crashes)
    finally:
        server.stop()
        store.close()
