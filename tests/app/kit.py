"""A tiny running system: real actors on threads that know the queries, the real API on a real port, a plain client."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from random import Random
from threading import Event
from typing import Any, NamedTuple

from vortex.adapters.clock import SystemClock
from vortex.adapters.sqlite.cold_store import SqliteColdStore
from vortex.app.api import Api
from vortex.app.control import ControlServer
from vortex.app.status import StatusReader
from vortex.domain.pnl import RowLabels
from vortex.domain.risk.view import AccountView
from vortex.messages import (
    ExchangeStatus,
    GateClosed,
    GetAccount,
    GetExchange,
    GetFeedAges,
    GetMirror,
    GetOutbox,
    GetSymbolStatus,
    OutboxStatus,
    SymbolStatus,
)
from vortex.runtime import Actor, ActorSystem, ChildSpec, Crash, RestartLimits, Supervisor, ThreadDispatcher

TIMEOUT_S = 10.0
LABEL = "PAPER · tiny profile · nothing at all"
LABELS = RowLabels(mode="paper", account="main", market_source="nothing at all", profile="tiny profile")
SYMBOLS = ("BTCUSDT", "ETHUSDT")


class Replier(Actor):
    """Answers each query as told; a reply that is an Event blocks the actor until it is set."""

    def __init__(self, replies: Mapping[type, object]) -> None:
        self._replies = replies

    def handlers(self) -> Mapping[type, Callable[[Any], object]]:
        return dict.fromkeys(self._replies, self._on_query)

    def _on_query(self, message: object) -> object:
        reply = self._replies[type(message)]
        return reply.wait(TIMEOUT_S) if isinstance(reply, Event) else reply


class Last(Actor):
    """Starts last, and says so."""

    def __init__(self, started: Event) -> None:
        self._started = started

    def started(self) -> None:
        self._started.set()


class Root(Supervisor):
    def __init__(self, children: Sequence[ChildSpec]) -> None:
        super().__init__(limits=RestartLimits(5, 60.0), random=Random(1))
        self._specs = children

    def children(self) -> Sequence[ChildSpec]:
        return self._specs


def replies(gates: Sequence[GateClosed] = ()) -> dict[str, dict[type, object]]:
    """By path, what a healthy system answers; `gates` are closed for every symbol."""
    exchange = ExchangeStatus(
        reconciled=True,
        user_stream_ms=1,
        weight_used_1m=7,
        orders_1m=2,
        unknown_orders=0,
        unsettled=(),
        halted=(),
        flattening=(),
        trades={},
    )
    return {
        "hot_store": {GetMirror: {}},
        "storage": {GetOutbox: OutboxStatus(pending=0, oldest_ms=None, parked=0)},
        "exchange": {GetExchange: exchange},
        "account": {GetAccount: AccountView(ts_ms=1, equity_usdt=Decimal("9999.5"))},
        "feed": {GetFeedAges: {}},
        **{
            symbol: {
                GetSymbolStatus: SymbolStatus(symbol=symbol, state="READY", entry_allowed=not gates, gates=tuple(gates))
            }
            for symbol in SYMBOLS
        },
    }


@contextmanager
def running(actors: Mapping[str, Mapping[type, object]]) -> Iterator[tuple[ActorSystem, StatusReader]]:
    """These actors, up and running."""
    clock = SystemClock()
    system = ActorSystem(ThreadDispatcher(clock), on_root_failure=print)
    specs = [ChildSpec(path, partial(Replier, answers)) for path, answers in actors.items()]
    started = Event()
    specs.append(ChildSpec("last", partial(Last, started)))
    system.start_root(ChildSpec("root", lambda: Root(specs)))
    try:
        assert started.wait(TIMEOUT_S)
        yield system, StatusReader(system=system, symbols=SYMBOLS, clock=clock, labels=LABELS, simulated=True)
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
    """Asks one API; `crashes` are those it sent."""

    url: str
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

    def crash(self, body: bytes, **headers: str) -> Reply:
        return self.send("POST", "/api/chaos/crash", body, content_type="application/json", **headers)


@contextmanager
def served(
    folder: Path,
    reader: StatusReader,
    system: ActorSystem,
    *,
    host: str = "127.0.0.1",
    token: str = "",
    chaos: bool = True,
) -> Iterator[Client]:
    """The API of this system on a free port; chaos only notes what it would do."""
    store = SqliteColdStore.open(folder / "vortex.db")
    crashes: list[tuple[str, Crash]] = []

    def crash(path: str, order: Crash) -> bool:
        crashes.append((path, order))
        return system.find(path) is not None

    api = Api(
        reader=reader, store=store, crash=crash if chaos else None, host=host, token=token, label=LABEL
    )  # fmt: skip
    server = ControlServer("127.0.0.1", 0)
    server.serve(api.app())
    try:
        yield Client(server.url, crashes)
    finally:
        server.stop()
        store.close()
