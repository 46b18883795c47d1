"""Commissions paid in another asset, BNB above all, as USDT: behind the port every fee is in USDT.

A fill is converted when it is read, from the stream and from a query alike, at the newest known mark price of that
asset against USDT. No fill waits for a price. The limits:

- It is the mark price, at most about a minute old while the exchange answers, not the rate at which it took its BNB.
- A fill of the past, which a query brings, is converted at the price of today. One that is read twice may come with two
  prices; the domain counts every execution once, as it was first told.
- Without a price (none was asked for yet, none came, or the asset has no perpetual against USDT) a fill is passed on as
  it is, to be counted as so many USDT. A warning names asset and amount, once for each such fill.
- A price that was needed once is asked for until the process ends, also when fees are paid in USDT again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Final

from loguru import logger
from msgspec.structs import replace

from vortex.adapters.binance.client import Client
from vortex.adapters.binance.errors import FAILURES, describe
from vortex.adapters.binance.notices import Notices
from vortex.domain.money import plain, stored
from vortex.domain.order import ZERO, Fill
from vortex.ports import Clock

USDT: Final = "USDT"
BNB: Final = "BNB"
EVERY_MS = 30_000
"""Between two looks at a price: one may get lost, and it is still no older than a minute."""

TIMEOUT_MS = 5_000
KEPT_IDS = 10_000


class Fees:
    """What one account's fees are worth. It belongs to the loop: only what runs there calls it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._prices: dict[str, Decimal] = {}
        self._needed: set[str] = set()
        self._due = asyncio.Event()
        self._missed: dict[tuple[str, int], None] = {}
        self._notices = Notices(clock, "fees")

    def in_usdt(self, fills: Sequence[Fill]) -> tuple[Fill, ...]:
        """The same fills with commissions in USDT of 8 decimals; one in USDT, or without a price, is left as it is."""
        converted = tuple(self._one(fill) for fill in fills)
        self._miss([fill for fill in converted if _foreign(fill)])
        return converted

    def need(self, asset: str) -> None:
        """From now on a fresh price of this asset is kept."""
        if asset not in self._needed:
            self._needed.add(asset)
            self._due.set()

    def know(self, asset: str, price: Decimal) -> None:
        """This is the newest price of the asset in USDT."""
        self._prices[asset] = price

    async def keep(self, client: Client) -> None:
        """Ask for what is needed twice a minute, and at once for what is new; until cancelled."""
        while True:
            self._due.clear()
            for asset in sorted(self._needed):
                await client.budget.silence_over()
                await self.look(client, asset)
            with suppress(TimeoutError):  # nobody needs a price: wait for who does
                async with asyncio.timeout(self._clock.real_s(EVERY_MS) if self._needed else None):
                    await self._due.wait()

    async def look(self, client: Client, asset: str) -> None:
        """Ask for the price once. A failure is only logged: the price before it stays."""
        try:
            async with asyncio.timeout(self._clock.real_s(TIMEOUT_MS)):
                self.know(asset, await client.read_mark_price(f"{asset}{USDT}"))
        except FAILURES as error:
            self._notices.warn(f"no mark price of {asset}{USDT}", describe(error))

    def _one(self, fill: Fill) -> Fill:
        if not _foreign(fill):
            return fill
        self.need(fill.commission_asset)
        price = self._prices.get(fill.commission_asset)
        if price is None:
            return fill
        return replace(fill, commission=stored(fill.commission * price), commission_asset=USDT)

    def _miss(self, fills: Sequence[Fill]) -> None:
        """Warn of each once, and try again to get their prices; a query may bring many, and again and again."""
        new = [fill for fill in fills if (fill.symbol, fill.fill_id) not in self._missed]
        for asset in sorted({fill.commission_asset for fill in new}):
            self._due.set()
            amounts = [fill.commission for fill in new if fill.commission_asset == asset]
            logger.warning(
                "fees: a commission of {} {} ({} executions) is not converted, for want of a price: "
                "it counts as so many USDT",
                plain(sum(amounts, ZERO)), asset, len(amounts),
            )  # fmt: skip
        self._missed |= dict.fromkeys((fill.symbol, fill.fill_id) for fill in new)
        while len(self._missed) > KEPT_IDS:
            del self._missed[next(iter(self._missed))]


def _foreign(fill: Fill) -> bool:
    """True when a fee was paid in another asset; one of nothing has none, or does not matter."""
    return bool(fill.commission) and fill.commission_asset not in ("", USDT)
