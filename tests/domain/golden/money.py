"""Golden checkers of decision, risk, accounting and statistics."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from tests.domain.golden.compare import Case, Checker, expect
from tests.domain.money_builders import fill
from vortex.domain import stats
from vortex.domain.market import Levels, LeverageTier
from vortex.domain.money import BPS, exact, floor_to, stored
from vortex.domain.order import ZERO, Side
from vortex.domain.pnl import account_trade
from vortex.domain.risk.costs import costs_of
from vortex.domain.risk.depth import walk
from vortex.domain.risk.leverage import leverage_candidate
from vortex.domain.risk.liquidation import liquidation_price, tier_at
from vortex.domain.risk.params import RiskParams
from vortex.domain.risk.sizing import fit, risk_quantity
from vortex.domain.risk.targets import Targets
from vortex.domain.scoring import DecisionParams, alignment_of, combine, confidence_of, weights_by_regime
from vortex.domain.signal import EngineId, Regime, VolatilityPhase

DECISION = DecisionParams()
STEP = Decimal("0.001")
FEE = Decimal("0.0005")
REGIMES = {"TRENDING": Regime.TRENDING_UP, "RANGING": Regime.RANGING, "UNKNOWN": Regime.UNKNOWN}


def liquidation(case: Case, group: Case) -> None:
    tiers = [
        LeverageTier(
            floor_usdt=Decimal(tier["floor"]),
            cap_usdt=Decimal(tier["cap"]),
            maintenance_rate=Decimal(tier["mmr"]),
            cumulative_usdt=Decimal(tier["cum"]),
            max_leverage=tier["max_leverage"],
        )
        for tier in group["tiers"][case["symbol"]]
    ]
    side, entry, quantity = Side(case["side"]), Decimal(case["entry"]), Decimal(case["qty"])
    wallet = entry * quantity / case["leverage"]
    expect(case, stored(wallet), case["isolated_wallet"])
    price = liquidation_price(side, entry, quantity, wallet, tiers)
    assert price is not None
    expect(case, price, case["liq_price"])
    expect(case, 100 * abs(price - entry) / entry, case["distance_pct"])
    with_fee = liquidation_price(side, entry, quantity, wallet - FEE * entry * quantity, tiers)
    expect(case, with_fee, case["liq_price_if_open_fee_reduces_wallet"])
    tier = tier_at(tiers, quantity * price)
    assert (tier.maintenance_rate, tier.cumulative_usdt) == (Decimal(case["tier_mmr"]), Decimal(case["tier_cum"]))


def depth_walk(case: Case, _group: Case) -> None:
    asks: Levels = tuple((price, quantity) for price, quantity in case["asks"])
    average = walk(asks, exact(case["qty"]))
    if case["vwap"] is None:
        assert average is None
        return
    assert average is not None
    best, mid = exact(asks[0][0]), (exact(asks[0][0]) + exact(case["best_bid"])) / 2
    expect(case, average, case["vwap"])
    expect(case, BPS * (average - best) / best, case["slip_bps_vs_best"])
    expect(case, BPS * (average - mid) / mid, case["cost_bps_vs_mid"])


def accounting(case: Case, _group: Case) -> None:
    fee = Decimal(case["fee_rate"])
    entered = [fill(quantity, price, fee=fee) for price, quantity in case["entry_fills"]]
    left = [fill(quantity, price, fee=fee) for price, quantity in case["exit_fills"]]
    funding = Decimal(case["funding_usdt_signed"])
    result = account_trade(Side(case["side"]), entered, left, case["leverage"], funding)
    expect(case, result.entry_price, case["avg_entry"])
    expect(case, result.exit_price, case["avg_exit"])
    expect(case, result.open_fee_usdt, case["open_fee_usdt"])
    expect(case, result.close_fee_usdt, case["close_fee_usdt"])
    expect(case, result.pnl_gross_usdt, case["pnl_gross_usdt"])
    expect(case, result.pnl_net_usdt, case["pnl_net_usdt"])
    expect(case, result.margin_usdt, case["margin_usdt"])
    expect(case, result.pnl_pct, case["pnl_pct_on_margin"])


def final_score(case: Case, _group: Case) -> None:
    weights = weights_by_regime(DECISION, REGIMES[case["regime"]])
    for engine, weight in case["weights"].items():
        expect(case, weights[EngineId(engine)], weight)
    scores: dict[str, float] = {EngineId(engine): float(score) for engine, score in case["scores"].items()}
    score, coverage = combine(scores, weights)
    expect(case, score, case["final_score"])
    expect(case, coverage, 1.0)
    del scores[EngineId.SENTIMENT]
    score, coverage = combine(scores, weights)
    expect(case, score, case["final_score_E4_missing"])
    expect(case, coverage, case["coverage_E4_missing"])


def sizing(case: Case, _group: Case) -> None:
    entry, stop = Decimal(case["entry"]), Decimal(case["sl"])
    params = RiskParams(sl_slippage_floor_bps=float(Decimal(case["sl_exit_slip"]) * BPS))
    costs = costs_of(
        Side(case["side"]), entry, Targets(sl_price=stop, tp_price=Decimal(case["tp"])),
        fee=Decimal(case["fee"]), entry_slippage=ZERO, funding=ZERO, params=params,
    )  # fmt: skip
    equity = Decimal(case["equity"])
    wanted = risk_quantity(equity * Decimal(case["risk_pct"]), costs.unit_loss)
    expect(case, costs.unit_loss, case["unit_loss_at_sl"])
    assert floor_to(wanted, STEP) == Decimal(case["qty_uncapped_floor_0.001"])
    capped = fit(wanted, {"notional_symbol": 5 * equity / entry}, STEP)
    assert capped.quantity == Decimal(case["qty_with_5x_notional_cap"])
    expect(case, costs.rr_gross, case["rr_gross"])
    expect(case, costs.rr_net, case["rr_net"])
    expect(case, costs.break_even_win_rate, case["breakeven_win_rate"])


def summary_stats(case: Case, _group: Case) -> None:
    returns = case["daily_returns"]
    expect(case, stats.sharpe(returns), case["sharpe_365"])
    expect(case, stats.sortino(returns), case["sortino_365"])
    expect(case, stats.max_drawdown(returns), case["max_drawdown"])
    expect(case, stats.cumulative_return(returns), case["cum_return"])


def trade_stats(case: Case, _group: Case) -> None:
    net = [exact(pnl) for pnl in case["pnl_net"]]
    expect(case, stats.win_rate(net), case["win_rate"])
    expect(case, stats.profit_factor(net), case["profit_factor"])
    expect(case, stats.expectancy(net), case["expectancy"])
    expect(case, stats.payoff(net), case["payoff"])


def leverage(case: Case, _group: Case) -> None:
    params = msgspec.structs.replace(RiskParams(), leverage_uses_confidence=True)
    phase = VolatilityPhase(case["vol_phase"])
    chosen = leverage_candidate(case["confidence"], exact(case["atr15m_pct"]), phase, params)
    assert chosen == case["leverage_candidate"]


def confidence(case: Case, _group: Case) -> None:
    weights = weights_by_regime(DECISION, Regime.UNKNOWN)
    scores: dict[str, float] = {EngineId(engine): float(score) for engine, score in case["scores"].items()}
    aligned = alignment_of(scores[EngineId.ORDER_FLOW], scores[EngineId.TICK], DECISION.alignment_min)
    assert aligned == case["alignment"]
    final, _ = combine(scores, weights)
    expect(case, final, case["final_score"])
    expect(case, confidence_of(scores, weights, aligned, DECISION), case["confidence"])
    only_agreement = msgspec.structs.replace(
        DECISION, score_share=0.0, agree_share=1.0, alignment_bonus=0.0, alignment_penalty=0.0
    )
    expect(case, confidence_of(scores, weights, aligned, only_agreement), case["agree"])


CHECKERS: dict[str, Checker] = {
    "liquidation_isolated_one_way": liquidation,
    "depth_walk": depth_walk,
    "accounting": accounting,
    "final_score": final_score,
    "sizing_rr": sizing,
    "summary_stats": summary_stats,
    "trade_stats": trade_stats,
    "engine_scores.leverage": leverage,
    "engine_scores.confidence": confidence,
}
