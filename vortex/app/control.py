"""The control API's server: uvicorn on a thread of its own, so that nobody's request waits for an actor's turn."""

from __future__ import annotations

import socket
import threading

import uvicorn
from fastapi import FastAPI

STOP_S = 2.0


class ControlServer:
    """Listens until stopped.

    Raises:
        OSError: The address cannot be used.
    """

    def __init__(self, app: FastAPI, host: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family)
        settings = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=1, lifespan="off")
        self._server = uvicorn.Server(settings)
        self._thread = threading.Thread(target=self._run, name="control API", daemon=True)
        self._thread.start()
        bound = self._socket.getsockname()[1]
        self.url = f"http://[{host}]:{bound}" if family is socket.AF_INET6 else f"http://{host}:{bound}"

    def stop(self) -> None:
        """Answer what is under way, then close."""
        self._server.should_exit = True
        self._thread.join(STOP_S)
        self._socket.close()

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])
