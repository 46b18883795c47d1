"""What is read off a process, and how figures are put together."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

PAGE_KB = os.sysconf("SC_PAGE_SIZE") / 1024
IDLE_S, IDLE_CPU_S = 0.02, 0.0005


def rss_kb() -> float:
    """Resident memory of this process, KiB."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGE_KB


def os_threads() -> int:
    """Threads of this process as the operating system counts them."""
    return len(list(Path("/proc/self/task").iterdir()))


def settle(timeout_s: float) -> None:
    """Wait until the other threads of this process have nothing to do. Raises TimeoutError."""
    until_s = time.monotonic() + timeout_s
    quiet = 0
    while quiet < 3:
        before_s = time.process_time() - time.thread_time()
        time.sleep(IDLE_S)
        used_s = time.process_time() - time.thread_time() - before_s
        quiet = quiet + 1 if used_s < IDLE_CPU_S + 0.1 * IDLE_S else 0
        if time.monotonic() > until_s:
            raise TimeoutError(f"still busy after {timeout_s} s")


def quantile(values: Sequence[float], share: float) -> float:
    """The value that this share of all lies at or below: no interpolation, so that a maximum is one that occurred."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
