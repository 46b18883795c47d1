"""Receivers on 127.0.0.1: one that takes what apprise posts, one that refuses, one that never answers."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.kit.processes import eventually

TAKES, REFUSES = 200, 503


class Receiver:
    """What arrived, in order.

    Attributes:
        answer: The status that the next request gets.
        tries: Requests so far, refused ones included.
    """

    def __init__(self, port: int) -> None:
        self.url = f"json://127.0.0.1:{port}/canary-token-in-path"
        self.answer = TAKES
        self.tries = 0
        self.texts: list[str] = []

    def wait_for(self, word: str, timeout_s: float = 30.0) -> str:
        """The first text with this word in it."""
        return eventually(
            lambda: next((text for text in self.texts if word in text), None), timeout_s, word, lambda: self.texts
        )

    def kinds(self) -> list[str]:
        """The kind of each text; it stands behind the label."""
        return [text.splitlines()[1].partition(":")[0] for text in self.texts]


@contextmanager
def receiver() -> Iterator[Receiver]:
    """One that takes everything, until it is told otherwise."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            got.tries += 1
            if got.answer == TAKES:
                got.texts.append(body["message"])
            self.send_response(got.answer)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    got = Receiver(server.server_port)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield got
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def hanging() -> Iterator[str]:
    """The address of one that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        yield f"json://127.0.0.1:{silent.getsockname()[1]}/x"


def nobody() -> str:
    """The address of one that is not there."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        return f"json://127.0.0.1:{gone.getsockname()[1]}/x"
