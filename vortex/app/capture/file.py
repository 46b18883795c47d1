"""Capture files: written so that a kill costs seconds, and looked at as the simulator will look at them."""

from __future__ import annotations

import gzip
import os
from collections import Counter
from itertools import pairwise, takewhile
from pathlib import Path

from msgspec import Struct

from vortex.sim.core.market import BookEvent
from vortex.sim.market.capture import CaptureSource
from vortex.sim.market.recording import Recording
from vortex.sim.market.tape import CaptureError
from vortex.sim.market.wire import DepthDiff, PartialDepth

LEVEL = 6
GAP_S = 2.0
"""Seconds without an order book that count as a gap."""


class CaptureWriter:
    """One file of `<receive time in ns> <JSON>` lines, whose every flush appends one complete gzip member.

    Raises:
        OSError: The file exists, or cannot be written; what was flushed before stays whole.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self._lines: list[bytes] = []
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)

    def add(self, received_ns: int, body: bytes) -> None:
        """Keep a message until the next flush. A JSON text has no line break but between its values."""
        self._lines.append(b"%d %s\n" % (received_ns, body.replace(b"\n", b" ").strip()))

    def flush(self) -> None:
        """Write what was added since the last flush."""
        if not self._lines:
            return
        member = gzip.compress(b"".join(self._lines), LEVEL)
        written = os.write(self._file, member)  # in one call: a kill finds all of it written, or nothing
        if written < len(member):
            os.ftruncate(self._file, self.size)
            raise OSError(f"{self.path}: only {written} of {len(member)} bytes could be written")
        self.size += len(member)
        self._lines.clear()

    def close(self) -> None:
        """Flush and force everything to disk."""
        try:
            self.flush()
            os.fsync(self._file)
        finally:
            os.close(self._file)


class Verdict(Struct, frozen=True, kw_only=True):
    """What a capture holds, and whether the simulator plays it.

    Attributes:
        counts: Messages by stream, without the symbol; what REST answered is one kind.
        seconds: From the first to the last order book, by the clock of the recording machine.
        gaps: Seconds of each interruption of the order book.
        problem: Why it cannot be played; None when it can.
    """

    path: Path
    symbol: str
    counts: dict[str, int]
    seconds: float
    gaps: tuple[float, ...]
    problem: str | None

    def __str__(self) -> str:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.counts.items()))
        gaps = f"{len(self.gaps)} gaps, the longest {max(self.gaps):.1f} s" if self.gaps else "no gap"
        end = "replays" if self.problem is None else f"DOES NOT REPLAY: {self.problem}"
        return f"{self.path}: {self.symbol}, {self.seconds:.1f} s, {gaps}; {kinds or 'nothing'}; {end}"


def verify(path: Path) -> Verdict:
    """Read a capture as the simulator does, and play one round of it."""
    recording, counts, times = Recording(path), Counter[str](), list[int]()
    problem = None
    try:
        for message in recording.lines():
            counts[_kind(recording.stream)] += 1
            if isinstance(message, DepthDiff | PartialDepth):
                times.append(recording.received_ns)
        _play(path)
    except (CaptureError, ValueError, OSError, EOFError) as error:
        problem = str(error)
    steps = ((after - before) / 1e9 for before, after in pairwise(times))
    return Verdict(
        path=path,
        symbol=recording.symbol or "no symbol",
        counts=dict(counts),
        seconds=(times[-1] - times[0]) / 1e9 if times else 0.0,
        gaps=tuple(step for step in steps if step > GAP_S),
        problem=problem,
    )


def _kind(stream: str) -> str:
    kind = stream.partition("@")[2]
    return "REST answers" if not kind or kind.startswith("rest:") else kind


def _play(path: Path) -> None:
    source = CaptureSource(path)
    events = takewhile(lambda event: event.ts_ms < source.round_ms, source.events(0))
    if not any(isinstance(event, BookEvent) for event in events):
        raise CaptureError(f"{path}: no order book is played")
