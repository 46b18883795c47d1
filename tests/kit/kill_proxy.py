"""Stands between a real client and a real server, passes everything on, and kills the client at a chosen moment.

The moment belongs to one request: before it reaches the server, after the server applied it, or after the client got
the reply. An event of a websocket has two of them: before and after it is delivered.
"""

from __future__ import annotations

import asyncio
import threading
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from urllib.parse import urlsplit

from msgspec import Struct

from tests.kit.loops import LoopThread

EVENT = "EVENT"
"""The method of a point that is an event of the user stream; its path is the event's name."""
NOW = "NOW"
"""The method of a point that is no message but a time after arming."""
MAX_HEAD = 1 << 20
CHUNK = 1 << 16
CUT_OFF = (asyncio.IncompleteReadError, asyncio.CancelledError, OSError)
"""Either side may be killed at any moment: that is what this is for."""


class Boundary(StrEnum):
    """When, of one message, the client dies."""

    BEFORE = "before"
    APPLIED = "applied"
    REPLIED = "replied"


class KillPoint(Struct, frozen=True):
    """One moment to die in.

    Attributes:
        role: Last letter of the client id that the request carries; None for any request.
        nth: Which matching one it is, from 1, counted from the arming.
        delay_ms: How much later the client dies, once the moment has come.
    """

    method: str
    path: str
    boundary: Boundary
    role: str | None = None
    nth: int = 1
    delay_ms: int = 0

    def __str__(self) -> str:
        role = "" if self.role is None else f" {self.role}"
        return f"{self.method} {self.path}{role} {self.boundary}"


class _Exchange(Struct, frozen=True):
    """One HTTP request as it was read."""

    method: str
    path: str
    text: str

    def matches(self, point: KillPoint) -> bool:
        if (self.method, self.path) != (point.method, point.path):
            return False
        return point.role is None or _client_id(self.text).endswith(point.role)


class KillProxy:
    """Listens on a port of its own, `url`.

    Args:
        server_url: Where everything goes, http://HOST:PORT.
    """

    def __init__(self, server_url: str) -> None:
        address = urlsplit(server_url)
        self._server = (address.hostname or "127.0.0.1", address.port or 80)
        self._loop = LoopThread()
        self._lock = threading.Lock()
        self._point: KillPoint | None = None
        self._left = 0
        self._kill: Callable[[], None] = _nobody
        self._struck = threading.Event()
        self._serving: set[asyncio.Task[None]] = set()
        self._listener = self._loop.run(self._listen())
        self.url = f"http://127.0.0.1:{self._listener.sockets[0].getsockname()[1]}"

    def arm(self, point: KillPoint, kill: Callable[[], None]) -> None:
        """Kill at this moment, once."""
        with self._lock:
            self._point, self._left, self._kill = point, point.nth, kill
            self._struck.clear()
        if point.method == NOW:
            self._loop.run(self._time_out())

    def disarm(self) -> bool:
        """Kill no more; true when it had happened by then."""
        with self._lock:
            self._point = None
        return self._struck.is_set()

    def wait(self, timeout_s: float) -> bool:
        """Wait until it happened; false when it took longer."""
        return self._struck.wait(timeout_s)

    def close(self) -> None:
        self._loop.run(self._end())
        self._loop.close()

    async def _end(self) -> None:
        """Listen no more and end every connection."""
        self._listener.close()
        for serving in tuple(self._serving):
            serving.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=MAX_HEAD)

    async def _time_out(self) -> None:
        """Strike by time alone."""
        point = self._due(lambda point: point.method == NOW)
        if point is not None:
            asyncio.get_running_loop().call_later(point.delay_ms / 1000, self._strike_now)

    # --------------------------------------------------------------------------------------------------- the strike

    def _due(self, matches: Callable[[KillPoint], bool]) -> KillPoint | None:
        """The armed point, when this is the message it waits for; from then on it is no longer armed."""
        with self._lock:
            point = self._point
            if point is None or not matches(point):
                return None
            self._left -= 1
            if self._left:
                return None
            self._point = None
            return point

    async def _strike(self, point: KillPoint) -> None:
        await asyncio.sleep(point.delay_ms / 1000)
        self._strike_now()

    def _strike_now(self) -> None:
        self._kill()
        self._struck.set()

    # ------------------------------------------------------------------------------------------------ one connection

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        serving = asyncio.current_task()
        assert serving is not None
        self._serving.add(serving)
        serving.add_done_callback(self._serving.discard)
        with suppress(*CUT_OFF):
            there, back = await asyncio.open_connection(*self._server, limit=MAX_HEAD)
            try:
                while await self._pass_one(reader, writer, there, back):
                    pass
            finally:
                back.close()
        writer.close()

    async def _pass_one(
        self, reader: StreamReader, writer: StreamWriter, there: StreamReader, back: StreamWriter
    ) -> bool:
        """Pass one request and its reply; false when the connection is over."""
        head = await reader.readuntil(b"\r\n\r\n")
        body = await _body(reader, head)
        request = _read(head, body)
        point = self._due(request.matches)
        if point is not None and point.boundary is Boundary.BEFORE:
            await self._strike(point)
            return False
        await _write(back, head + body)
        answer = await there.readuntil(b"\r\n\r\n")
        if answer.startswith(b"HTTP/1.1 101"):
            await _write(writer, answer)
            await self._tunnel(reader, writer, there, back)
            return False
        answer += await _body(there, answer)
        if point is not None and point.boundary is Boundary.APPLIED:
            await self._strike(point)
            return False
        await _write(writer, answer)
        if point is not None:
            await self._strike(point)
        return point is None

    async def _tunnel(
        self, reader: StreamReader, writer: StreamWriter, there: StreamReader, back: StreamWriter
    ) -> None:
        """Pass a websocket through, until one side ends, which ends the other."""
        await asyncio.gather(self._stream(reader, back), self._stream(there, writer))

    async def _stream(self, source: StreamReader, sink: StreamWriter) -> None:
        with suppress(*CUT_OFF):
            while data := await source.read(CHUNK):
                point = self._due_event(data)
                if point is not None and point.boundary is not Boundary.REPLIED:
                    await self._strike(point)
                    break
                await _write(sink, data)
                if point is not None:
                    await self._strike(point)
        sink.close()

    def _due_event(self, data: bytes) -> KillPoint | None:
        return self._due(lambda point: point.method == EVENT and f'"e":"{point.path}"'.encode() in data)


@contextmanager
def kill_proxy(server_url: str) -> Iterator[KillProxy]:
    """Run one for the length of the block."""
    proxy = KillProxy(server_url)
    try:
        yield proxy
    finally:
        proxy.close()


def _nobody() -> None:
    """Nobody is to be killed yet."""


async def _write(writer: StreamWriter, data: bytes) -> None:
    writer.write(data)
    await writer.drain()


async def _body(reader: StreamReader, head: bytes) -> bytes:
    """The bytes that belong to a head: so many as it says, or chunk by chunk."""
    headers = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:] if b":" in line)
    if headers.get(b"transfer-encoding", b"").strip() == b"chunked":
        return b"".join([chunk async for chunk in _chunks(reader)])
    return await reader.readexactly(int(headers.get(b"content-length", b"0")))


async def _chunks(reader: StreamReader) -> AsyncIterator[bytes]:
    while True:
        size = await reader.readuntil(b"\r\n")
        yield size + await reader.readexactly(int(size, 16) + 2)
        if int(size, 16) == 0:
            return


def _read(head: bytes, body: bytes) -> _Exchange:
    method, target, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
    address = urlsplit(target)
    return _Exchange(method, address.path, f"{address.query}&{body.decode('latin-1')}")


def _client_id(parameters: str) -> str:
    """The order's own id among the parameters of a request, whatever the endpoint calls it; empty without one."""
    names = ("newClientOrderId=", "clientAlgoId=", "origClientOrderId=")
    return next((part.split("=", 1)[1] for part in parameters.split("&") if part.startswith(names)), "")
