"""What PostgreSQL says when it takes no rows, in the words of the port: wait, ask a person, or look at the rows."""

from __future__ import annotations

from typing import TypeAlias

from vortex.ports import RowsRefusedError, StoreMisconfiguredError, StoreUnavailableError

Refusal: TypeAlias = StoreUnavailableError | StoreMisconfiguredError | RowsRefusedError

LATER = ("08", "25", "40", "53", "55", "57", "58", "XX")
"""Classes of SQLSTATE that pass: connection, read-only standby, deadlock, resources, lock, shutdown, system."""
ROWS = ("21", "22", "23", "54", "P0")
"""Classes that a row has caused: cardinality, data, constraint, size, a trigger's own objection."""
MOST_SHOWN = 300
"""Characters of what a server says."""


def refusal(sqlstate: str, text: str, retry_after_s: float | None = None) -> Refusal:
    """The error for a SQLSTATE; whatever is not known needs a person, and costs no row."""
    if sqlstate.startswith(LATER):
        return StoreUnavailableError(text, retry_after_s)
    if sqlstate.startswith(ROWS):
        return RowsRefusedError(text)
    return StoreMisconfiguredError(text)


def one_line(text: str) -> str:
    """What a server said, short enough for a log line."""
    words = " ".join(text.split())
    return words if len(words) <= MOST_SHOWN else f"{words[:MOST_SHOWN]}..."
