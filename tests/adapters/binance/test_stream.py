from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from tests.adapters.binance.servers import ScriptedServer
from tests.kit.runtime import ManualClock
from vortex.adapters.binance.loop import NetworkLoop
from vortex.adapters.binance.stream import FIRST_DELAY_MS, MAX_DELAY_MS, PROVEN_MS, Backoff, Stream
from vortex.adapters.clock import SystemClock


@given(st.floats(0.0, 1.0, exclude_max=True), st.integers(1, 40))
def test_delays_double_up_to_the_limit_and_vary_by_half(jitter: float, attempts: int) -> None:
    backoff = Backoff(lambda: jitter)
    for attempt in range(attempts):
        full_ms = min(FIRST_DELAY_MS * 2**attempt, MAX_DELAY_MS)
        assert full_ms / 2 <= backoff.next_ms() <= full_ms
    backoff.reset()
    assert backoff.next_ms() <= FIRST_DELAY_MS


def test_a_handshake_that_is_cancelled_leaves_no_connection_that_delivers(
    loop: NetworkLoop, server: ScriptedServer
) -> None:
    frames: list[bytes] = []
    ups: list[bool] = []

    async def address() -> str:
        return server.url.replace("http", "ws") + "/public/stream"

    async def begin() -> asyncio.Task[None]:
        stream = Stream(
            name="test", clock=SystemClock(), address=address, on_frame=frames.append, on_up=lambda: ups.append(True),
            on_down=lambda _: None, check=lambda _: None,
        )  # fmt: skip
        return loop.spawn(stream.run(), "stream")

    server.hold()
    task = loop.run(begin(), 20.0)
    server.wait_for(lambda: len(server.asked) == 1)
    loop.call(task.cancel)
    server.release()
    server.wait_for(lambda: server.closed == len(server.opened) == 1)
    server.push("frame")
    assert (frames, ups) == ([], [])


def test_a_delay_is_skipped_when_asked_for_but_not_again_and_again() -> None:
    clock = ManualClock()
    stream = Stream(name="x", clock=clock, address=nowhere, on_frame=print, on_up=print, on_down=print, check=print)
    skipped = []
    for now_ms in (0.0, 1_000.0, PROVEN_MS, PROVEN_MS + 1.0):
        clock.time_ms = now_ms
        stream._at_once = True  # as `reconnect` leaves it
        skipped.append(stream._skips_delay())
    assert skipped == [True, False, True, False]
    assert not stream._skips_delay()


async def nowhere() -> str:
    raise ConnectionError
