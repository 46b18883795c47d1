"""Which leverage a trade would like, before the exchange's brackets and liquidation have their say."""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal

from vortex.domain.money import exact
from vortex.domain.order import ZERO
from vortex.domain.risk.params import RiskParams
from vortex.domain.signal import VolatilityPhase


def leverage_candidate(confidence: float, atr_pct: Decimal, phase: VolatilityPhase | None, params: RiskParams) -> int:
    """Return `min + floor((max - min) * k * n)`, k from confidence and n from calm; phase HIGH has its own maximum.

    `atr_pct` is ATR14(15m) in percent of price. The factors are multiplied before the one division, so that exact
    ratios give exact steps. Without `leverage_uses_confidence` k is one half.
    """
    k_span, n_span = exact(params.confidence_span), exact(params.atr_pct_span)
    k_part = k_span / 2
    if params.leverage_uses_confidence:
        k_part = _clip(exact(confidence) - exact(params.confidence_floor), k_span)
    n_part = _clip(exact(params.atr_pct_ceiling) - atr_pct, n_span)
    room = params.leverage_max - params.leverage_min
    steps = int((room * k_part * n_part / (k_span * n_span)).to_integral_value(ROUND_FLOOR))
    highest = params.leverage_high_max if phase is VolatilityPhase.HIGH else params.leverage_max
    return min(params.leverage_min + steps, highest)


def _clip(value: Decimal, span: Decimal) -> Decimal:
    return max(ZERO, min(value, span))
