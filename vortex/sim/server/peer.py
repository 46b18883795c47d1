"""The public side of an exchange somewhere else: where it may be, what it answers and streams. No key, no order."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from types import SimpleNamespace, TracebackType
from typing import Self
from urllib.parse import urlsplit

import aiohttp
from loguru import logger
from msgspec import Struct

BINANCE = "https://fapi.binance.com"
STREAM_BASES = {"fapi.binance.com": "wss://fstream.binance.com"}
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

TIMEOUT_S = 10.0
SILENT_S = 5.0
"""A connection without any message for so long is given up."""
FIRST_DELAY_S = 0.25
MAX_DELAY_S = 30.0
PROVEN_S = 10.0
"""A connection that lasted so long starts the backoff from the beginning."""
MAX_MESSAGE = 4 * 1024 * 1024


class PeerError(OSError):
    """The exchange cannot be reached, or does not answer as it should."""

    def __init__(self, text: str, retry_after_s: float = 0.0) -> None:
        super().__init__(text)
        self.retry_after_s = retry_after_s


class Peer(Struct, frozen=True):
    """Base addresses of REST and of the streams."""

    rest: str
    ws: str


def peer_at(url: str) -> Peer:
    """Binance's public market, or a simulator on this machine.

    Raises:
        ValueError: Any other address.
    """
    parts, base = urlsplit(url), url.rstrip("/")
    if parts.scheme == "https" and (parts.netloc in STREAM_BASES):
        return Peer(base, STREAM_BASES[parts.netloc])
    if parts.scheme == "http" and parts.hostname in LOOPBACK and not parts.path.strip("/"):
        return Peer(base, base.replace("http", "ws", 1))
    raise ValueError(f"live market at {url!r}: {BINANCE} or http://127.0.0.1:PORT is expected")


class PublicClient:
    """Asks and listens, in one event loop, between `async with` and its end."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    async def __aenter__(self) -> Self:
        trace = aiohttp.TraceConfig()
        trace.on_request_redirect.append(_refuse)
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        self._session = aiohttp.ClientSession(timeout=timeout, trace_configs=[trace])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def get(self, path: str, **params: str | int) -> bytes:
        """The body of an answer. Raises PeerError when there is none or it is no success."""
        try:
            async with self._session.get(self._peer.rest + path, params=params) as reply:
                body = await reply.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise PeerError(f"{path}: {type(error).__name__} {error}") from error
        if reply.status != 200:  # noqa: PLR2004  # the one success
            wait = reply.headers.get("Retry-After", "0")
            text = body[:100].decode(errors="replace")
            raise PeerError(f"{path}: HTTP {reply.status}: {text}", float(wait) if wait.isdigit() else 0.0)
        return body

    async def listen(
        self, route: str, streams: Sequence[str], *, on_frame: Callable[[bytes], None], on_up: Callable[[], None]
    ) -> None:
        """Hand on every message of a combined connection, which is renewed whenever it ends or falls silent, for ever.

        Args:
            route: `public` or `market`.
            streams: Streams of that route.
            on_frame: Gets each message. Must not raise.
            on_up: Called when a connection stands, before its first message.
        """
        loop, delay_s = asyncio.get_running_loop(), FIRST_DELAY_S
        while True:
            began_s = loop.time()
            try:
                await self._listen_once(f"{self._peer.ws}/{route}/stream?streams={'/'.join(streams)}", on_frame, on_up)
                why = "closed by the other side"
            except TimeoutError:
                why = "no connection or no message in time"
            except (aiohttp.ClientError, OSError) as error:
                why = str(error)
            if loop.time() - began_s > PROVEN_S:
                delay_s = FIRST_DELAY_S
            logger.warning("live {} streams: {}", route, why)
            await asyncio.sleep(delay_s * (0.5 + 0.5 * random.random()))  # noqa: S311  # so that clients spread out
            delay_s = min(2.0 * delay_s, MAX_DELAY_S)

    async def _listen_once(self, url: str, on_frame: Callable[[bytes], None], on_up: Callable[[], None]) -> None:
        async with asyncio.timeout(TIMEOUT_S):
            socket = await self._session.ws_connect(url, max_msg_size=MAX_MESSAGE)
        async with socket:
            on_up()
            while True:
                async with asyncio.timeout(SILENT_S):
                    message = await socket.receive()
                if message.type is aiohttp.WSMsgType.TEXT:
                    on_frame(message.data.encode())
                elif message.type is not aiohttp.WSMsgType.BINARY:
                    return


async def _refuse(_session: aiohttp.ClientSession, _context: SimpleNamespace, redirect: object) -> None:
    """Whoever is asked answers himself: a redirect would leave the addresses that are allowed."""
    raise PeerError(f"the exchange redirects: {redirect}")
