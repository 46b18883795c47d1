"""A paper system that goes on for long: what it holds of the machine at the end, against what it held once warm."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from tests.kit.processes import Engine, engine

EVERY_S = 2.0
SPEED = "4"
"""Of the exchange's clock, and with it of every timer."""
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Soaked(Struct, frozen=True, kw_only=True):
    """What engine and simulator held together: medians of the second and of the last fifth of the time.

    The first fifth is not looked at: rings and windows fill, and the recording is read.
    """

    warm_mb: float
    end_mb: float
    warm_files: float
    end_files: float
    warm_threads: float
    end_threads: float
    trades: int
    restarts: int


class Sample(Struct, frozen=True):
    """At one moment."""

    mb: float
    files: int
    threads: int


def run(minutes: float) -> Soaked:
    """Trade on the recording for so many real minutes."""
    with tempfile.TemporaryDirectory() as name, engine(Path(name) / "data", VORTEX__SIM__SPEED=SPEED) as running:
        running.wait_ready()
        samples = list(_samples(running, minutes * 60))
        trades = len(running.api("/api/trades?limit=1000"))
        restarts = sum(actor["restarts"] for actor in running.api("/api/actors"))
        running.stop()
    fifth = max(1, len(samples) // 5)
    warm, end = samples[fifth : 2 * fifth], samples[-fifth:]
    return Soaked(
        warm_mb=_median(warm, "mb"), end_mb=_median(end, "mb"), warm_files=_median(warm, "files"),
        end_files=_median(end, "files"), warm_threads=_median(warm, "threads"), end_threads=_median(end, "threads"),
        trades=trades, restarts=restarts,
    )  # fmt: skip


def _samples(running: Engine, seconds: float) -> list[Sample]:
    found = []
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        if running.process.poll() is not None:
            raise RuntimeError(
                f"the engine ended with {running.process.returncode}: {running.log.read_text()[-3_000:]}"
            )
        found.append(sample(running.process.pid))
        time.sleep(EVERY_S)
    return found


def sample(pid: int) -> Sample:
    """Of a process and its children."""
    mb, files, threads = 0.0, 0, 0
    for one in (pid, *_children(pid)):
        with suppress(OSError):  # a child that ended meanwhile
            folder = Path(f"/proc/{one}")
            mb += int((folder / "statm").read_text().split()[1]) * PAGE_BYTES / 1e6
            files += len(list((folder / "fd").iterdir()))
            threads += len(list((folder / "task").iterdir()))
    return Sample(mb, files, threads)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _median(samples: Sequence[Sample], name: str) -> float:
    return float(statistics.median(getattr(sample, name) for sample in samples))
