"""Kinds of notifications: what can be muted, and what waits for nothing."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Kind(StrEnum):
    """What a notification is about."""

    START = "start"
    """The run began."""
    STOP = "stop"
    """The run ends, and what stays open."""
    ENTRY = "entry"
    """A position was opened, or was found open at the start."""
    EXIT = "exit"
    """A position was closed: why, and what it earned after costs."""
    STOP_LATE = "stop_late"
    """A position had no confirmed stop for more than 2 s."""
    STOP_FAILED = "stop_failed"
    """No stop could be confirmed in time, or exits do not close a position."""
    RESTART = "restart"
    """An actor crashed and starts again."""
    QUARANTINE = "quarantine"
    """A kind of message crashed an actor again and again: it is given no more of them."""
    HALT = "halt"
    """Entries ended until a person lifts it: by an order, a limit, or an actor tree that crashes too often."""
    OPERATION = "operation"
    """Somebody resumed, flattened or unhalted."""
    DRAWDOWN = "drawdown"
    """The day's loss reached a limit."""
    STALE_FEED = "stale_feed"
    """Market data or the user stream have been missing for 10 s; later, that they are back."""
    GATE = "gate"
    """Entries have waited for 10 s for clock, disk or journal; later, that they wait no more."""
    OUTBOX_LAG = "outbox_lag"
    """Rows have waited for more than a minute for the ledger, or were refused by it."""
    DAILY_SUMMARY = "daily_summary"
    """The day in figures, at 00:05 UTC."""


URGENT = frozenset({Kind.STOP_FAILED, Kind.QUARANTINE, Kind.HALT, Kind.DRAWDOWN})
"""Never held back by a burst of others."""


class Notification(Struct, frozen=True, kw_only=True):
    """Anyone to the notifier: this is worth telling."""

    kind: Kind
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"
