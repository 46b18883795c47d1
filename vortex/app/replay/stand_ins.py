"""What stands where the world was: a port that compares, a journal in memory, ids from the record's seed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from vortex.adapters.memory import MemoryHotStore
from vortex.app.replay.entries import Loaded, Record, Sent, Used, encode
from vortex.app.replay.mail import DifferenceError, shown
from vortex.app.replay.recorder import IdStreams, Incarnation
from vortex.app.wiring import Ports
from vortex.domain.order import ExchangeRequest
from vortex.messages import Recipient
from vortex.ports import Clock, Usage

NOTHING: Any = None
"""A store of which only witnesses would know."""


class ComparingExchange:
    """Implements ports.Exchange: keeps what is sent, and holds it against what the record says was sent.

    Args:
        told: What the recorded run was told of the request budget, in order.
    """

    def __init__(self, told: Iterable[Used] = ()) -> None:
        self._told = deque(told)
        self._usage = Usage()
        self._questions = 0
        self.requests: list[ExchangeRequest] = []
        self._waiting: deque[Sent] = deque()

    def start(self, recipient: Recipient) -> None: ...

    def send(self, request: ExchangeRequest, timeout_ms: int) -> None:
        self.requests.append(request)
        self._waiting.append(Sent(request, timeout_ms))

    def usage(self) -> Usage:
        """What the recorded run was told when it asked the same question."""
        while self._told and self._told[0].question <= self._questions:
            self._usage = self._told.popleft().usage
        self._questions += 1
        return self._usage

    def stop(self) -> None: ...

    def compare(self, recorded: Sent) -> None:
        """The record says that this left. Raises DifferenceError when the replay sent something else or nothing."""
        if not self._waiting:
            raise DifferenceError(f"the record sends {shown(recorded.request)}, the replay nothing")
        sent = self._waiting.popleft()
        if encode(sent) != encode(recorded):
            raise DifferenceError(f"the record sends {shown(recorded)}, the replay {shown(sent)}")

    def check(self) -> None:
        """Raise DifferenceError when the replay sent something that the record does not have."""
        if self._waiting:
            raise DifferenceError(f"the replay sends {shown(self._waiting[0].request)}, the record nothing")


class LoadedJournal:
    """Implements ports.Journal in memory, with what the recorded run found in its own."""

    def __init__(self, loaded: Iterable[Loaded]) -> None:
        self._bodies: dict[str, dict[str, bytes]] = {}
        for entry in loaded:
            self._bodies.setdefault(entry.kind, dict(entry.bodies))

    def append(self, kind: str, key: str, body: bytes) -> int:
        bodies = self._bodies.setdefault(kind, {})
        bodies.pop(key, None)  # the newest is the last
        if body:
            bodies[key] = body
        return 0  # nobody asks for the number

    def latest(self, kind: str) -> dict[str, bytes]:
        return dict(self._bodies.get(kind, {}))

    def close(self) -> None: ...


def stand_ins(record: Record, port: ComparingExchange, clock: Clock, who: Callable[[], Incarnation]) -> Ports:
    """Everything outside the replayed actors."""
    loaded = (entry for entry in record.entries if isinstance(entry, Loaded))
    return Ports(
        clock=clock,
        ids=IdStreams(record.header.seed, who),
        exchange=lambda: port,
        feed=_no_feed,
        hot_store=MemoryHotStore(clock.now_ms),
        cold_store=NOTHING,
        journal=LoadedJournal(loaded),
        outbox=NOTHING,
        courier=lambda: NOTHING,
    )


def _no_feed() -> NoReturn:
    raise DifferenceError("the feed actor is a witness")
