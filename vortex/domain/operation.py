"""How a symbol is operated: the gates before an entry, and what may be ordered from outside."""

from __future__ import annotations

from enum import StrEnum


class Gate(StrEnum):
    """Named conditions that must all be open before an entry; exits are never gated."""

    EXCHANGE = "exchange"
    """The symbol is not reconciled, or holds a position that is not ours."""
    USER_STREAM = "user_stream"
    """The exchange's reports about our orders do not arrive."""
    JOURNAL = "journal"
    """Intents, or rows of trades, cannot be written to disk; or too many rows wait there for the ledger."""
    ACCOUNT = "account"
    """The account actor is not there."""
    MONITOR = "monitor"
    """The symbol has no monitor to watch a position."""
    ENGINES = "engines"
    """A required engine is missing, silent or stale."""
    BOOK = "book"
    """The order book is old."""
    CLOCK = "clock"
    """Our clock and the exchange's differ too much."""
    KILL_SWITCH = "kill_switch"
    """The kill switch is set."""
    PAUSED = "paused"
    """A person paused entries."""
    HALTED = "halted"
    """The symbol or the account is halted."""
    DISK = "disk"
    """The disk is nearly full."""


class OperatorAction(StrEnum):
    """What a person, or a supervisor that gives up on a symbol, may order."""

    PAUSE = "pause"
    """No entries; open positions are managed. Survives a restart."""
    RESUME = "resume"
    """End a pause."""
    FLATTEN = "flatten"
    """Close now; whether entries are allowed stays as it is."""
    HALT = "halt"
    """Cancel entries, close, and no entries until UNHALT. Survives a restart. For all symbols: the kill switch."""
    UNHALT = "unhalt"
    """End a halt, for all symbols also the kill switch and what the account itself halted."""
