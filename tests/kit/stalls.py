"""When this machine ran nobody, or somebody else: no limit of real time can hold then, and nobody is to blame.

A thread that means to wake all the time notes when it did not. What else a busy machine costs is BUSY_MS.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from functools import cache
from typing import Any

BUSY_MS = 500
"""Real ms by which a request and its answer may be late on a busy machine; in virtual time nothing is."""
TICK_S, LATE_S = 0.02, 0.1


class _Watch(threading.Thread):
    """Goes on until this process ends; `spans` are by the monotonic clock."""

    def __init__(self) -> None:
        super().__init__(name="stalls", daemon=True)
        self.spans: list[tuple[float, float]] = []

    def run(self) -> None:
        last_s = time.monotonic()
        while True:
            time.sleep(TICK_S)
            now_s = time.monotonic()
            if now_s - last_s > LATE_S:
                self.spans.append((last_s, now_s))
            last_s = now_s


@cache
def _the_watch() -> _Watch:
    watch = _Watch()
    watch.start()
    return watch


def watch() -> None:
    """Watch from now on."""
    _the_watch()


def lasted_s(since_s: float) -> float:
    """How long it is since then by the monotonic clock, stalls apart."""
    stalled_s = sum(end_s - max(begin_s, since_s) for begin_s, end_s in _the_watch().spans if end_s > since_s)
    return time.monotonic() - since_s - stalled_s


def spans_ms(clock: Mapping[str, Any]) -> list[tuple[int, int]]:
    """The stalls so far in the exchange's time; `clock` is what `GET /sim/v1/clock` says now."""
    now_s = time.monotonic()

    def shown_ms(at_s: float) -> int:
        return int(clock["now_ms"] - (now_s - at_s) * 1_000 * clock["speed"])

    return [(shown_ms(begin_s), shown_ms(end_s)) for begin_s, end_s in _the_watch().spans.copy()]
