"""What is on a symbol that no trade of ours accounts for: a position that is not ours, orders left over from before.

One answer of the exchange may be older than what we did, or wrong: a position that appears closes the symbol at once,
but nothing is done about it, and nothing is forgotten, before two answers agree.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from vortex.domain.client_id import OrderIds
from vortex.domain.desk.adoption import ForeignParams, adopt, opened_by, still_ours
from vortex.domain.desk.bracket import Bracket, leg_of, order_close
from vortex.domain.desk.flatness import FlatCheck
from vortex.domain.order import ZERO, Fill, SymbolSetup, SymbolState

GONE_MS = 10_000
"""A position that is not ours has gone when the exchange says so for this long: an answer may be that old."""
GONE_AGAIN_MS = 2_000
"""Between two such answers."""


class Vacancy:
    """Told of every answer about the symbol.

    Attributes:
        foreign: The signed amount that is not ours, as far as we know; 0 when there is none.
        settled: The last two answers without a trade under way agreed on it.
        strays: Orders of ours that rest and belong to no trade under way, and whether they are conditional.
        expected: Orders of ours that rest for another purpose than a trade.
        flat: The evidence that was asked for that nothing of ours is open.
        last_fill_id: Executions up to this one are accounted for.
    """

    def __init__(self, ids: OrderIds, params: ForeignParams, last_fill_id: int = 0) -> None:
        self._ids = ids
        self._params = params
        self.last_fill_id = last_fill_id
        self._seen: Decimal | None = None
        self._seen_ms = 0
        self._gone_ms: int | None = None
        self.foreign = ZERO
        self.settled = False
        self.strays: dict[str, bool] = {}
        self.expected: frozenset[str] = frozenset()
        self.flat = FlatCheck()

    def undecided(self, now_ms: int) -> bool:
        """True when it is time for the answer that tells whether the position is what it seemed."""
        if not self.foreign:
            return False
        if self._gone_ms is None:
            return not self.settled
        return now_ms - self._seen_ms >= GONE_AGAIN_MS

    def see(self, state: SymbolState, now_ms: int) -> None:
        """Take an answer that was given while no trade of ours was under way."""
        amount = state.position.amount
        self.flat.see(amount, now_ms)
        self.settled = amount == self._seen
        self._seen, self._seen_ms = amount, now_ms
        if amount:
            self.foreign, self._gone_ms = amount, None
        elif self.foreign and (self._gone_ms is None or now_ms - self._gone_ms < GONE_MS):
            self._gone_ms = now_ms if self._gone_ms is None else self._gone_ms
        else:
            self.foreign, self._gone_ms = ZERO, None
            self._account_for(state.fills)

    def adopted(self, state: SymbolState, setup: SymbolSetup, now_ms: int) -> Bracket | None:
        """Return the trade that the position of this answer becomes; None when it is to be left alone, or not sure.

        Ours it is when an entry of ours made some of it that is not closed yet. Executions that are accounted for make
        nothing: an answer may be older than our exit. Where the symbol was ordered flat meanwhile, ours is closed.
        """
        if not self.foreign or not self.settled:
            return None
        new = opened_by(state.fills, self.foreign, self.last_fill_id)
        ours = still_ours(state.fills, self.foreign, self._ids, self.last_fill_id) > 0
        if not ours and not (new and self._params.foreign_position == "protect"):
            return None
        self.foreign, self.settled, self._seen, self._gone_ms = ZERO, False, None, None
        bracket = adopt(state, setup, self._ids, self._params, now_ms)
        reason = self.flat.reason if ours else None
        return order_close(bracket, reason) if reason is not None else bracket

    def after(self, bracket: Bracket) -> None:
        """This trade is over; what a person left of the position is still to be accounted for."""
        self._account_for(bracket.entry_fills if self.foreign else bracket.fills)

    def _account_for(self, fills: Iterable[Fill]) -> None:
        self.last_fill_id = max((self.last_fill_id, *(fill.fill_id for fill in fills)))

    def beside(self, amount: Decimal) -> None:
        """A trade of ours is under way, and this much is open beside it."""
        self.foreign, self.settled, self._seen, self._gone_ms = amount, True, None, None

    def sort(self, state: SymbolState, bracket: Bracket | None) -> None:
        """Find what rests of ours and belongs nowhere; what another process of ours ordered after us is not touched."""
        orders = [(order.client_id, False) for order in state.orders]
        algos = [(algo.client_id, True) for algo in state.algos]
        self.strays = {
            name: conditional
            for name, conditional in (*orders, *algos)
            if name not in self.expected
            and self._ids.ours(name)
            and not self._ids.newer(name)
            and (bracket is None or leg_of(bracket, name) is None)
        }
