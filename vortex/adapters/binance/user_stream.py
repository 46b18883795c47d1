"""The account's own stream: a listen key kept alive by our timer, and reports in typed form."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
from ccxt.base.errors import BaseError

from vortex.adapters.binance.client import Client
from vortex.adapters.binance.errors import ApiError, MalformedReply, describe
from vortex.adapters.binance.hosts import Hosts
from vortex.adapters.binance.loop import NetworkLoop
from vortex.adapters.binance.notices import Notices
from vortex.adapters.binance.stream import Stream
from vortex.adapters.binance.user_wire import LISTEN_KEY_EXPIRED, QUIET, REPORTED, decode_user, event_type
from vortex.messages import UserStreamChanged
from vortex.ports import Clock

KEEP_ALIVE_MS = 1_800_000
"""Half of a key's life: one lost PUT does no harm."""

RETRY_MS = 30_000
_KEY_TIMEOUT_MS = 5_000
_FAILURES = (BaseError, ApiError, MalformedReply, TimeoutError, msgspec.MsgspecError, LookupError)


class UserStream:
    """Keeps the user stream up and tells `on_event` what it says, in the loop's thread.

    Args:
        on_event: Gets OrderReport, AlgoReport, AccountUpdate and UserStreamChanged.
    """

    def __init__(
        self, loop: NetworkLoop, client: Client, hosts: Hosts, clock: Clock, on_event: Callable[[object], None]
    ) -> None:
        self._loop = loop
        self._client = client
        self._hosts = hosts
        self._clock = clock
        self._on_event = on_event
        self.notices = Notices(clock, "user stream")
        self.stream = Stream(
            name="user stream",
            clock=clock,
            address=self._address,
            on_frame=self._on_frame,
            on_up=lambda: self._changed(up=True),
            on_down=lambda why: self._changed(up=False, detail=why),
            check=hosts.check,
        )

    async def run(self) -> None:
        """Run until cancelled."""
        keeper = self._loop.spawn(self._keep_alive(), "listen key")
        try:
            await self.stream.run()
        finally:
            keeper.cancel()

    async def _address(self) -> str:
        try:
            async with asyncio.timeout(self._clock.real_s(_KEY_TIMEOUT_MS)):
                reply = await self._client.fapiPrivatePostListenKey()
        except (BaseError, MalformedReply) as error:
            raise ConnectionError(describe(error)) from None
        return self._hosts.user_stream(str(reply["listenKey"]))

    async def _keep_alive(self) -> None:
        delay_ms = KEEP_ALIVE_MS
        while True:
            await asyncio.sleep(self._clock.real_s(delay_ms))
            try:
                async with asyncio.timeout(self._clock.real_s(_KEY_TIMEOUT_MS)):
                    await self._client.fapiPrivatePutListenKey()
                delay_ms = KEEP_ALIVE_MS
            except _FAILURES as error:
                delay_ms = RETRY_MS
                self.notices.warn("listen key not prolonged", describe(error))
                if isinstance(error, ApiError) and error.code is not None:
                    self.stream.reconnect("the listen key is gone")

    def _on_frame(self, frame: bytes) -> None:
        try:
            self._handle(frame)
        except (msgspec.MsgspecError, ValueError) as error:
            self.notices.warn("malformed frame", describe(error))

    def _handle(self, frame: bytes) -> None:
        event = event_type(frame)
        if event == LISTEN_KEY_EXPIRED:
            self.stream.reconnect("the listen key expired")
        elif event in REPORTED:
            self._report(event, frame)
        elif event not in QUIET:
            self.notices.once(event, "an event that nobody here handles")

    def _report(self, event: str, frame: bytes) -> None:
        report = decode_user(event, frame)
        if report is None:
            self.notices.once("foreign order", "a conditional order of a type that is not ours")
        else:
            self._on_event(report)

    def _changed(self, *, up: bool, detail: str = "") -> None:
        self._on_event(UserStreamChanged(up=up, ts_ms=self._clock.now_ms(), detail=detail))
