"""Which trades of the past an engine that begins with nothing may take for its own past."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from vortex.domain.market import Trade

HOLE_MS = 30_000
"""A longer silence is a hole: windows across it would speak of a market that nobody saw."""
AHEAD_MS = 2_000
"""What claims to be from later than this comes from another clock."""


def leading_up(trades: Sequence[Trade], now_ms: int) -> tuple[Trade, ...]:
    """Return the newest trades, oldest first, that lead up to `now_ms` without a hole; empty when there are none.

    Within the run times never fall, ids grow, and where an id is missing less than HOLE_MS is. Between trades whose ids
    follow each other a market may have been silent for longer.
    """
    if not trades or not now_ms - HOLE_MS <= trades[-1].ts_ms <= now_ms + AHEAD_MS:
        return ()
    run: deque[Trade] = deque([trades[-1]])
    for trade in reversed(trades[:-1]):
        next_one = run[0]
        pause_ms = next_one.ts_ms - trade.ts_ms
        if pause_ms < 0 or trade.id >= next_one.id or (trade.id + 1 != next_one.id and pause_ms > HOLE_MS):
            break
        run.appendleft(trade)
    return tuple(run)
