"""The evidence that a quantity we believe open is not there at all: the exchange refuses to reduce it, for a minute."""

from __future__ import annotations

from decimal import Decimal

NOTHING_TO_REDUCE = -2022
LASTS_MS = 60_000


class Absence:
    """Told of every refusal and of every answer about the position.

    An empty list proves nothing, and a refused exit little; that every exit is refused for so long, while every list is
    empty, is as good as the exchange's word.
    """

    def __init__(self) -> None:
        self._since_ms = 0

    def refused(self, code: int, now_ms: int) -> None:
        """An order was refused with this code."""
        if code == NOTHING_TO_REDUCE and not self._since_ms:
            self._since_ms = now_ms

    def see(self, amount: Decimal) -> None:
        """The exchange says that this much is open."""
        if amount:
            self._since_ms = 0

    def forget(self) -> None:
        """The trade is over."""
        self._since_ms = 0

    def proven(self, now_ms: int) -> bool:
        return self._since_ms > 0 and now_ms - self._since_ms >= LASTS_MS
