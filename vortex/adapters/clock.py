"""Clocks and ids of a real process: the system's own, and the simulator's for paper trading."""

from __future__ import annotations

import http.client
import random
import time
import uuid
from collections.abc import Callable
from urllib.parse import urlsplit

import msgspec

_MS_PER_S = 1000.0


class SystemClock:
    """UTC of this machine; its own time runs at real speed."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> float:
        return time.monotonic_ns() / 1e6

    def real_s(self, duration_ms: float) -> float:
        return duration_ms / _MS_PER_S


class SimulatorClock:
    """The simulator's time, anchored once and carried on by the monotonic clock at the simulator's speed.

    Args:
        now_ms: The simulator's epoch milliseconds at this moment.
        speed: Simulated milliseconds that pass in one real millisecond, above 0.
        monotonic_s: Real seconds that never go backwards.

    Raises:
        ValueError: When `speed` is not above 0.
    """

    def __init__(self, now_ms: float, speed: float = 1.0, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        if not speed > 0:
            raise ValueError(f"the simulator's speed must be above 0, not {speed}")
        self._anchor_ms = now_ms
        self._speed = speed
        self._monotonic_s = monotonic_s
        self._anchor_s = monotonic_s()

    @classmethod
    def read(cls, url: str, timeout_s: float = 5.0) -> SimulatorClock:
        """Anchor on `GET /sim/v1/clock` of the simulator at `url`; half the round trip is allowed for.

        Raises:
            OSError: When the simulator cannot be reached in time.
            msgspec.MsgspecError: When it answers something else than a clock.
        """
        sent_s = time.monotonic()
        answer = get(url, "/sim/v1/clock", timeout_s)
        reading = msgspec.json.decode(answer, type=_Reading)
        halfway_ms = (time.monotonic() - sent_s) / 2.0 * _MS_PER_S * reading.speed
        return cls(reading.now_ms + halfway_ms, reading.speed)

    def now_ms(self) -> int:
        return int(self._anchor_ms + self.monotonic_ms())

    def monotonic_ms(self) -> float:
        return (self._monotonic_s() - self._anchor_s) * _MS_PER_S * self._speed

    def real_s(self, duration_ms: float) -> float:
        return duration_ms / _MS_PER_S / self._speed


class UuidIds:
    """Random ids: unique, and no secret. Each decision has one, so none costs a system call, which gives others way."""

    def __init__(self) -> None:
        self._bits = random.Random().getrandbits  # noqa: S311  # as said

    def uuid(self) -> str:
        return str(uuid.UUID(int=self._bits(128), version=4))


class _Reading(msgspec.Struct):
    now_ms: float
    speed: float


def get(url: str, path: str, timeout_s: float = 5.0) -> bytes:
    """Fetch from the simulator's own interface. Raises OSError when it cannot be reached in time."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout_s)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    except http.client.HTTPException as error:
        raise OSError(f"no simulator answers at {parts.netloc}: {type(error).__name__}") from error
    finally:
        connection.close()
