"""The private stream: listen keys, and who hears the account's events."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from decimal import Decimal

from msgspec import Struct

from vortex.sim.core.events import AccountPushed, UserEvent
from vortex.sim.core.types import RequestRefused, SimPosition
from vortex.sim.server.render import Json
from vortex.sim.server.streams import Outlet
from vortex.sim.server.text import to_json
from vortex.sim.server.user_frames import user_frame

KEY_LIFE_MS = 60 * 60_000
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
    """

    def __init__(self, shift_ms: Callable[[], int], key: ListenKey | None = None) -> None:
        self._shift_ms = shift_ms
        self._outlets: set[Outlet] = set()
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
        self.key = None

    def valid(self, text: str | None, now_ms: int) -> bool:
        self.expire(now_ms)
        return self.key is not None and self.key.text == text

    def expire(self, now_ms: int) -> None:
        """Drop a key that was not kept alive, and say so on its stream."""
        if self.key is not None and self.key.expires_ms <= now_ms:
            self._send({"e": "listenKeyExpired", "E": now_ms + self._shift_ms(), "listenKey": self.key.text})
            self.key = None

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
        data = to_json(frame)
        for outlet in tuple(self._outlets):
            outlet.push(data)
