"""The way from the exchange's streams to their readers, route by route, and what can be wrong with it.

A fault disturbs a whole route, not one socket: who connects while it lasts is disturbed too. It lasts for milliseconds
of the exchange's clock; faults of different kinds on one route add up, one of the same kind begins anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import StrEnum
from itertools import cycle
from typing import Annotated, Protocol, TypeAlias

from msgspec import Meta, Struct

from vortex.sim.server.malformed import cut, mistyped, without_symbol

Send: TypeAlias = Callable[[bytes], None]


class Route(StrEnum):
    """Where sockets are opened; a stream of market data lives on exactly one of the first two."""

    PUBLIC = "public"
    MARKET = "market"
    PRIVATE = "private"


class StreamFault(StrEnum):
    """What can be done to a route."""

    DROP = "drop"
    """Its sockets are cut; with a duration nobody can connect for so long."""

    SILENCE = "silence"
    """No data comes; sockets stay open and pings are answered."""

    HALF_OPEN = "half_open"
    """Nothing at all is read or sent, and new connections hang."""

    MALFORMED = "malformed"
    """Frames are, in turn, cut off, of wrong types, without `s`; without a duration only the next one."""

    GAP = "gap"
    """Frames are lost while their sequence goes on."""

    DUPLICATE = "duplicate"
    """Every frame comes twice."""

    REORDER = "reorder"
    """Neighbouring frames of one stream are swapped."""

    EXPIRE_LISTEN_KEY = "expire_listen_key"
    """The listen key ends now, as if it had not been kept alive."""


DEFAULT_MS = {
    StreamFault.DROP: 0, StreamFault.SILENCE: 10_000, StreamFault.HALF_OPEN: 10_000, StreamFault.GAP: 1_000,
    StreamFault.DUPLICATE: 5_000, StreamFault.REORDER: 5_000, StreamFault.MALFORMED: 60_000,
}  # fmt: skip
"""Duration when none is given; the next frame that is to be malformed is waited for so long."""

_LOST = (StreamFault.SILENCE, StreamFault.HALF_OPEN, StreamFault.GAP)


class StreamOrder(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """POST /sim/v1/stream."""

    do: StreamFault
    route: Route | None = None
    for_ms: Annotated[int, Meta(ge=1, le=86_400_000)] | None = None

    def checked_route(self) -> Route:
        """The route it is about. Raises ValueError when it names none, or one without listen keys for their end."""
        if self.do is StreamFault.EXPIRE_LISTEN_KEY:
            if self.route not in (None, Route.PRIVATE):
                raise ValueError(f"route: {self.route} has no listen key")
            return Route.PRIVATE
        if self.route is None:
            raise ValueError(f"route: {self.do} needs one of {' '.join(Route)}")
        return self.route


class Reader(Protocol):
    """A socket as its route handles it."""

    def abort(self) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...


class Line:
    """One route: which faults disturb it until when, and who reads from it."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self.readers: set[Reader] = set()
        self._now_ms = now_ms
        self._until_ms: dict[StreamFault, int] = {}
        self._passable = asyncio.Event()
        self._passable.set()
        self._held: dict[str, tuple[bytes, Send]] = {}
        self._spoil = cycle((cut, mistyped, without_symbol))
        self._once = False

    def disturb(self, fault: StreamFault, for_ms: int | None) -> None:
        """Begin a fault; None is its default duration."""
        self._until_ms[fault] = self._now_ms() + (DEFAULT_MS[fault] if for_ms is None else for_ms)
        if fault is StreamFault.DROP:
            for reader in tuple(self.readers):
                reader.abort()
        elif fault is StreamFault.HALF_OPEN:
            self._passable.clear()
            for reader in self.readers:
                reader.pause()
        elif fault is StreamFault.MALFORMED:
            self._spoil, self._once = cycle((cut, mistyped, without_symbol)), for_ms is None

    def active(self, fault: StreamFault) -> bool:
        return self._now_ms() < self._until_ms.get(fault, 0)

    def clear(self) -> None:
        """End every fault."""
        self._until_ms.clear()
        self.tick()

    def tick(self) -> None:
        """Undo what has lasted its time; to be called often."""
        if self._held and not self.active(StreamFault.REORDER):
            held, self._held = self._held, {}
            for frame, send in held.values():
                send(frame)
        if not self._passable.is_set() and not self.active(StreamFault.HALF_OPEN):
            self._passable.set()
            for reader in self.readers:
                reader.resume()

    async def admit(self) -> bool:
        """Wait until a new connection gets through; false when it is refused."""
        await self._passable.wait()
        return not self.active(StreamFault.DROP)

    def carry(self, stream: str, frame: bytes, send: Send) -> None:
        """Take a frame to its readers: once, twice, later, spoiled, or not at all."""
        if any(self.active(fault) for fault in _LOST):
            return
        if self.active(StreamFault.MALFORMED):
            frame = next(self._spoil)(frame)
            if self._once:
                del self._until_ms[StreamFault.MALFORMED]
        copies = 2 if self.active(StreamFault.DUPLICATE) else 1
        for ready in self._in_order(stream, frame, send):
            for _ in range(copies):
                send(ready)

    def _in_order(self, stream: str, frame: bytes, send: Send) -> tuple[bytes, ...]:
        held = self._held.pop(stream, None)
        if not self.active(StreamFault.REORDER):
            return (frame,) if held is None else (held[0], frame)
        if held is None:
            self._held[stream] = frame, send
            return ()
        return frame, held[0]


class Lines:
    """The three routes."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._lines = {route: Line(now_ms) for route in Route}

    def __getitem__(self, route: Route) -> Line:
        return self._lines[route]

    def tick(self) -> None:
        for line in self._lines.values():
            line.tick()

    def clear(self) -> None:
        """End every fault on every route."""
        for line in self._lines.values():
            line.clear()
