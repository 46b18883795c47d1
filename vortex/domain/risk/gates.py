"""The gates an entry passes, read from top to bottom. The first that fails names the rejection; all are reported."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from math import isfinite

from vortex.domain.money import BPS, exact, plain
from vortex.domain.order import ZERO, Side
from vortex.domain.risk.codes import RejectCode
from vortex.domain.risk.params import RiskParams
from vortex.domain.risk.proposal import Proposal, propose, usable_atr, usable_book, usable_mark
from vortex.domain.risk.request import GateResult, RiskRequest, RiskVerdict
from vortex.domain.signal import Regime, VolatilityPhase
from vortex.domain.trade import EntryPlan

__all__ = ["GateResult", "RiskRequest", "RiskVerdict", "evaluate"]

HALTING_GATES = ("kill_switch", "halted")
PAUSING_GATE = "paused"


def evaluate(request: RiskRequest, params: RiskParams) -> RiskVerdict:
    """Judge an entry. Raises ValueError for a decision to HOLD."""
    proposal = propose(request, params)
    gates = (*_state_gates(request, params), *_market_gates(request, params), *_trade_gates(proposal, params))
    code = next((gate.code for gate in gates if gate.passed is False), None)
    plan = _plan(request, proposal) if code is None and proposal is not None else None
    capped_by, figures = (proposal.size.capped_by, proposal.figures) if proposal else (None, None)
    return RiskVerdict(plan=plan, code=code, gates=gates, capped_by=capped_by, figures=figures)


# ------------------------------------------------------------------------------ the state of the system and the account


def _state_gates(request: RiskRequest, params: RiskParams) -> Iterator[GateResult]:
    decision, account, closed = request.decision, request.account, request.closed_gates
    halts = [gate for gate in closed if gate in HALTING_GATES]
    if account.governor_tripped is not None:
        halts.append(account.governor_tripped)
    exposure = account.exposures.get(decision.symbol)
    granted = exposure is not None and exposure.trade_id is None
    yield _flag(RejectCode.SHUTTING_DOWN, passed=not request.shutting_down)
    yield _flag(RejectCode.HALTED, passed=not halts, value=", ".join(halts))
    yield _flag(RejectCode.PAUSED, passed=PAUSING_GATE not in closed)
    yield _fresh(request, params)
    yield _mid_jump(request, params)
    extreme = decision.phase is VolatilityPhase.EXTREME
    yield _flag(RejectCode.REGIME_EXTREME, passed=not extreme, value=decision.e5_regime)
    known = decision.regime is not Regime.UNKNOWN and decision.phase is not None
    yield _flag(RejectCode.REGIME_UNKNOWN, passed=known, value=decision.e5_regime)
    yield _flag(RejectCode.POSITION_EXISTS, passed=not request.has_position and (exposure is None or granted))
    yield _flag(RejectCode.PENDING_ENTRY, passed=not request.pending_entry and not granted)
    yield _cooldown(request)
    yield _drawdown(request, params)
    yield _positions(request, params)
    yield _trades(request, params)


def _fresh(request: RiskRequest, params: RiskParams) -> GateResult:
    """Supervisor's gates, then our own look at book, mark price and equity."""
    book, mark, now_ms = request.book, request.mark, request.now_ms
    book_age_ms = now_ms - min(book.ts_ms, book.recv_ms)
    faults = [gate for gate in request.closed_gates if gate not in (*HALTING_GATES, PAUSING_GATE)]
    if not usable_book(book):
        faults.append("book unusable")
    if book_age_ms > params.book_age_max_ms:
        faults.append(f"book {book_age_ms} ms")
    if mark is None or not usable_mark(mark):
        faults.append("no mark price")
    elif now_ms - mark.recv_ms > params.mark_age_max_ms:
        faults.append(f"mark price {now_ms - mark.recv_ms} ms")
    if request.account.equity_usdt is None:
        faults.append("equity unknown")
    threshold = f"book {params.book_age_max_ms} ms, mark price {params.mark_age_max_ms} ms"
    return _flag(RejectCode.STALE_DATA, passed=not faults, value=", ".join(faults), threshold=threshold)


def _mid_jump(request: RiskRequest, params: RiskParams) -> GateResult:
    before, atr, code = request.mid_1s_ago, request.decision.atr1, RejectCode.MID_JUMP
    if before is None or not isfinite(before) or atr is None or not usable_atr(atr) or not usable_book(request.book):
        return GateResult(code=code, passed=None)
    moved = abs(exact(request.book.mid) - exact(before)) / exact(atr)
    return _at_most(code, moved, exact(params.mid_jump_atr_max))


def _cooldown(request: RiskRequest) -> GateResult:
    cooldown = request.account.cooldowns.get(request.decision.symbol)
    left_ms = cooldown.until_ms - request.now_ms if cooldown else 0
    value = f"{left_ms} ms after {cooldown.cause}" if cooldown else None
    return GateResult(
        code=RejectCode.COOLDOWN, passed=left_ms <= 0, value=value, threshold="0 ms", margin=str(min(0, -left_ms))
    )


def _drawdown(request: RiskRequest, params: RiskParams) -> GateResult:
    account = request.account
    limit = exact(params.daily_drawdown) * (account.day_start_equity_usdt or ZERO)
    if params.max_daily_loss_usdt is not None:
        limit = min(limit, exact(params.max_daily_loss_usdt))
    return GateResult(
        code=RejectCode.DRAWDOWN, passed=not account.drawdown_latched, value=plain(account.daily_pnl_usdt),
        threshold=plain(-limit), margin=plain(account.daily_pnl_usdt + limit),
    )  # fmt: skip


def _positions(request: RiskRequest, params: RiskParams) -> GateResult:
    account, side = request.account, request.decision.side or Side.LONG
    total, same = len(account.exposures), account.same_direction(side)
    left = min(params.max_positions - total, params.max_same_direction - same)
    return GateResult(
        code=RejectCode.MAX_POSITIONS, passed=left > 0, value=f"{total}, {same} {side}",
        threshold=f"{params.max_positions}, {params.max_same_direction} {side}", margin=str(left - 1),
    )  # fmt: skip


def _trades(request: RiskRequest, params: RiskParams) -> GateResult:
    done, limit = request.account.trades_today, params.max_trades_per_day
    if limit is None:
        return _flag(RejectCode.MAX_TRADES, passed=True, value=str(done))
    return _at_most(RejectCode.MAX_TRADES, Decimal(done + 1), Decimal(limit))


# ------------------------------------------------------------------------------------------------- the market it enters


def _market_gates(request: RiskRequest, params: RiskParams) -> Iterator[GateResult]:
    atr, book = request.decision.atr15, request.book
    yield _flag(RejectCode.NO_ATR, passed=usable_atr(atr), value=None if atr is None else str(atr))
    if not usable_book(book):
        yield GateResult(code=RejectCode.SPREAD_WIDE, passed=None)
        return
    bid, ask = exact(book.best_bid), exact(book.best_ask)
    yield _at_most(RejectCode.SPREAD_WIDE, 2 * BPS * (ask - bid) / (ask + bid), exact(params.spread_max_bps))


# ------------------------------------------------------------------------------------------------- the trade it becomes

TRADE_CODES = (
    RejectCode.DEPTH_INSUFFICIENT,
    RejectCode.SL_TOO_CLOSE,
    RejectCode.FEE_TOO_HIGH,
    RejectCode.RR_LOW,
    RejectCode.SIZE_TOO_SMALL,
    RejectCode.EXPOSURE_CAP,
    RejectCode.LEVERAGE_BRACKET,
    RejectCode.LIQ_TOO_CLOSE,
    RejectCode.INSUFFICIENT_MARGIN,
)


def _trade_gates(proposal: Proposal | None, params: RiskParams) -> Iterator[GateResult]:
    if proposal is None:
        yield from (GateResult(code=code, passed=None) for code in TRADE_CODES)
        return
    costs = proposal.costs
    yield _at_most(RejectCode.DEPTH_INSUFFICIENT, proposal.taken, exact(params.depth_share_max) * proposal.depth)
    yield _at_least(RejectCode.SL_TOO_CLOSE, costs.risk / proposal.tick_size, Decimal(params.sl_ticks_min))
    fee_share = costs.fee_share
    if fee_share is None:
        yield _flag(RejectCode.FEE_TOO_HIGH, passed=False, threshold=plain(exact(params.fee_share_max)))
    else:
        yield _at_most(RejectCode.FEE_TOO_HIGH, fee_share, exact(params.fee_share_max))
    yield _at_least(RejectCode.RR_LOW, costs.rr_net, exact(params.rr_min))
    yield _at_least(RejectCode.SIZE_TOO_SMALL, proposal.own.quantity, proposal.least)
    yield _at_least(RejectCode.EXPOSURE_CAP, proposal.size.quantity, proposal.least)
    yield from _margin_gates(proposal, params)


def _margin_gates(proposal: Proposal, params: RiskParams) -> Iterator[GateResult]:
    if not proposal.size.quantity:
        yield GateResult(code=RejectCode.LEVERAGE_BRACKET, passed=None)
    else:
        least = Decimal(params.leverage_min)
        yield _at_least(RejectCode.LEVERAGE_BRACKET, Decimal(proposal.leverage_allowed), least)
    margin, distance = proposal.margin_usdt, proposal.liquidation_distance
    if margin is None:
        yield GateResult(code=RejectCode.LIQ_TOO_CLOSE, passed=None)
        yield GateResult(code=RejectCode.INSUFFICIENT_MARGIN, passed=None)
        return
    if distance is None:
        yield _flag(RejectCode.LIQ_TOO_CLOSE, passed=True, value="never")
    else:
        yield _at_least(RejectCode.LIQ_TOO_CLOSE, distance, proposal.liquidation_needed)
    needed = margin + proposal.fee * proposal.notional_usdt
    yield _at_most(RejectCode.INSUFFICIENT_MARGIN, needed, proposal.room.margin_usdt)


# ----------------------------------------------------------------------------------------------------------- the answer


def _plan(request: RiskRequest, proposal: Proposal) -> EntryPlan:
    decision, leverage, margin = request.decision, proposal.leverage, proposal.margin_usdt
    if leverage is None or margin is None or decision.strategy is None:
        raise ValueError(f"decision {decision.id} passed every gate but cannot be planned")
    return EntryPlan(
        symbol=decision.symbol, side=proposal.side, strategy=decision.strategy,
        quantity=proposal.size.quantity, expected_price=proposal.entry,
        sl_price=proposal.targets.sl_price, tp_price=proposal.targets.tp_price,
        leverage=leverage, max_hold_s=proposal.max_hold_s,
        risk_usdt=proposal.size.quantity * proposal.costs.unit_loss,
        notional_usdt=proposal.notional_usdt, margin_usdt=margin, atr15=proposal.atr15,
        confidence=decision.confidence, final_score=decision.final_score,
        e1_direction=decision.e1_direction, e5_regime=decision.e5_regime,
        decision_id=decision.id, decided_ms=decision.ts_ms, book_ms=request.book.ts_ms,
    )  # fmt: skip


def _flag(code: RejectCode, *, passed: bool, value: str | None = None, threshold: str | None = None) -> GateResult:
    return GateResult(code=code, passed=passed, value=value or None, threshold=threshold)


def _at_most(code: RejectCode, value: Decimal, limit: Decimal) -> GateResult:
    margin = limit - value
    return GateResult(code=code, passed=margin >= 0, value=plain(value), threshold=plain(limit), margin=plain(margin))


def _at_least(code: RejectCode, value: Decimal, limit: Decimal) -> GateResult:
    margin = value - limit
    return GateResult(code=code, passed=margin >= 0, value=plain(value), threshold=plain(limit), margin=plain(margin))
