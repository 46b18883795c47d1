"""What an account and its key are like, read before anything trades; and the two settings changed while it is empty."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeAlias, TypeVar

import msgspec
from msgspec import Struct

from vortex.adapters.binance import rows, symbol_rows
from vortex.adapters.binance.budget import Budget
from vortex.adapters.binance.client import Client, Credentials
from vortex.adapters.binance.errors import FAILURES, ApiError, describe
from vortex.adapters.binance.fees import BNB, Fees
from vortex.adapters.binance.hosts import Hosts
from vortex.adapters.binance.loop import NetworkLoop
from vortex.domain.market import SymbolRules
from vortex.domain.order import AccountState, ClockMeasured
from vortex.ports import Clock

T = TypeVar("T")
TIMEOUT_MS = 5_000.0
_WHOLE_S = 20.0


class Unread(Struct, frozen=True, kw_only=True):
    """What could not be read, and why; `code` is the exchange's own number, None when it gave none."""

    why: str
    code: int | None = None


class KeyPermissions(Struct, frozen=True, kw_only=True, rename="camel"):
    """What the exchange lets this key do; `trading_authority_expiration_time` is epoch ms, None when it never ends."""

    enable_futures: bool
    enable_withdrawals: bool
    enable_internal_transfer: bool = False
    permits_universal_transfer: bool = False
    ip_restrict: bool = False
    trading_authority_expiration_time: int | None = None


class OpenOrder(Struct, frozen=True, kw_only=True):
    """An order that rests in either book."""

    symbol: str
    client_id: str


class OpenPosition(Struct, frozen=True, kw_only=True):
    """A position, of either mode; `amount` is signed."""

    symbol: str
    amount: Decimal


class Facts(Struct, frozen=True, kw_only=True):
    """Everything the start-up checks go by. `permissions` is None where no host tells them.

    Attributes:
        margin_types: ISOLATED or CROSSED, by symbol.
        rules: Filters of every tradable symbol.
        max_leverage: By symbol, of the lowest bracket.
        taker_fee: Of the first pair, a fraction.
        fee_burn: True when fees are paid in BNB.
    """

    clock: ClockMeasured
    permissions: KeyPermissions | Unread | None
    hedge_mode: bool | Unread
    multi_assets: bool | Unread
    margin_types: dict[str, str] | Unread
    rules: dict[str, SymbolRules] | Unread
    max_leverage: dict[str, int] | Unread
    taker_fee: Decimal | Unread
    fee_burn: bool | Unread
    money: AccountState | Unread
    positions: tuple[OpenPosition, ...] | Unread
    orders: tuple[OpenOrder, ...] | Unread


class Change(StrEnum):
    """A setting of the whole account that we bring about, if nothing is open."""

    ONE_WAY = "one-way position mode"
    SINGLE_ASSET = "single-asset mode"


Reading: TypeAlias = Callable[[], Awaitable[T]]


class Inspection:
    """Reads through a client of its own, from any thread; blocks. `close` is due.

    Args:
        loop: A started loop; it outlives this object.
        fees: Learns in which asset fees are paid, and its price, so that the first fill finds one.
    """

    def __init__(
        self,
        loop: NetworkLoop,
        hosts: Hosts,
        credentials: Credentials,
        clock: Clock,
        budget: Budget,
        fees: Fees | None = None,
    ) -> None:
        self._loop = loop
        self._clock = clock
        self._fees = fees or Fees(clock)
        self._has_wallet = bool(hosts.wallet)
        self._client = Client(hosts, clock, budget, credentials)

    def read(self, first_pair: str) -> Facts:
        """Everything; what the exchange would not tell is Unread.

        Raises:
            OSError: It does not even tell the time.
        """
        return self._run(self._facts(first_pair))

    def change(self, change: Change) -> None:
        """Bring a setting about. Raises OSError with the exchange's words when it would not."""
        self._run(self._change(change))

    def round_trips_ms(self, count: int) -> tuple[float, ...]:
        """Ask so many times for the time, one after another, on one connection; ms. Raises OSError."""
        return self._run(self._round_trips(count))

    def mark_price(self, symbol: str) -> Decimal:
        """The present mark price. Raises OSError when the exchange would not tell it."""
        return self._run(self._client.read_mark_price(symbol))

    def close(self) -> None:
        self._loop.run(self._client.close(), _WHOLE_S)

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        try:
            return self._loop.run(coroutine, _WHOLE_S)
        except FAILURES as error:
            raise OSError(f"the exchange does not answer: {describe(error)}") from None

    async def _round_trips(self, count: int) -> tuple[float, ...]:
        await self._client.fapiPublicGetTime()  # connects, which no later request does
        taken_ms = []
        for _ in range(count):
            sent_ms = self._clock.monotonic_ms()
            await self._client.fapiPublicGetTime()
            taken_ms.append(self._clock.monotonic_ms() - sent_ms)
        return tuple(taken_ms)

    async def _facts(self, pair: str) -> Facts:
        clock = await self._client.read_clock()  # first: what follows is signed by it
        permissions, hedge_mode, multi_assets, positions, orders = await asyncio.gather(
            self._try(self._permissions),
            self._try(self._hedge_mode),
            self._try(self._multi_assets),
            self._try(self._positions),
            self._try(self._orders),
        )
        margin_types, rules, max_leverage, taker_fee, money, fee_burn = await asyncio.gather(
            self._try(self._margin_types),
            self._try(self._rules),
            self._try(self._max_leverage),
            self._try(lambda: self._taker_fee(pair)),
            self._try(self._money),
            self._fee_burn(),
        )
        return Facts(
            clock=clock,
            permissions=permissions,
            hedge_mode=hedge_mode,
            multi_assets=multi_assets,
            margin_types=margin_types,
            rules=rules,
            max_leverage=max_leverage,
            taker_fee=taker_fee,
            fee_burn=fee_burn,
            money=money,
            positions=positions,
            orders=orders,
        )

    async def _try(self, reading: Reading[T]) -> T | Unread:
        try:
            async with asyncio.timeout(self._clock.real_s(TIMEOUT_MS)):
                return await reading()
        except FAILURES as error:
            return Unread(why=describe(error), code=error.code if isinstance(error, ApiError) else None)

    async def _permissions(self) -> KeyPermissions | None:
        if not self._has_wallet:
            return None
        return msgspec.convert(await self._client.sapiGetAccountApiRestrictions(), KeyPermissions)

    async def _hedge_mode(self) -> bool:
        return msgspec.convert(await self._client.fapiPrivateGetPositionSideDual(), _PositionMode).dual_side_position

    async def _multi_assets(self) -> bool:
        return msgspec.convert(await self._client.fapiPrivateGetMultiAssetsMargin(), _AssetMode).multi_assets_margin

    async def _margin_types(self) -> dict[str, str]:
        return symbol_rows.margin_types(await self._client.fapiPrivateGetSymbolConfig())

    async def _rules(self) -> dict[str, SymbolRules]:
        reply = await self._client.fapiPublicGetExchangeInfo()
        self._client.budget.learn_limits(reply)
        return symbol_rows.tradable_rules(reply)

    async def _max_leverage(self) -> dict[str, int]:
        return symbol_rows.max_leverage(await self._client.fapiPrivateGetLeverageBracket())

    async def _taker_fee(self, pair: str) -> Decimal:
        return symbol_rows.taker_fee(await self._client.fapiPrivateGetCommissionRate({"symbol": pair}))

    async def _fee_burn(self) -> bool | Unread:
        """Unless fees are known to be paid in USDT, BNB's price is looked at; kept fresh it is where it is needed."""
        burns = await self._try(self._burns_bnb)
        if burns is True:
            self._fees.need(BNB)
        if burns is not False:
            await self._fees.look(self._client, BNB)
        return burns

    async def _burns_bnb(self) -> bool:
        return msgspec.convert(await self._client.fapiPrivateGetFeeBurn(), _FeeBurn).fee_burn

    async def _money(self) -> AccountState:
        ts_ms = self._clock.now_ms()
        return rows.account_state(await self._client.fapiPrivateV3GetAccount(), ts_ms)

    async def _positions(self) -> tuple[OpenPosition, ...]:
        reply = await self._client.fapiPrivateV3GetPositionRisk()
        held = msgspec.convert(reply, list[_PositionRow], strict=False)
        return tuple(OpenPosition(symbol=row.symbol, amount=row.position_amt) for row in held if row.position_amt)

    async def _orders(self) -> tuple[OpenOrder, ...]:
        orders = await self._client.fapiPrivateGetOpenOrders()
        algos = await self._client.fapiPrivateGetOpenAlgoOrders()
        ordinary = msgspec.convert(orders, list[_OrderRow])
        conditional = msgspec.convert(algos, list[_AlgoRow])
        return (
            *(OpenOrder(symbol=row.symbol, client_id=row.client_order_id) for row in ordinary),
            *(OpenOrder(symbol=row.symbol, client_id=row.client_algo_id) for row in conditional),
        )

    async def _change(self, change: Change) -> None:
        async with asyncio.timeout(self._clock.real_s(TIMEOUT_MS)):
            if change is Change.ONE_WAY:
                await self._client.fapiPrivatePostPositionSideDual({"dualSidePosition": "false"})
            else:
                await self._client.fapiPrivatePostMultiAssetsMargin({"multiAssetsMargin": "false"})


class _PositionMode(Struct, rename="camel"):
    dual_side_position: bool


class _AssetMode(Struct, rename="camel"):
    multi_assets_margin: bool


class _FeeBurn(Struct, rename="camel"):
    fee_burn: bool


class _PositionRow(Struct, rename="camel"):
    symbol: str
    position_amt: Decimal


class _OrderRow(Struct, rename="camel"):
    symbol: str
    client_order_id: str


class _AlgoRow(Struct, rename="camel"):
    symbol: str
    client_algo_id: str
