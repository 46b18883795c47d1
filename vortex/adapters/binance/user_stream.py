"""The account's own stream: a listen key kept alive by our timer, and reports in typed form.

The stream has no sequence numbers. That something may have been lost shows in five ways: the connection is gone, the
listen key is, a frame cannot be understood, events of one type go back in time (on one connection the exchange orders
them), or an order was accepted and nothing is heard of it. Each is told as UserStreamChanged, down and up again, so
that the recipient asks for everything anew.
"""

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
from vortex.adapters.binance.user_wire import ENDED, QUIET, REPORTED, Head, decode_user, read_head
from vortex.messages import UserStreamChanged
from vortex.ports import Clock

KEEP_ALIVE_MS = 1_800_000
"""Half of a key's life: one lost PUT does no harm."""

DOUBT_MS = 1_000.0
"""So long after the last sign that something was lost, the stream counts as up again."""

NEWS_MS = 5_000.0
"""An accepted order is heard of within this, or the stream is silent."""

RETRY_MS = 30_000
UNKNOWN_KEY = -1125
_KEY_TIMEOUT_MS = 5_000
_FAILURES = (BaseError, ApiError, MalformedReply, TimeoutError, msgspec.MsgspecError, LookupError)


class UserStream:
    """Keeps the user stream up and tells `on_event` what it says, in the loop's thread.

    Args:
        on_event: Gets the reports of `user_wire`, and UserStreamChanged.
    """

    def __init__(
        self, loop: NetworkLoop, client: Client, hosts: Hosts, clock: Clock, on_event: Callable[[object], None]
    ) -> None:
        self._loop = loop
        self._client = client
        self._hosts = hosts
        self._clock = clock
        self._on_event = on_event
        self._event_ms: dict[str, int] = {}
        self._heard = 0
        self._doubt: asyncio.TimerHandle | None = None
        self._news: asyncio.TimerHandle | None = None
        self.notices = Notices(clock, "user stream")
        self.stream = Stream(
            name="user stream",
            clock=clock,
            address=self._address,
            on_frame=self._on_frame,
            on_up=self._on_up,
            on_down=self._on_down,
            check=hosts.check,
        )

    async def run(self) -> None:
        """Run until cancelled."""
        keeper = self._loop.spawn(self._keep_alive(), "listen key")
        try:
            await self.stream.run()
        finally:
            keeper.cancel()

    def expect_news(self) -> None:
        """An order was accepted: without any frame from now on the stream is silent, and is connected anew."""
        if self._news is None and self.stream.up:
            heard, delay_s = self._heard, self._clock.real_s(NEWS_MS)
            self._news = asyncio.get_running_loop().call_later(delay_s, self._check_news, heard)

    def _check_news(self, heard: int) -> None:
        self._news = None
        if self._heard == heard and self.stream.up:
            self.notices.warn("silent", f"nothing heard of an order for {NEWS_MS / 1000:g} s")
            self.stream.reconnect("silent after an order", at_once=True)

    async def _address(self) -> str:
        await self._client.budget.silence_over()
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
                if isinstance(error, ApiError) and error.code == UNKNOWN_KEY:
                    self.stream.reconnect("the listen key is gone", at_once=True)

    # ------------------------------------------------------------------------------------------------------ frames

    def _on_frame(self, frame: bytes) -> None:
        self._heard += 1
        try:
            head, event = read_head(frame)
            self._handle(head, event)
        except (msgspec.MsgspecError, ValueError) as error:
            self._lost("malformed frame", describe(error))

    def _handle(self, head: Head, frame: bytes) -> None:
        if head.name in ENDED:
            self.stream.reconnect(f"the exchange says {head.name}", at_once=True)
        elif head.name in REPORTED:
            self._check_order(head)
            self._report(head.name, frame)
        elif head.name not in QUIET:
            self.notices.once(head.name, "an event that nobody here handles")

    def _check_order(self, head: Head) -> None:
        before_ms = self._event_ms.get(head.name, 0)
        self._event_ms[head.name] = head.event_ms
        if head.event_ms < before_ms:
            self._lost("out of order", f"{head.name} is {before_ms - head.event_ms} ms older than the one before it")

    def _report(self, event: str, frame: bytes) -> None:
        report = decode_user(event, frame)
        if report is None:
            self.notices.once("foreign order", "a conditional order of a type that is not ours")
        else:
            self._on_event(report)

    # ----------------------------------------------------------------------------------------------- up, down, doubt

    def _lost(self, kind: str, text: str) -> None:
        """Something may have been lost: down until nothing odd has come for a while; the connection stays."""
        self.notices.warn(kind, text)
        if not self.stream.up:
            return  # the last words of a connection that was given up: the next one begins with a resync
        if self._doubt is None:
            self._changed(up=False, detail=kind)
        else:
            self._doubt.cancel()
        self._doubt = asyncio.get_running_loop().call_later(self._clock.real_s(DOUBT_MS), self._trust)

    def _trust(self) -> None:
        self._doubt = None
        self._changed(up=True)

    def _on_up(self) -> None:
        self._event_ms.clear()
        self._changed(up=True)

    def _on_down(self, why: str) -> None:
        for timer in (self._doubt, self._news):
            if timer is not None:
                timer.cancel()
        self._doubt = self._news = None
        self._changed(up=False, detail=why)

    def _changed(self, *, up: bool, detail: str = "") -> None:
        self._on_event(UserStreamChanged(up=up, ts_ms=self._clock.now_ms(), detail=detail))
