"""Why an entry is refused: the gates' codes, in the order in which they are looked at."""

from __future__ import annotations

from enum import StrEnum


class RejectCode(StrEnum):
    """`rejection_reason` of a rejected signal: the first gate that fails, in this order."""

    SHUTTING_DOWN = "SHUTTING_DOWN"
    HALTED = "HALTED"
    """Kill switch, a halted symbol, or the governor tripped."""
    PAUSED = "PAUSED"
    STALE_DATA = "STALE_DATA"
    """A gate of the supervisor is closed, or book, mark price or equity is missing, unusable or old."""
    MID_JUMP = "MID_JUMP"
    """Mid moved too far within one second."""
    REGIME_EXTREME = "REGIME_EXTREME"
    REGIME_UNKNOWN = "REGIME_UNKNOWN"
    POSITION_EXISTS = "POSITION_EXISTS"
    PENDING_ENTRY = "PENDING_ENTRY"
    COOLDOWN = "COOLDOWN"
    DRAWDOWN = "DRAWDOWN"
    MAX_POSITIONS = "MAX_POSITIONS"
    """Too many positions, in all or in this direction."""
    MAX_TRADES = "MAX_TRADES"
    """The owner's limit of entries a day."""
    NO_ATR = "NO_ATR"
    SPREAD_WIDE = "SPREAD_WIDE"
    DEPTH_INSUFFICIENT = "DEPTH_INSUFFICIENT"
    SL_TOO_CLOSE = "SL_TOO_CLOSE"
    """Fewer ticks between entry and stop than the price grid can express safely."""
    FEE_TOO_HIGH = "FEE_TOO_HIGH"
    RR_LOW = "RR_LOW"
    SIZE_TOO_SMALL = "SIZE_TOO_SMALL"
    """This trade's own limits leave less than the exchange accepts."""
    EXPOSURE_CAP = "EXPOSURE_CAP"
    """What the account's limits leave is less than the exchange accepts."""
    LEVERAGE_BRACKET = "LEVERAGE_BRACKET"
    """The exchange does not allow the lowest leverage for this notional."""
    LIQ_TOO_CLOSE = "LIQ_TOO_CLOSE"
    INSUFFICIENT_MARGIN = "INSUFFICIENT_MARGIN"
