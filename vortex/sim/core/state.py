"""What the exchange is at one moment, to be read: contracts, markets, account, orders, executions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from vortex.domain.order import ZERO, AlgoStatus
from vortex.sim.core.account import Account, Position, Present
from vortex.sim.core.history import History, Register
from vortex.sim.core.margin import liquidation_price, resting_margin_usdt
from vortex.sim.core.market import SymbolSpec
from vortex.sim.core.matching import MARK_PRICE, SymbolMarket
from vortex.sim.core.types import RequestRefused, SimAlgo, SimFill, SimFunding, SimOrder, SimPosition

MAX_ROWS = 1_000
_OPEN = (AlgoStatus.NEW, AlgoStatus.TRIGGERING, AlgoStatus.TRIGGERED)


def algo_open(status: AlgoStatus) -> bool:
    """True while a conditional order may still act."""
    return status in _OPEN


def capped(limit: int) -> int:
    """How many rows an answer has at most when so many are asked for."""
    return max(1, min(limit, MAX_ROWS))


class State(ABC):
    """Everything a question can be about. Money not bound by positions or resting orders is `available`."""

    specs: Mapping[str, SymbolSpec]
    markets: Mapping[str, SymbolMarket]
    account: Account
    orders: Register[SimOrder]
    algos: Register[SimAlgo]

    def spec(self, symbol: str) -> SymbolSpec:
        """The listed contract. Raises RequestRefused -1121."""
        spec = self.specs.get(symbol)
        if spec is None:
            raise RequestRefused(-1121, "Invalid symbol.")
        return spec

    def resting(self, symbol: str) -> list[SimOrder]:
        """The symbol's open ordinary orders in order of arrival."""
        return [order for order in self.orders.open.values() if order.symbol == symbol]

    def waiting(self, symbol: str) -> list[SimAlgo]:
        """The symbol's open conditional orders in order of arrival."""
        return [algo for algo in self.algos.open.values() if algo.symbol == symbol]

    @abstractmethod
    def fill_numbers(self, symbol: str | None) -> list[int]:
        """Places of a symbol's executions, or of all, in order of time."""

    @abstractmethod
    def fill(self, number: int) -> SimFill:
        """The execution at this place."""

    def between(self, numbers: Sequence[int], first_ms: int, last_ms: int | None) -> tuple[int, int]:
        """Where, in places of executions, those of this time begin and end: only a few are read, however many."""

        def ts_ms(number: int) -> int:
            return self.fill(number).ts_ms

        first = bisect_left(numbers, first_ms, key=ts_ms)
        return first, len(numbers) if last_ms is None else bisect_right(numbers, last_ms, key=ts_ms)

    @abstractmethod
    def funding(self) -> Iterator[tuple[int, SimFunding]]:
        """Funding that was settled, with its place, newest first."""

    def available(self) -> Decimal:
        """Wallet less the margin of positions and resting orders; losses of isolated positions do not count."""
        return max(ZERO, self.account.wallet - self.account.isolated - self.resting_margin())

    def resting_margin(self) -> Decimal:
        """Margin that the resting orders hold."""
        account = self.account
        symbols = dict.fromkeys(order.symbol for order in self.orders.open.values())
        return sum(
            (
                resting_margin_usdt(self.resting(symbol), account.position(symbol), account.setting(symbol).leverage)
                for symbol in symbols
            ),
            ZERO,
        )

    def position_view(self, position: Position) -> SimPosition:
        """A position as the exchange shows it, valued at the mark price (at its entry price before the first one)."""
        mark = self.markets[position.symbol].price(MARK_PRICE) or position.entry_price
        return SimPosition(
            symbol=position.symbol,
            amount=position.amount,
            entry_price=position.entry_price,
            mark_price=mark,
            leverage=self.account.setting(position.symbol).leverage,
            isolated_wallet=position.isolated_wallet,
            liquidation_price=liquidation_price(self.specs[position.symbol].tiers, position),
            unrealized_pnl=position.amount * (mark - position.entry_price),
            updated_ms=position.updated_ms,
        )

    def open_positions(self) -> list[SimPosition]:
        """Every position that is not flat."""
        return [self.position_view(position) for position in self.account.positions.values() if position.amount]


class PastState(State):
    """The state as it was, over what has become final since; prices are those of now."""

    def __init__(self, now: State, present: Present, history: History, numbers: Mapping[str, list[int]]) -> None:
        self.specs = now.specs
        self.markets = now.markets
        self.account = present.account
        self.orders = history.orders.as_of(present.lengths["order"], present.orders)
        self.algos = history.algos.as_of(present.lengths["algo"], present.algos)
        self._history = history
        self._lengths = present.lengths
        self._numbers = numbers

    def fill_numbers(self, symbol: str | None) -> list[int]:
        fills = self._lengths["fill"]
        if symbol is None:
            return list(range(fills))
        numbers = self._numbers.get(symbol, [])
        return numbers[: bisect_left(numbers, fills)]

    def fill(self, number: int) -> SimFill:
        return self._history.fills[number]

    def funding(self) -> Iterator[tuple[int, SimFunding]]:
        return ((number, self._history.funding[number]) for number in reversed(range(self._lengths["funding"])))
