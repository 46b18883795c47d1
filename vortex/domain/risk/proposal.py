"""The trade that a decision would become: entry, targets, costs, size and leverage, before any gate judges it.

Size needs the entry price and the entry price needs the size, so it is drafted twice: at the best price, then at the
average price of taking the first draft's quantity out of the book. The smaller size stays, hence no price is better
and no risk larger than drafted.
"""

from __future__ import annotations

from decimal import Decimal
from math import isfinite

from msgspec import Struct

from vortex.domain.decision import Decision
from vortex.domain.market import Book, Levels, MarkPrice
from vortex.domain.money import ceil_to, exact
from vortex.domain.order import ZERO, Side
from vortex.domain.risk.costs import Costs, costs_of, expected_funding
from vortex.domain.risk.depth import visible, walk
from vortex.domain.risk.leverage import leverage_candidate
from vortex.domain.risk.liquidation import leverage_allowed, liquidation_price
from vortex.domain.risk.params import RiskParams, TargetParams
from vortex.domain.risk.request import BracketFigures, RiskRequest
from vortex.domain.risk.sizing import Size, fit, least_quantity, risk_quantity
from vortex.domain.risk.targets import Targets, targets_around
from vortex.domain.risk.view import Room, room_of
from vortex.domain.signal import Toxicity, VolatilityPhase

PERCENT, ONE = Decimal(100), Decimal(1)
INFORMED = (Toxicity.ELEVATED, Toxicity.TOXIC)


class Proposal(Struct, frozen=True, kw_only=True):
    """Everything the gates judge. `leverage` is None when the exchange allows none of ours for this notional.

    `own` is the size within the trade's own limits, `size` also within the account's. `taken` is the quantity whose
    depth was looked at, `depth` what that side of the book shows, `least` what the exchange accepts at all.
    """

    side: Side
    entry: Decimal
    tick_size: Decimal
    atr15: Decimal
    targets: Targets
    costs: Costs
    taken: Decimal
    depth: Decimal
    least: Decimal
    own: Size
    size: Size
    leverage_allowed: int
    leverage: int | None
    liquidation_distance: Decimal | None
    liquidation_needed: Decimal
    fee: Decimal
    room: Room
    max_hold_s: int

    @property
    def notional_usdt(self) -> Decimal:
        """Quantity times expected entry price."""
        return self.size.quantity * self.entry

    @property
    def margin_usdt(self) -> Decimal | None:
        """Initial margin, None without a leverage."""
        return None if self.leverage is None else self.notional_usdt / self.leverage

    @property
    def figures(self) -> BracketFigures:
        """The numbers of the bracket, for people and for what-ifs."""
        costs = self.costs
        return BracketFigures(
            side=self.side, entry=self.entry, sl_price=self.targets.sl_price, tp_price=self.targets.tp_price,
            quantity=self.size.quantity, notional_usdt=self.notional_usdt, margin_usdt=self.margin_usdt,
            leverage=self.leverage, max_hold_s=self.max_hold_s, cost_tp=costs.cost_tp, cost_sl=costs.cost_sl,
            rr_gross=costs.rr_gross, rr_net=costs.rr_net, fee_share=costs.fee_share,
            break_even_win_rate=costs.break_even_win_rate,
        )  # fmt: skip


class _Inputs(Struct, frozen=True, kw_only=True):
    """The request as exact numbers."""

    request: RiskRequest
    params: RiskParams
    targets: TargetParams
    side: Side
    levels: Levels
    atr15: Decimal
    equity: Decimal
    room: Room
    fee: Decimal
    funding: Decimal


class _Draft(Struct, frozen=True, kw_only=True):
    entry: Decimal
    targets: Targets
    costs: Costs
    own: Size
    size: Size
    leverage: int


def usable_book(book: Book) -> bool:
    """Tell whether both sides hold finite positive prices and quantities and do not cross."""
    levels = (*book.bids, *book.asks)
    whole = bool(book.bids) and bool(book.asks) and all(x > 0 and isfinite(x) for level in levels for x in level)
    return whole and book.best_bid < book.best_ask


def usable_mark(mark: MarkPrice | None) -> bool:
    """Tell whether there is a finite mark price with a finite funding rate."""
    return mark is not None and isfinite(mark.mark_price) and mark.mark_price > 0 and isfinite(mark.funding_rate)


def usable_atr(atr: float | None) -> bool:
    """Tell whether there is a finite ATR above 0."""
    return atr is not None and isfinite(atr) and atr > 0


def usable_price(price: float | None) -> Decimal | None:
    """Return a finite price above 0 as the decimal that it prints as, else None."""
    return exact(price) if price is not None and isfinite(price) and price > 0 else None


def propose(request: RiskRequest, params: RiskParams) -> Proposal | None:
    """Return the trade, or None when book, ATR or equity is missing. Raises ValueError for a decision to HOLD."""
    inputs = _inputs(request, params)
    if inputs is None:
        return None
    best = exact(inputs.levels[0][0])
    first = _draft(inputs, best, ZERO)
    taken = max(first.size.quantity, least_quantity(best, request.rules))
    entry = walk(inputs.levels, taken) or best
    second = _draft(inputs, entry, abs(entry - best))
    smaller = min((first, second), key=lambda draft: draft.size.quantity)
    return _settle(inputs, second, smaller, taken)


def _inputs(request: RiskRequest, params: RiskParams) -> _Inputs | None:
    decision, account = request.decision, request.account
    side, strategy = decision.side, decision.strategy
    if side is None or strategy is None:
        raise ValueError(f"decision {decision.id} says HOLD: there is nothing to propose")
    room, equity, atr = room_of(account, params), account.equity_usdt, decision.atr15
    if room is None or equity is None or atr is None or not usable_atr(atr) or not usable_book(request.book):
        return None
    targets, mark = params.targets(strategy), request.mark if usable_mark(request.mark) else None
    fee = request.taker_fee if request.taker_fee is not None else exact(params.taker_fee_fallback)
    funding = expected_funding(side, mark, request.now_ms, targets.max_hold_s) if mark else ZERO
    return _Inputs(
        request=request, params=params, targets=targets, side=side,
        levels=request.book.asks if side is Side.LONG else request.book.bids,
        atr15=exact(atr), equity=equity, room=room, fee=fee, funding=funding,
    )  # fmt: skip


def _draft(inputs: _Inputs, entry: Decimal, slippage: Decimal) -> _Draft:
    """Size the trade as if it entered at `entry`."""
    params, rules, decision = inputs.params, inputs.request.rules, inputs.request.decision
    cluster = usable_price(decision.cluster_price)
    targets = targets_around(inputs.side, entry, inputs.atr15, rules.tick_size, inputs.targets, cluster)
    costs = costs_of(
        inputs.side, entry, targets, fee=inputs.fee, entry_slippage=slippage, funding=inputs.funding, params=params
    )
    leverage = leverage_candidate(decision.confidence, PERCENT * inputs.atr15 / entry, decision.phase, params)
    loss = costs.unit_loss
    risk_usdt = inputs.equity * exact(params.risk_per_trade) * _caution(decision, params)
    wanted = risk_quantity(risk_usdt, loss) if loss > 0 else ZERO
    own = fit(wanted, _own_caps(inputs, entry, leverage), rules.step_size)
    shared = {"notional_total": inputs.room.notional_usdt / entry}
    if loss > 0:
        shared["open_risk"] = inputs.room.risk_usdt / loss
    size = fit(own.quantity, shared, rules.step_size)
    return _Draft(entry=entry, targets=targets, costs=costs, own=own, size=size, leverage=leverage)


def _caution(decision: Decision, params: RiskParams) -> Decimal:
    """The factor on size in a violent market and where flow looks informed; one of each multiplies the other."""
    violent = exact(params.high_phase_size) if decision.phase is VolatilityPhase.HIGH else ONE
    informed = exact(params.toxic_flow_size) if decision.toxicity in INFORMED else ONE
    return violent * informed


def _own_caps(inputs: _Inputs, entry: Decimal, leverage: int) -> dict[str, Decimal]:
    """Return the limits of one trade as quantities."""
    params, request = inputs.params, inputs.request
    caps = {
        "notional_symbol": exact(params.notional_symbol_max) * inputs.equity / entry,
        "margin": _margin_cap(inputs, entry, leverage),
        "max_quantity": request.rules.max_quantity,
    }
    ends = [tier.cap_usdt for tier in request.tiers if tier.max_leverage >= params.leverage_min]
    if ends:  # a tier ends below its cap
        step = request.rules.step_size
        caps["leverage_tier"] = ceil_to(max(ends) / entry, step) - step
    return caps


def _margin_cap(inputs: _Inputs, entry: Decimal, leverage: int) -> Decimal:
    return exact(inputs.params.margin_share_max) * inputs.equity * leverage / entry


def _settle(inputs: _Inputs, draft: _Draft, smaller: _Draft, taken: Decimal) -> Proposal:
    """Find the leverage, and shrink once more when it had to come down so far that the margin cap binds again."""
    rules, quantity = inputs.request.rules, smaller.size.quantity
    allowed = leverage_allowed(inputs.request.tiers, quantity * draft.entry)
    leverage, distance = _safe_leverage(inputs, draft, quantity, min(draft.leverage, allowed))
    size = smaller.size
    if leverage is not None:
        last = fit(quantity, {"margin": _margin_cap(inputs, draft.entry, leverage)}, rules.step_size)
        size = Size(quantity=last.quantity, capped_by=last.capped_by or size.capped_by or smaller.own.capped_by)
    return Proposal(
        side=inputs.side, entry=draft.entry, tick_size=rules.tick_size, atr15=inputs.atr15,
        targets=draft.targets, costs=draft.costs, taken=taken, depth=visible(inputs.levels),
        least=least_quantity(draft.entry, rules), own=smaller.own, size=size,
        leverage_allowed=allowed, leverage=leverage,
        liquidation_distance=distance, liquidation_needed=_needed(inputs, draft.entry),
        fee=inputs.fee, room=inputs.room, max_hold_s=inputs.targets.max_hold_s,
    )  # fmt: skip


def _safe_leverage(
    inputs: _Inputs, draft: _Draft, quantity: Decimal, highest: int
) -> tuple[int | None, Decimal | None]:
    """Lower the leverage until liquidation is far enough beyond the stop; the lowest one stays when none is.

    The second value is the signed distance from stop to liquidation, None when nothing can liquidate the position.
    The open fee counts as paid out of the isolated wallet, which is the unfavourable reading.
    """
    needed, notional = _needed(inputs, draft.entry), quantity * draft.entry
    if not quantity or highest < inputs.params.leverage_min:
        return None, None
    distance: Decimal | None = None
    for leverage in range(highest, inputs.params.leverage_min - 1, -1):
        wallet = notional / leverage - inputs.fee * notional
        price = liquidation_price(inputs.side, draft.entry, quantity, wallet, inputs.request.tiers)
        distance = None if price is None else inputs.side.sign * (draft.targets.sl_price - price)
        if distance is None or distance >= needed:
            return leverage, distance
    return inputs.params.leverage_min, distance


def _needed(inputs: _Inputs, entry: Decimal) -> Decimal:
    params = inputs.params
    return max(exact(params.liquidation_atr_min) * inputs.atr15, exact(params.liquidation_pct_min) / PERCENT * entry)
