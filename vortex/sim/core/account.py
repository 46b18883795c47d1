"""What of the account still changes, and the one-way isolated position with its arithmetic."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from msgspec import Struct

from vortex.domain.order import ZERO, OrderSide, Side
from vortex.sim.core.types import SimAlgo, SimOrder

DEFAULT_LEVERAGE = 20
ISOLATED = "ISOLATED"
CROSSED = "CROSSED"
MARGIN_TYPES = (ISOLATED, CROSSED)


class Position(Struct, kw_only=True):
    """A one-way position: signed amount, average entry price, and the margin set aside for it.

    Attributes:
        warned: A margin call was sent and its reason has not gone since.
    """

    symbol: str
    amount: Decimal = ZERO
    entry_price: Decimal = ZERO
    isolated_wallet: Decimal = ZERO
    updated_ms: int = 0
    warned: bool = False

    @property
    def side(self) -> Side:
        """Its direction, which of a flat one means nothing."""
        return Side.LONG if self.amount > ZERO else Side.SHORT

    @property
    def closing_side(self) -> OrderSide | None:
        """The order side that reduces this position; None when it is flat."""
        return self.side.closing if self.amount else None

    def reducible(self, side: OrderSide) -> Decimal:
        """How much an order of this side can reduce."""
        return abs(self.amount) if side is self.closing_side else ZERO

    def apply(self, side: OrderSide, quantity: Decimal, price: Decimal, leverage: int) -> Decimal:
        """Book one execution and return the profit it realised; beyond flat it opens the other direction."""
        closed = min(quantity, self.reducible(side))
        realized = self._reduce(closed, price) if closed else ZERO
        if quantity > closed:
            self._increase(side, quantity - closed, price, leverage)
        return realized

    def _reduce(self, quantity: Decimal, price: Decimal) -> Decimal:
        size, direction = abs(self.amount), (1 if self.amount > ZERO else -1)
        realized = direction * quantity * (price - self.entry_price)
        if quantity == size:
            self.amount = self.entry_price = self.isolated_wallet = ZERO
            self.warned = False
        else:
            self.isolated_wallet -= self.isolated_wallet * quantity / size
            self.amount -= direction * quantity
        return realized

    def _increase(self, side: OrderSide, quantity: Decimal, price: Decimal, leverage: int) -> None:
        size = abs(self.amount)
        self.entry_price = (self.entry_price * size + price * quantity) / (size + quantity)
        self.isolated_wallet += price * quantity / leverage
        self.amount += quantity if side is OrderSide.BUY else -quantity


class SymbolSetting(Struct, kw_only=True):
    """Leverage and margin type; as on Binance a new symbol says CROSSED, but margin is kept isolated either way."""

    leverage: int = DEFAULT_LEVERAGE
    margin_type: str = CROSSED


class FundingDue(Struct, frozen=True, array_like=True):
    """When funding is settled next and at which rate, as the market last announced it."""

    due_ms: int
    rate: Decimal


class Account(Struct, kw_only=True):
    """Money, positions and settings, and what was changed about the contracts.

    Attributes:
        countdowns: By symbol, when its ordinary orders are cancelled.
        funding: By symbol, what was announced.
        statuses: By symbol, the contract's status where it is not TRADING.
        ticks: By symbol, the tick size where it was changed.
    """

    wallet: Decimal
    settings: dict[str, SymbolSetting] = {}
    positions: dict[str, Position] = {}
    dual_side: bool = False
    multi_assets: bool = False
    countdowns: dict[str, int] = {}
    funding: dict[str, FundingDue] = {}
    statuses: dict[str, str] = {}
    ticks: dict[str, Decimal] = {}
    last_order_id: int = 0
    last_algo_id: int = 0
    last_fill_id: int = 0

    def setting(self, symbol: str) -> SymbolSetting:
        return self.settings.setdefault(symbol, SymbolSetting())

    def position(self, symbol: str) -> Position:
        return self.positions.setdefault(symbol, Position(symbol=symbol))

    @property
    def isolated(self) -> Decimal:
        """What all open positions hold of the wallet."""
        return sum((position.isolated_wallet for position in self.positions.values()), ZERO)


class Present(Struct, frozen=True, kw_only=True):
    """All that still changes, as it is kept on disk: as small after a month as after an hour.

    Attributes:
        orders: The open ones by their number in the history.
        algos: Likewise.
        lengths: How many rows the history has by kind, these included.
    """

    account: Account
    orders: dict[int, SimOrder]
    algos: dict[int, SimAlgo]
    lengths: dict[str, int]


def encode(present: Present) -> bytes:
    """Serialise, decimals exactly."""
    return msgspec.msgpack.encode(present)


def decode(data: bytes) -> Present:
    """Read what `encode` wrote. Raises ValueError when the data is anything else."""
    try:
        return msgspec.msgpack.decode(data, type=Present)
    except msgspec.DecodeError as error:
        raise ValueError(f"not an exchange state: {error}") from error
