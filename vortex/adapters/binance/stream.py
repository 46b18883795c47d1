"""A WebSocket that connects again by itself, whatever happens to it."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable

from loguru import logger
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from vortex.adapters.binance.errors import describe
from vortex.ports import Clock

FIRST_DELAY_MS = 250.0
MAX_DELAY_MS = 30_000.0
PROVEN_MS = 10_000.0
"""A connection that lasted this long starts the backoff from the beginning."""

IDLE_PING_S = 5.0
"""Real seconds without a frame after which the peer is asked for a sign of life, and given as long to answer."""

_LOGGER = logging.getLogger(f"{__name__}.picows")
_LOGGER.setLevel(logging.WARNING)  # below, picows logs whole handshakes with their listen keys

CONNECT_TIMEOUT_S = 10.0
ABANDON_S = 1.0
"""Real seconds that a stop waits for a handshake under way, to close what comes of it."""

_MAX_FRAME = 4 * 1024 * 1024


class Backoff:
    """Delays that double from 250 ms to 30 s, each drawn between half and all of it so that clients spread out."""

    def __init__(self, jitter: Callable[[], float] = random.random) -> None:
        self._jitter = jitter
        self._delay_ms = FIRST_DELAY_MS

    def reset(self) -> None:
        self._delay_ms = FIRST_DELAY_MS

    def next_ms(self) -> float:
        """The delay before the next attempt, in milliseconds of the injected clock."""
        delay_ms = self._delay_ms
        self._delay_ms = min(2.0 * delay_ms, MAX_DELAY_MS)
        return delay_ms * (0.5 + 0.5 * self._jitter())


class Stream:
    """One connection that is kept up until `run` is cancelled. Everything happens in one loop's thread.

    Args:
        name: For the log.
        address: Gives the URL for the next attempt; what it raises counts as a failed attempt.
        on_frame: Gets each complete text frame. Must not raise.
        on_up: Called when a connection stands.
        on_down: Called with the reason when it is gone, once for each `on_up`.
        check: Raises when the URL is not allowed.
    """

    def __init__(
        self,
        *,
        name: str,
        clock: Clock,
        address: Callable[[], Awaitable[str]],
        on_frame: Callable[[bytes], None],
        on_up: Callable[[], None],
        on_down: Callable[[str], None],
        check: Callable[[str], None],
    ) -> None:
        self.name = name
        self._clock = clock
        self._address = address
        self._on_frame = on_frame
        self._on_up = on_up
        self._on_down = on_down
        self._check = check
        self._transport: WSTransport | None = None
        self._why = ""
        self._at_once = False
        self._skipped_ms: float | None = None
        self.connects = 0

    @property
    def up(self) -> bool:
        return self._transport is not None

    async def run(self) -> None:
        """Connect, wait for the end, wait a little, for ever."""
        backoff = Backoff()
        while True:
            started_ms = self._clock.monotonic_ms()
            try:
                await self._connect_once()
            except Exception as error:  # noqa: BLE001  # nothing may end this loop: the next attempt is the cure
                logger.warning("{}: no connection: {}", self.name, describe(error))
            if self._clock.monotonic_ms() - started_ms > PROVEN_MS:
                backoff.reset()
            if not self._skips_delay():
                await asyncio.sleep(self._clock.real_s(backoff.next_ms()))

    def send(self, text: str) -> None:
        """Send a text frame; dropped when there is no connection (the next one starts from the address)."""
        if self._transport is not None:
            self._transport.send(WSMsgType.TEXT, text)

    def reconnect(self, why: str, *, at_once: bool = False) -> None:
        """Give the present connection up without waiting for the peer.

        The next follows after the backoff; `at_once` without it, but not twice within PROVEN_MS.
        """
        if self._transport is not None:
            self._why = why
            self._at_once = at_once
            self._transport.disconnect(graceful=False)

    def _skips_delay(self) -> bool:
        now_ms, at_once = self._clock.monotonic_ms(), self._at_once
        self._at_once = False
        if not at_once or (self._skipped_ms is not None and now_ms - self._skipped_ms < PROVEN_MS):
            return False
        self._skipped_ms = now_ms
        return True

    async def _connect_once(self) -> None:
        url = await self._address()
        self._check(url)
        transport = await self._handshake(url)
        self._transport, self._why = transport, "closed by the exchange"
        self.connects += 1
        try:
            self._on_up()
            await transport.wait_disconnected()
        except asyncio.CancelledError:
            self._why = "stopped"
            raise
        finally:
            self._transport = None
            transport.disconnect(graceful=False)
            self._on_down(self._why)
            logger.info("{}: disconnected: {}", self.name, self._why)

    async def _handshake(self, url: str) -> WSTransport:
        # Never cancelled: picows forgets a connection whose handshake is cancelled, and it would go on delivering.
        listener = _Listener(self._on_frame)
        connecting = asyncio.ensure_future(
            ws_connect(
                lambda: listener,
                url,
                enable_auto_ping=True,
                auto_ping_idle_timeout=IDLE_PING_S,
                auto_ping_reply_timeout=IDLE_PING_S,
                max_frame_size=_MAX_FRAME,
                max_redirects=0,
                logger_name=_LOGGER,
            )
        )
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                transport, _ = await asyncio.shield(connecting)
        except (asyncio.CancelledError, TimeoutError):
            listener.mute()
            connecting.add_done_callback(_drop)
            await asyncio.wait({connecting}, timeout=ABANDON_S)
            raise
        return transport


def _drop(connecting: asyncio.Future[tuple[WSTransport, WSListener]]) -> None:
    if not connecting.cancelled() and connecting.exception() is None:
        connecting.result()[0].disconnect(graceful=False)


class _Listener(WSListener):
    """Hands complete text frames on; picows answers pings."""

    def __init__(self, on_frame: Callable[[bytes], None]) -> None:
        super().__init__()
        self._on_text = on_frame
        self._parts: list[bytes] = []

    def mute(self) -> None:
        """Hand nothing on any more."""
        self._on_text = _ignore

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type is WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
        elif frame.msg_type in (WSMsgType.TEXT, WSMsgType.CONTINUATION):
            self._parts.append(frame.get_payload_as_bytes())
            if frame.fin:
                text = b"".join(self._parts)
                self._parts.clear()
                self._on_text(text)


def _ignore(_: bytes) -> None:
    """Take a frame of a connection that was given up."""
