"""The control API's server: uvicorn on a thread of its own, so that nobody's request waits for an actor's turn."""

from __future__ import annotations

import asyncio
import socket
import threading

import uvicorn
from fastapi import FastAPI

MOST_CONNECTIONS = 256
STOP_S = 1.5
_LOCAL = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # how a server on every address is reached from here


class ControlServer:
    """Takes the address at once, serves from `serve` until `stop`.

    Attributes:
        url: Where this machine reaches it.

    Raises:
        OSError: The address cannot be used; `str(error)` is one line.
    """

    def __init__(self, host: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._socket = socket.create_server((host, port), family=family)
        except OSError as error:
            raise OSError(f"control API: cannot listen on {host} port {port}: {error.strerror}") from error
        local, bound = _LOCAL.get(host, host), self._socket.getsockname()[1]
        self.url = f"http://[{local}]:{bound}" if ":" in local else f"http://{local}:{bound}"
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    def serve(self, app: FastAPI) -> None:
        """Answer from now on; what was asked since the address was taken has waited."""
        settings = uvicorn.Config(
            app, log_config=None, access_log=False, server_header=False, ws="none", lifespan="off",
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
