"""The way of a reply to its client: whole, or as a fault has it."""

from __future__ import annotations

import asyncio
import socket
import struct

from aiohttp import web

from vortex.sim.server.clock import SimClock
from vortex.sim.server.effects import Effect, Way
from vortex.sim.server.reply import Reply

HELD_S = 300.0
"""Real seconds that a request is left without a reply before its connection is closed after all."""

_LINGER_0 = struct.pack("ii", 1, 0)
NEW_SPEED_S = 0.25
"""Real seconds after which a wait looks at the clock again: its speed may have changed."""


class Delivery:
    """Sends replies. `close` ends every wait, so that a stop need not."""

    def __init__(self, clock: SimClock) -> None:
        self._clock = clock
        self._closed = asyncio.Event()

    def close(self) -> None:
        self._closed.set()

    async def send(self, request: web.Request, reply: Reply, effect: Effect) -> web.StreamResponse:
        """Send the reply in the effect's way."""
        await self._wait(effect.delay_ms)
        if effect.way is Way.TRUNCATED:
            return await _truncated(request, reply)
        if effect.way is Way.NEVER:
            await self._closed_within(HELD_S)
        if effect.way is not Way.WHOLE:
            reset(request, hard=effect.way is Way.RESET)
        return reply.response()  # to a connection that is gone it goes nowhere

    async def _wait(self, delay_ms: int) -> None:
        until_ms = self._clock.now_ms() + delay_ms
        while (rest_ms := until_ms - self._clock.now_ms()) > 0:
            if await self._closed_within(min(self._clock.real_s(rest_ms), NEW_SPEED_S)):
                return

    async def _closed_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._closed.wait()
        except TimeoutError:
            return False
        return True


def reset(request: web.Request, *, hard: bool = True) -> None:
    """Cut the connection at once: with a TCP reset when `hard`."""
    transport = request.transport
    if transport is None:
        return
    if hard and (peer := transport.get_extra_info("socket")) is not None:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_0)
    transport.abort()


async def _truncated(request: web.Request, reply: Reply) -> web.StreamResponse:
    """All headers, half of the body, and the end of the connection."""
    response = web.StreamResponse(status=reply.status, headers=dict(reply.headers))
    response.content_type, response.content_length = reply.content_type, len(reply.body)
    await response.prepare(request)
    await response.write(reply.body[: len(reply.body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response
