"""The evidence that a symbol is flat: one empty answer may come from an exchange that does not know, so it takes two.

A position that is not ours is left alone: two answers that agree on it show as well that nothing of ours is open.
"""

from __future__ import annotations

from decimal import Decimal

from vortex.domain.trade import CloseReason

APART_MS = 1_000


class FlatCheck:
    """Told of every answer about the position; `wanted` from `order` until two of them agree.

    Attributes:
        reason: Why it was ordered, while it is wanted.
    """

    def __init__(self) -> None:
        self.reason: CloseReason | None = None
        self._first_ms: int | None = None
        self._amount: Decimal | None = None

    @property
    def wanted(self) -> bool:
        return self.reason is not None

    def order(self, reason: CloseReason) -> None:
        """Begin: what was seen before proves nothing."""
        self.reason = reason
        self._first_ms = None

    def see(self, amount: Decimal, now_ms: int) -> None:
        """Take an answer that was given while no trade of ours was under way."""
        if self._first_ms is None or amount != self._amount:
            self._first_ms, self._amount = now_ms, amount
        elif now_ms - self._first_ms >= APART_MS:
            self.reason = None

    def due(self, now_ms: int) -> bool:
        """True when the next answer is to be had."""
        return self.wanted and (self._first_ms is None or now_ms - self._first_ms >= APART_MS)
