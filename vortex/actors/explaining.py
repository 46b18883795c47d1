"""What a symbol's decision can still say about its last entries and rejections."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from vortex.domain.decision import ENGINES, Decision, SignalBoard
from vortex.domain.explain import Components, Explanation, explain

KEPT = 24
"""Explained decisions of a symbol; an older one is in the ledger if it was rejected, else gone."""


class Explained:
    """The explanations of decisions that wanted to enter, by the decision's id and by the trade's."""

    def __init__(self, board: SignalBoard) -> None:
        self._board = board
        self._kept: dict[str, Explanation] = {}
        self._trades: dict[str, str] = {}
        self._newest: Decision | None = None

    def note(self, decision: Decision) -> None:
        """This is the newest evaluation."""
        self._newest = decision

    def keep(self, explained: Explanation) -> None:
        """Keep what may be asked for, the newest version of it."""
        self._kept[explained.decision.id] = explained
        while len(self._kept) > KEPT:
            del self._kept[next(iter(self._kept))]

    def opened(self, trade_id: str, decision_id: str) -> None:
        """The entry of this decision became a trade."""
        self._trades[trade_id] = decision_id
        self._trades = {trade: each for trade, each in self._trades.items() if each in self._kept}

    def find(self, name: str | None) -> Explanation | None:
        """Return the decision or trade of this id; None is the newest evaluation."""
        newest = self._newest
        if newest is not None and name in (None, newest.id):
            whole = replace(newest, triggers=self._board.triggers())
            return self._kept.get(newest.id) or explain(whole, self.components())
        return None if name is None else self._kept.get(self._trades.get(name, name))

    def components(self) -> Components:
        """The named numbers behind every engine's newest opinion."""
        found: dict[str, Mapping[str, float | None]] = {}
        for engine in ENGINES:
            signal = self._board.newest(engine)
            found[engine] = signal.components if signal is not None else {}
        return found
