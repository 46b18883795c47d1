"""Stands between a client of a store and the store, and loses replies after the store has carried the request out."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from urllib.parse import urlsplit

HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "host"})
UPSTREAM_TIMEOUT_S = 30.0
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER of 0 s: closing sends a reset, as a gateway that died would."""


class LossyProxy(ThreadingHTTPServer):
    """Listens on a port of its own, `url`; safe to steer from any thread.

    Args:
        upstream: Where everything goes, http://HOST:PORT.
        lose: Share of replies that never arrive, 0 to 1; their requests are carried out.
        seed: Of which they are.

    Attributes:
        outage: While true every request is cut off before it gets through.
        passed: Replies that arrived.
        lost: Replies that were lost.
    """

    daemon_threads = True

    def __init__(self, upstream: str, lose: float, seed: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        address = urlsplit(upstream)
        self.upstream = (address.hostname or "127.0.0.1", address.port or 80)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.outage = False
        self.passed = self.lost = 0
        self._lose = lose
        self._random = Random(seed)
        self._lock = threading.Lock()

    def loses(self) -> bool:
        """Whether this reply is one that gets lost; counts it."""
        with self._lock:
            lost = self._random.random() < self._lose
            self.lost += lost
            self.passed += not lost
        return lost


class _Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    server: LossyProxy
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name of the base class
        """Nothing: what happened is counted."""

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.server.outage:
            self._cut()
            return
        upstream = HTTPConnection(*self.server.upstream, timeout=UPSTREAM_TIMEOUT_S)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
            upstream.request(self.command, self.path, body, headers)
            reply = upstream.getresponse()
            text = reply.read()
        except (OSError, HTTPException):
            self._cut()
            return
        finally:
            upstream.close()
        if self.server.loses():
            self._cut()
            return
        self.send_response_only(reply.status, reply.reason)
        for name, value in reply.getheaders():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    do_GET = do_HEAD = do_POST = do_PATCH = do_DELETE = _pass_on  # noqa: N815  # names that the base class calls

    def _cut(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.connection.close()


@contextmanager
def lossy_proxy(upstream: str, *, lose: float, seed: int = 7) -> Iterator[LossyProxy]:
    """A proxy for the length of the block."""
    with LossyProxy(upstream, lose, seed) as proxy:
        serving = threading.Thread(target=proxy.serve_forever, args=(0.05,), name="lossy proxy", daemon=True)
        serving.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            serving.join()
