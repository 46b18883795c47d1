"""Funding: what the holders of one side pay to those of the other, at the times the market names."""

from __future__ import annotations

from decimal import Decimal

from vortex.domain.money import stored
from vortex.sim.core.account import FundingDue
from vortex.sim.core.floor import Floor
from vortex.sim.core.market import MarkEvent
from vortex.sim.core.types import SimFunding


def settle_when_due(floor: Floor, event: MarkEvent) -> None:
    """Settle at the rate announced before this mark price when it is the first one at or after the time of funding."""
    announced = floor.account.funding
    due = announced.get(event.symbol)
    if due is not None and event.ts_ms >= due.due_ms:
        settle_funding(floor, event.ts_ms, event.symbol, due.rate, event.mark_price)
    if event.next_funding_ms > event.ts_ms:
        announced[event.symbol] = FundingDue(event.next_funding_ms, event.funding_rate)
    else:  # the market names no time to come: nothing is due until it does
        announced.pop(event.symbol, None)


def settle_funding(floor: Floor, now_ms: int, symbol: str, rate: Decimal, mark_price: Decimal) -> None:
    """Pay or receive minus position times mark price times rate, in units of 1e-8, out of the position's own margin."""
    position = floor.account.positions.get(symbol)
    if position is None or not position.amount:
        return
    amount = stored(-position.amount * mark_price * rate)
    floor.account.wallet += amount
    position.isolated_wallet += amount
    position.updated_ms = now_ms
    floor.history.funding.append(SimFunding(symbol=symbol, ts_ms=now_ms, rate=rate, amount_usdt=amount))
    floor.record(now_ms, symbol, "FUNDING", {"rate": f"{rate:f}", "amount_usdt": f"{amount:f}"})
    floor.push_account(now_ms, "FUNDING_FEE", symbol, amount)
