"""The private stream: listen keys, and who hears the account's events."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import TypeAlias

from msgspec import Struct

from vortex.sim.core.events import AccountPushed, UserEvent
from vortex.sim.core.types import RequestRefused, SimPosition
from vortex.sim.server.lines import Send
from vortex.sim.server.render import Json
from vortex.sim.server.sockets import Frames, Outlet
from vortex.sim.server.text import to_json
from vortex.sim.server.user_frames import user_frame

KEY_LIFE_MS = 60 * 60_000
GOODBYE_MS = 1_000
"""From the end of a key to the end of the sockets opened with it."""

Carry: TypeAlias = Callable[[str, bytes, Send], None]
ZERO = Decimal(0)


class ListenKey(Struct, kw_only=True):
    """The one key of the account while it is valid."""

    text: str
    expires_ms: int


class UserStream:
    """Sends the account's events to every socket opened with the valid key; nobody listening, they are gone.

    Args:
        shift_ms: By how much the times that clients see differ from the market's.
        key: The one that was valid before a restart.
        carry: Takes frames to the sockets, whatever may be wrong with the way.
    """

    def __init__(
        self, shift_ms: Callable[[], int], key: ListenKey | None = None, *, carry: Carry | None = None
    ) -> None:
        self._shift_ms = shift_ms
        self._carry = carry or _straight
        self._outlets: set[Outlet] = set()
        self._leaving: list[tuple[int, Outlet]] = []
        self._isolated: dict[str, Decimal] = {}
        self.key = key

    # --------------------------------------------------------------------------------------------- listen keys

    def open(self, now_ms: int) -> str:
        """A new key, or the same one with a new life while it is valid."""
        self.expire(now_ms)
        if self.key is None:
            self.key = ListenKey(text=secrets.token_hex(32), expires_ms=0)
        self.key.expires_ms = now_ms + KEY_LIFE_MS
        return self.key.text

    def keep(self, now_ms: int) -> str:
        """Prolong the key. Raises -1125 when there is none."""
        self.expire(now_ms)
        if self.key is None:
            raise RequestRefused(-1125, "This listenKey does not exist.")
        return self.open(now_ms)

    def close(self) -> None:
        """End the key at its owner's wish, and the sockets opened with it."""
        self.key = None
        for outlet in self._outlets:
            outlet.finish()

    def valid(self, text: str | None, now_ms: int) -> bool:
        self.expire(now_ms)
        return self.key is not None and self.key.text == text

    def expire(self, now_ms: int) -> None:
        """Drop a key that was not kept alive; a moment later close what was opened with it."""
        if self.key is not None and self.key.expires_ms <= now_ms:
            self.end(now_ms)
        while self._leaving and self._leaving[0][0] <= now_ms:
            self._leaving.pop(0)[1].finish()

    def end(self, now_ms: int) -> None:
        """The key ends now; its sockets are told. Raises ValueError when there is none."""
        if self.key is None:
            raise ValueError("there is no listen key that could expire")
        self._send({"e": "listenKeyExpired", "E": now_ms + self._shift_ms(), "listenKey": self.key.text})
        self.key = None
        self._leaving += [(now_ms + GOODBYE_MS, outlet) for outlet in self._outlets]
        self._outlets = set()

    # -------------------------------------------------------------------------------------------------- events

    def join(self, outlet: Outlet) -> None:
        self._outlets.add(outlet)

    def leave(self, outlet: Outlet) -> None:
        self._outlets.discard(outlet)

    def seed(self, positions: list[SimPosition]) -> None:
        """Learn what isolated positions hold, so that the first cross-wallet figure is right."""
        self._isolated = {position.symbol: position.isolated_wallet for position in positions}

    def push(self, event: UserEvent) -> None:
        if isinstance(event, AccountPushed):
            self._isolated.update({position.symbol: position.isolated_wallet for position in event.positions})
        if self._outlets:
            self._send(user_frame(event, self._shift_ms(), sum(self._isolated.values(), ZERO)))

    def _send(self, frame: Json) -> None:
        outlets, name = tuple(self._outlets), "" if self.key is None else self.key.text
        self._carry("user", to_json(frame), lambda data: _push(outlets, Frames(name, data)))


def _straight(_stream: str, frame: bytes, send: Send) -> None:
    """A way with nothing wrong."""
    send(frame)


def _push(outlets: Iterable[Outlet], frames: Frames) -> None:
    for outlet in outlets:
        outlet.push(frames.of(outlet))
