"""Reads combined streams of a running exchange, in a thread of its own, into lists that a test looks at."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp
import orjson

from tests.kit.loops import LoopThread


class Listener:
    """Everything that arrived, by stream."""

    def __init__(self) -> None:
        self.frames: dict[str, list[dict[str, Any]]] = {}
        self.open = asyncio.Event()

    async def read(self, url: str) -> None:
        async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
            self.open.set()
            async for message in socket:
                frame = orjson.loads(message.data)
                self.frames.setdefault(frame["stream"], []).append(frame["data"])


@contextmanager
def listening(ws_url: str, route: str, *streams: str) -> Iterator[Listener]:
    """A listener that is connected to these streams for the length of a block."""
    thread, listener = LoopThread(), Listener()

    async def begin() -> asyncio.Task[None]:
        reading = asyncio.create_task(listener.read(f"{ws_url}/{route}/stream?streams={'/'.join(streams)}"))
        await listener.open.wait()
        return reading

    thread.run(begin())
    try:
        yield listener
    finally:
        thread.close()
