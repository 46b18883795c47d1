"""When to ask for the whole truth about a symbol: at once when in doubt, else at a steady pace, never in a storm."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from vortex.domain.order import Fill

ANNOUNCED_MS = 1_000
"""An execution that was told early and not reported within this time was lost."""


class Paces(Struct, frozen=True, kw_only=True):
    """How often the same question may be asked, milliseconds.

    Attributes:
        retry_ms: The shortest pause; it doubles with every question that is refused.
        guarding_most_ms: The longest such pause while a quantity is open.
        free_most_ms: The longest while nothing is.
        open_ms: The steady pace while a trade is under way.
        unresolved_ms: The same while the outcome of its entry is not known.
        flat_ms: The same without a trade.
    """

    retry_ms: int = 300
    guarding_most_ms: int = 1_000
    free_most_ms: int = 10_000
    open_ms: int = 10_000
    unresolved_ms: int = 2_000
    flat_ms: int = 30_000


class Questions:
    """Keeps when it was asked and answered.

    Attributes:
        in_doubt: Events may have been lost, or something is not as it should be: ask before anything else.
        answered_ms: When the last answer came.
    """

    def __init__(self, paces: Paces) -> None:
        self._paces = paces
        self._asked_ms = -1_000_000
        self._pause_ms = paces.retry_ms
        self.in_doubt = True
        self.answered_ms = 0
        self._announced: dict[int, int] = {}

    def announced(self, fill_id: int, now_ms: int) -> None:
        """An execution was told early; its report is to follow."""
        self._announced[fill_id] = now_ms

    def hear(self, fills: Iterable[Fill], now_ms: int) -> None:
        """These executions are known; doubt when one that was told early is not among them after a while."""
        if not self._announced:
            return
        for fill in fills:
            self._announced.pop(fill.fill_id, None)
        if any(now_ms - at_ms >= ANNOUNCED_MS for at_ms in self._announced.values()):
            self._announced.clear()
            self.in_doubt = True

    def asked(self, now_ms: int) -> None:
        """A question about the truth leaves."""
        self._asked_ms, self.in_doubt = now_ms, False

    def attempted(self, now_ms: int) -> None:
        """Another question that takes the same pace leaves."""
        self._asked_ms = now_ms

    def answered(self, now_ms: int) -> None:
        """The truth came."""
        self.answered_ms = now_ms
        self._pause_ms = self._paces.retry_ms

    def encouraged(self) -> None:
        """Something else was answered: the exchange is there."""
        self._pause_ms = self._paces.retry_ms

    def unanswered(self, *, refused: bool) -> None:
        """No answer came: ask again; a refusal: less and less often."""
        self.in_doubt = True
        if refused:
            self._pause_ms = min(2 * self._pause_ms, self._paces.free_most_ms)

    def may_ask(self, now_ms: int, *, guarding: bool) -> bool:
        """True when the pause since the last question is over."""
        most_ms = self._paces.guarding_most_ms if guarding else self._paces.free_most_ms
        return now_ms - self._asked_ms >= min(self._pause_ms, most_ms)

    def due(self, now_ms: int, pace_ms: int) -> bool:
        """True when the last question and answer are older than this."""
        return now_ms - max(self.answered_ms, self._asked_ms) >= pace_ms
