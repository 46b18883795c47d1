"""The ear of a run: notes what actors handle, what they read at the start and what they send to the exchange."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import TypeAlias
from uuid import UUID

from vortex.app.replay.entries import Loaded, Note, Reconfigured, Sent, Used
from vortex.app.wiring import Ports
from vortex.domain.order import ExchangeRequest
from vortex.messages import Recipient
from vortex.ports import Clock, Exchange, Journal, Usage
from vortex.runtime.control import Beat

Noted: TypeAlias = Note | Sent | Used | Loaded | Reconfigured
Incarnation: TypeAlias = tuple[str, int]


class _Here(threading.local):
    """What the actor on this thread handles: by whom and when; without one there is no time."""

    who: Incarnation = ("", 0)
    now_ms: int | None = None
    monotonic_ms: float = 0.0


class Recorder:
    """Implements the runtime's Recorder. For an actor time stands still while it handles a message.

    Args:
        clock: Whose time is noted.
        keep: Takes every note, in one order for all threads, and must not wait. May be replaced at any time.
    """

    def __init__(self, clock: Clock, keep: Callable[[Noted], object]) -> None:
        self.keep = keep
        self._clock = clock
        self._here = _Here()

    def handling(self, path: str, generation: int, message: object | None) -> None:
        here = self._here
        here.who = path, generation
        here.now_ms, here.monotonic_ms = self._clock.now_ms(), self._clock.monotonic_ms()
        if type(message) is not Beat:  # the watchdog's question changes nothing
            self.keep(Note(path, generation, here.now_ms, here.monotonic_ms, message))

    def now_ms(self) -> int:
        now_ms = self._here.now_ms
        return self._clock.now_ms() if now_ms is None else now_ms

    def monotonic_ms(self) -> float:
        return self._clock.monotonic_ms() if self._here.now_ms is None else self._here.monotonic_ms

    def real_s(self, duration_ms: float) -> float:
        return self._clock.real_s(duration_ms)

    def incarnation(self) -> Incarnation:
        """Path and generation of the actor that runs on this thread."""
        return self._here.who

    def ports(self, ports: Ports, seed: str) -> Ports:
        """These ports with an ear at what a replay must know, and with ids that it can repeat."""
        told = _Told(self)
        return replace(
            ports,
            ids=IdStreams(seed, self.incarnation),
            exchange=lambda: _NotedExchange(ports.exchange(), self, told),
            journal=_NotedJournal(ports.journal, self),
        )


class IdStreams:
    """Ids as unique as the seed, one stream for each incarnation: who draws when does not matter to others.

    Args:
        seed: Any text.
        who: The incarnation that draws now.
    """

    def __init__(self, seed: str, who: Callable[[], Incarnation]) -> None:
        self._seed = seed
        self._who = who
        self._streams: dict[str, tuple[int, Random]] = {}

    def uuid(self) -> str:
        path, generation = self._who()
        drawn, stream = self._streams.get(path, (0, None))
        if stream is None or drawn != generation:
            stream = Random(f"{self._seed} {path} {generation}")  # noqa: S311  # ids are no secret
            self._streams[path] = generation, stream
        return str(UUID(int=stream.getrandbits(128), version=4))


class _Told:
    """Notes what the exchange actor was told of the request budget, whenever that is something new."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._questions = 0
        self._last = Usage()

    def note(self, usage: Usage) -> Usage:
        if usage != self._last:
            self._last = usage
            self._recorder.keep(Used(self._questions, usage))
        self._questions += 1
        return usage


class _NotedExchange:
    """An exchange port; each request is noted before it leaves."""

    def __init__(self, port: Exchange, recorder: Recorder, told: _Told) -> None:
        self._port, self._recorder, self._told = port, recorder, told

    def start(self, recipient: Recipient) -> None:
        self._port.start(recipient)

    def send(self, request: ExchangeRequest, timeout_ms: int) -> None:
        self._recorder.keep(Sent(request, timeout_ms))
        self._port.send(request, timeout_ms)

    def usage(self) -> Usage:
        return self._told.note(self._port.usage())

    def stop(self) -> None:
        self._port.stop()


class _NotedJournal:
    """A journal; what it held of each kind is noted when it is first read. From then on the actors' writes tell all."""

    def __init__(self, journal: Journal, recorder: Recorder) -> None:
        self._journal, self._recorder = journal, recorder
        self._noted: set[str] = set()

    def append(self, kind: str, key: str, body: bytes) -> int:
        return self._journal.append(kind, key, body)

    def latest(self, kind: str) -> dict[str, bytes]:
        bodies = self._journal.latest(kind)
        if kind not in self._noted:
            self._noted.add(kind)
            self._recorder.keep(Loaded(kind, bodies))
        return bodies

    def close(self) -> None:
        self._journal.close()
