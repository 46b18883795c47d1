"""One combined-stream connection whose streams come and go while it is up."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterable

import msgspec

from vortex.adapters.binance.loop import NetworkLoop
from vortex.adapters.binance.markets import SILENT_MS
from vortex.adapters.binance.notices import Notices
from vortex.adapters.binance.stream import Stream
from vortex.ports import Clock

_GATHER_S = 0.1
"""Real seconds in which changes are gathered into one command: the exchange allows ten commands a second."""


class Route:
    """Keeps the wanted streams flowing: in the address of a new connection, by command on a live one.

    Args:
        address: Makes the address of a set of streams.
        on_frame: Gets every frame. Must not raise.
        on_gap: Called when a connection is lost, before any frame of the next one.
        check: Raises when an address is not allowed.
    """

    def __init__(
        self,
        *,
        name: str,
        loop: NetworkLoop,
        clock: Clock,
        address: Callable[[tuple[str, ...]], str],
        on_frame: Callable[[bytes], None],
        on_gap: Callable[[], None],
        check: Callable[[str], None],
        notices: Notices,
    ) -> None:
        self._loop = loop
        self._clock = clock
        self._make_address = address
        self._on_frame = on_frame
        self._notices = notices
        self._wanted: set[str] = set()
        self._sent: set[str] = set()
        self._any_wanted = asyncio.Event()
        self._syncing = False
        self._ids = itertools.count(1)
        self._heard_ms = 0.0
        self.stream = Stream(
            name=name, clock=clock, address=self._address, on_frame=self._take, on_up=self._up,
            on_down=lambda _: on_gap(), check=check,
        )  # fmt: skip

    async def run(self) -> None:
        """Run until cancelled."""
        await self.stream.run()

    def add(self, streams: Iterable[str]) -> None:
        self._wanted.update(streams)
        self._any_wanted.set()
        self._sync_soon()

    def remove(self, streams: Iterable[str]) -> None:
        self._wanted.difference_update(streams)
        if not self._wanted:
            self._any_wanted.clear()
        self._sync_soon()

    def renew(self, streams: set[str]) -> None:
        """Subscribe streams once more, because they fell silent while others flow."""
        self._command("UNSUBSCRIBE", streams)
        self._command("SUBSCRIBE", streams)

    def watch(self) -> bool:
        """Give a silent connection up; say whether frames flow. To be called every second or so."""
        if not self.stream.up:
            return False
        if self._clock.monotonic_ms() - self._heard_ms <= SILENT_MS:
            return True
        self._notices.warn("silent connection", f"nothing from {self.stream.name} for {SILENT_MS / 1000:g} s")
        self.stream.reconnect("silent")
        return False

    async def _address(self) -> str:
        await self._any_wanted.wait()
        self._sent = set(self._wanted)
        return self._make_address(tuple(sorted(self._sent)))

    def _up(self) -> None:
        self._heard_ms = self._clock.monotonic_ms()
        self._sync_soon()

    def _take(self, frame: bytes) -> None:
        self._heard_ms = self._clock.monotonic_ms()
        self._on_frame(frame)

    def _sync_soon(self) -> None:
        if not self._syncing:
            self._syncing = True
            asyncio.get_running_loop().call_later(_GATHER_S, self._sync)

    def _sync(self) -> None:
        self._syncing = False
        if not self.stream.up:
            return
        if not self._wanted:
            self.stream.reconnect("nothing is subscribed")
            return
        self._command("UNSUBSCRIBE", self._sent - self._wanted)
        self._command("SUBSCRIBE", self._wanted - self._sent)
        self._sent = set(self._wanted)

    def _command(self, method: str, streams: set[str]) -> None:
        if streams:
            command = {"method": method, "params": sorted(streams), "id": next(self._ids)}
            self.stream.send(msgspec.json.encode(command).decode())
