"""The control API's server: takes its address first, serves later, stops in time, needs few threads."""

from __future__ import annotations

import threading
import time
from http.client import HTTPConnection

import pytest
from fastapi import FastAPI

from vortex.app.api.server import ControlServer
from vortex.app.api.workers import THREADS, Workers

TIMEOUT_S = 60.0


def port_of(server: ControlServer) -> int:
    return int(server.url.rpartition(":")[2])


def test_a_taken_address_is_one_line() -> None:
    first = ControlServer("127.0.0.1", 0)
    with pytest.raises(OSError, match=rf"^control API: cannot listen on 127\.0\.0\.1 port {port_of(first)}: Address"):
        ControlServer("127.0.0.1", port_of(first))
    first.stop()
    ControlServer("127.0.0.1", port_of(first)).stop()


def test_an_unknown_host_is_one_line() -> None:
    with pytest.raises(OSError, match=r"^control API: cannot listen on 256\.1\.1\.1 port 0: "):
        ControlServer("256.1.1.1", 0)


@pytest.mark.parametrize(
    ("host", "shown"),
    [("0.0.0.0", "http://127.0.0.1:"), ("::1", "http://[::1]:"), ("localhost", "http://localhost:")],  # noqa: S104  # what is tested
)
def test_the_address_is_one_that_this_machine_can_use(host: str, shown: str) -> None:
    server = ControlServer(host, 0)
    assert server.url.startswith(shown)
    server.stop()
    server.stop()


def test_who_asks_early_waits_and_a_slow_answer_does_not_hold_up_the_stop() -> None:
    app, workers = FastAPI(), Workers()
    began, leave = threading.Event(), threading.Event()

    def wait() -> str:
        began.set()
        leave.wait(TIMEOUT_S)
        return "done"

    @app.get("/slow")
    async def slow() -> str:
        return await workers.read(wait)

    server = ControlServer("127.0.0.1", 0)
    early = [HTTPConnection("127.0.0.1", port_of(server), timeout=TIMEOUT_S) for _ in range(12)]
    for connection in early:
        connection.request("GET", "/slow")
    assert not began.is_set()
    before = threading.active_count()
    server.serve(app)
    assert began.wait(TIMEOUT_S)
    stopping_s = time.monotonic()
    server.stop()
    assert time.monotonic() - stopping_s < TIMEOUT_S / 3
    assert threading.active_count() <= before + 1 + THREADS
    leave.set()
    for connection in early:
        connection.close()
