"""The control API's server: uvicorn on a thread of its own, so that nobody's request waits for an actor's turn."""

from __future__ import annotations

import asyncio
import threading

import uvicorn
from fastapi import FastAPI

from vortex.app import listening

MOST_CONNECTIONS = 256
MOST_HEADER_BYTES = 65_536
"""Of a request without its body; the faster parser of uvicorn has no such limit and reads for ever."""
STOP_S = 1.5


class ControlServer:
    """Takes the address at once, serves from `serve` until `stop`.

    Attributes:
        url: Where this machine reaches it.

    Raises:
        OSError: The address cannot be used; `str(error)` is one line.
    """

    def __init__(self, host: str, port: int) -> None:
        self._socket, self.url, _ = listening.take("control API", host, port)
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    def serve(self, app: FastAPI) -> None:
        """Answer from now on; what was asked since the address was taken has waited."""
        settings = uvicorn.Config(
            app, http="h11", h11_max_incomplete_event_size=MOST_HEADER_BYTES, log_config=None,
            access_log=False, server_header=False, ws="none", lifespan="off",
            limit_concurrency=MOST_CONNECTIONS, timeout_graceful_shutdown=1,
        )  # fmt: skip
        self._server = uvicorn.Server(settings)
        self._thread = threading.Thread(
            target=asyncio.run, args=(self._server.serve(sockets=[self._socket]),), name="control API", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Answer what is under way, then close; harmless when repeated."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(STOP_S)
        self._socket.close()
