from __future__ import annotations

import asyncio
import socket
import threading

import pytest
from loguru import logger

from vortex.adapters.binance.loop import NetworkLoop

TIMEOUT_S = 20.0
SIGNED = "http://h/x?signature=canary"


async def answer() -> str:
    await asyncio.sleep(0)
    return threading.current_thread().name


async def fail() -> None:
    await asyncio.sleep(0)
    raise KeyError(SIGNED)


def test_everything_runs_in_one_thread_of_its_own(loop: NetworkLoop) -> None:
    assert loop.submit(answer(), "a").result(TIMEOUT_S) == "network"
    assert loop.run(answer(), TIMEOUT_S) == "network"


def test_a_task_that_dies_is_logged_and_reported_without_secrets() -> None:
    reported: list[tuple[str, str]] = []
    logged: list[str] = []
    told = threading.Event()

    def on_fault(name: str, text: str) -> None:
        reported.append((name, text))
        told.set()

    loop = NetworkLoop(on_fault)
    handler = logger.add(logged.append, level="ERROR", format="{message}")
    loop.start()
    try:
        with pytest.raises(KeyError):
            loop.submit(fail(), "poller").result(TIMEOUT_S)
        assert told.wait(TIMEOUT_S)
    finally:
        loop.stop()
        logger.remove(handler)
    assert loop.faults == 1
    assert reported[0][0] == "poller"
    assert "canary" not in reported[0][1] + "".join(logged)
    assert "test_loop.py" in "".join(logged)


def test_a_callback_that_raises_is_reported_and_the_loop_goes_on() -> None:
    told = threading.Event()
    loop = NetworkLoop(lambda _name, _text: told.set())
    loop.start()
    try:
        loop.call(int, "not a number")
        assert told.wait(TIMEOUT_S)
        assert loop.run(answer(), TIMEOUT_S) == "network"
    finally:
        loop.stop()


def test_a_run_that_takes_too_long_is_cancelled(loop: NetworkLoop) -> None:
    cancelled = threading.Event()

    async def wait() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            cancelled.set()

    with pytest.raises(TimeoutError):
        loop.run(wait(), 0.01)
    assert cancelled.wait(TIMEOUT_S)


def test_a_cancelled_connect_leaves_no_second_owner_of_its_descriptor(loop: NetworkLoop) -> None:
    async def connect(port: int) -> int:
        running = asyncio.get_running_loop()
        ours = socket.socket()
        ours.setblocking(False)
        await running.sock_connect(ours, ("127.0.0.1", port))
        task = asyncio.ensure_future(running.create_connection(asyncio.Protocol, sock=ours))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return ours.fileno()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert loop.run(connect(listener.getsockname()[1]), TIMEOUT_S) == -1


def test_stop_cancels_what_runs_and_may_be_repeated() -> None:
    loop = NetworkLoop()
    loop.start()
    future = loop.submit(asyncio.sleep(60), "sleeper")
    loop.stop()
    loop.stop()
    assert future.cancelled()
    with pytest.raises(RuntimeError):
        loop.call(print)
    with pytest.raises(RuntimeError):
        loop.submit(answer(), "late")
    with pytest.raises(RuntimeError):
        loop.run(answer(), TIMEOUT_S)


def test_a_loop_that_never_started_can_be_stopped() -> None:
    NetworkLoop().stop()
