"""What leaves next about one symbol: what is open is guarded first, what is in doubt is looked at, then the rest."""

from __future__ import annotations

from vortex.domain.desk.bracket import Bracket
from vortex.domain.desk.leg import LegState
from vortex.domain.desk.planning import DeskLimits, Lane, Planned, Planner
from vortex.domain.desk.questions import Questions
from vortex.domain.desk.vacancy import Vacancy
from vortex.domain.order import ZERO, CancelOrder, PrepareSymbol, QueryFunding, QuerySymbol, SymbolSetup


class Agenda:
    """Orders the wishes of everyone who has one.

    Args:
        symbol: The symbol.
        planner: What a trade needs.
        questions: When the truth may be asked for.
        vacancy: What is there beside a trade.
        limits: Times and paces.

    Attributes:
        amount: The signed position of the exchange's last answer.
        prepared_ms: When the symbol's rules were last read; 0 when they are to be read again.
    """

    def __init__(
        self, symbol: str, planner: Planner, questions: Questions, vacancy: Vacancy, limits: DeskLimits
    ) -> None:
        self._symbol = symbol
        self._planner = planner
        self._questions = questions
        self._vacancy = vacancy
        self._limits = limits
        self.amount = ZERO
        self.prepared_ms = 0

    def next(
        self, bracket: Bracket | None, setup: SymbolSetup | None, leverage: int | None, now_ms: int
    ) -> Planned | None:
        """Return the one request that should leave now, or None."""
        guarding = bracket is not None and bracket.open_quantity > 0
        may_ask = self._questions.may_ask(now_ms, guarding=guarding)
        if not self._questions.answered_ms or (setup is None and not guarding):
            return self._first_question(bracket, setup, now_ms) if may_ask else None
        planned = self._guard(bracket, now_ms) if bracket is not None and guarding else None
        if planned is None and may_ask and self._wants_state(bracket, now_ms):
            naked = bracket is not None and bracket.naked_since_ms is not None
            planned = Lane.STOP if naked else Lane.RECONCILE, self._state_query(bracket, now_ms)
        if planned is None and bracket is not None:
            planned = self._planned_for(bracket, leverage, now_ms)
        if planned is None and self._questions.due(now_ms, self._pace_ms(bracket)):
            planned = Lane.RECONCILE, self._state_query(bracket, now_ms)
        if planned is None and may_ask and (bracket is None or bracket.over or bracket.protected):
            planned = self._housekeeping(bracket, setup, now_ms)
        return planned

    def _first_question(self, bracket: Bracket | None, setup: SymbolSetup | None, now_ms: int) -> Planned:
        """The rules of a symbol come before its truth, unless there is something to guard."""
        if setup is None and (bracket is None or bracket.open_quantity <= 0):
            return Lane.RECONCILE, PrepareSymbol(symbol=self._symbol)
        return Lane.RECONCILE, self._state_query(bracket, now_ms)

    def _guard(self, bracket: Bracket, now_ms: int) -> Planned | None:
        sure = not self._questions.in_doubt and not self._said_flat_since(bracket.stop.touched_ms)
        return self._planner.guard(bracket, now_ms, may_replace=sure)

    def _planned_for(self, bracket: Bracket, leverage: int | None, now_ms: int) -> Planned | None:
        """What a trade needs that is guarded or has nothing open."""
        if bracket.over:
            return self._planner.clean(bracket, now_ms) or self._funding(bracket, now_ms)
        kept = self._planner.keep_stop(bracket, now_ms) if self._holds(bracket) else None
        entered = kept or self._planner.enter(bracket, leverage, now_ms)
        return entered or self._planner.verify(bracket, now_ms)

    def _funding(self, bracket: Bracket, now_ms: int) -> Planned | None:
        span = bracket.funding_span
        if span is None or not self._questions.may_ask(now_ms, guarding=False):
            return None
        return Lane.RECONCILE, QueryFunding(symbol=self._symbol, since_ms=span[0], until_ms=span[1])

    def _housekeeping(self, bracket: Bracket | None, setup: SymbolSetup | None, now_ms: int) -> Planned | None:
        """Remove what is left over from before, and keep the symbol's rules fresh while nothing is under way."""
        for name, conditional in self._vacancy.strays.items():
            if conditional and bracket is not None and not bracket.over:
                continue  # it may be the very stop that protects
            return Lane.RECONCILE, CancelOrder(symbol=self._symbol, client_id=name, conditional=conditional)
        old = now_ms - self.prepared_ms >= self._limits.rules_ms
        if setup is None or (bracket is None and old):
            return Lane.STATISTICS, PrepareSymbol(symbol=self._symbol)
        return None

    def _holds(self, bracket: Bracket) -> bool:
        """True unless the exchange said since the last exit that nothing is open: a stop would be an orphan."""
        leaving = bracket.exit
        closed = leaving is not None and self._said_flat_since(leaving.touched_ms)
        return bracket.open_quantity > 0 and not closed and not self._questions.in_doubt

    def _said_flat_since(self, since_ms: int) -> bool:
        return self.amount == 0 and self._questions.answered_ms >= since_ms

    def _wants_state(self, bracket: Bracket | None, now_ms: int) -> bool:
        if self._questions.in_doubt:
            return True
        if bracket is not None:
            return bracket.executions_missing
        return self._vacancy.undecided(now_ms) or self._vacancy.flat.due(now_ms)

    def _pace_ms(self, bracket: Bracket | None) -> int:
        paces = self._limits.paces
        if bracket is None:
            return paces.flat_ms
        vanished = bracket.open_quantity > 0 and self._said_flat_since(bracket.entry.touched_ms)
        unresolved = vanished or bracket.entry.state is LegState.UNKNOWN
        return paces.unresolved_ms if unresolved else paces.open_ms

    def _state_query(self, bracket: Bracket | None, now_ms: int) -> QuerySymbol:
        if bracket is None:
            newest = self._vacancy.foreign or not self._questions.answered_ms
            return QuerySymbol(symbol=self._symbol, fills_since_ms=0 if newest else now_ms)
        after = bracket.after_fill_id or None  # ids need no clock; 0 is not known
        return QuerySymbol(symbol=self._symbol, fills_since_ms=bracket.started_ms, after_fill_id=after)
