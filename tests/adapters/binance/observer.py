"""A plain reader of the exchange's streams: what it sent, to compare what a feed made of it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import defaultdict
from typing import Any

import aiohttp

from tests.kit.loops import LoopThread

TIMEOUT_S = 20.0


class Observer:
    """Keeps every frame of some streams, by stream and in order."""

    def __init__(self, url: str, streams: dict[str, list[str]]) -> None:
        self._thread = LoopThread()
        self._changed = threading.Condition()
        self.frames: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        base = url.replace("http", "ws")
        self._tasks = [
            self._thread.run(self._begin(f"{base}/{route}/stream?streams={'/'.join(names)}"))
            for route, names in streams.items()
        ]

    def wait_for(self, stream: str, ts_ms: int) -> None:
        """Wait until a frame of this time, or a later one, has come."""
        with self._changed:
            assert self._changed.wait_for(lambda: any(f["E"] >= ts_ms for f in self.frames[stream][-1:]), TIMEOUT_S)

    def close(self) -> None:
        self._thread.close()

    async def _begin(self, url: str) -> asyncio.Task[None]:
        ready = asyncio.Event()
        task = asyncio.create_task(self._read(url, ready))
        await ready.wait()
        return task

    async def _read(self, url: str, ready: asyncio.Event) -> None:
        async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
            ready.set()
            async for message in socket:
                frame = json.loads(message.data)
                with self._changed:
                    self.frames[frame["stream"]].append(frame["data"])
                    self._changed.notify_all()
