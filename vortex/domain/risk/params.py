"""The `[risk]` section: every number of the risk manager, each with its unit."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from vortex.domain.ranges import above, switch, within
from vortex.domain.trade import Strategy


class TargetParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where stop and take-profit lie, in multiples of ATR14(15m), and how long a trade may last."""

    sl_atr: Annotated[float, above(0, 100, "distance of the stop from entry, multiples of ATR14(15m)")]
    tp_atr: Annotated[float, above(0, 100, "distance of the take-profit from entry, multiples of ATR14(15m)")]
    max_hold_s: Annotated[int, within(1, 604_800, "time exit, seconds after the first fill")]


class TargetAParams(TargetParams, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Strategy A: very tight. The `[risk.a]` section."""

    sl_atr: Annotated[float, above(0, 100, "distance of the stop from entry, multiples of ATR14(15m)")] = 0.6
    tp_atr: Annotated[float, above(0, 100, "distance of the take-profit from entry, multiples of ATR14(15m)")] = 1.8
    max_hold_s: Annotated[int, within(1, 604_800, "time exit, seconds after the first fill")] = 1_800


class TargetBParams(TargetParams, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Strategy B: wide take-profit. The `[risk.b]` section."""

    sl_atr: Annotated[float, above(0, 100, "distance of the stop from entry, multiples of ATR14(15m)")] = 1.0
    tp_atr: Annotated[float, above(0, 100, "distance of the take-profit from entry, multiples of ATR14(15m)")] = 2.0
    max_hold_s: Annotated[int, within(1, 604_800, "time exit, seconds after the first fill")] = 5_400


class TargetCParams(TargetParams, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Strategy C: the take-profit is the near edge of the liquidation cluster, where that lies well. `[risk.c]`."""

    sl_atr: Annotated[float, above(0, 100, "distance of the stop from entry, multiples of ATR14(15m)")] = 0.8
    tp_atr: Annotated[float, above(0, 100, "distance of the take-profit from entry, multiples of ATR14(15m)")] = 1.6
    max_hold_s: Annotated[int, within(1, 604_800, "time exit, seconds after the first fill")] = 3_600
    cluster_atr_min: Annotated[float, within(0, 100, "a cluster nearer than this is no target, ATR14(15m)s")] = 1.2
    cluster_atr_max: Annotated[float, within(0, 100, "a cluster farther than this is no target, ATR14(15m)s")] = 2.4


class RiskParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits, costs and guards of entries. A share is a fraction of 1."""

    a: TargetAParams = TargetAParams()
    b: TargetBParams = TargetBParams()
    c: TargetCParams = TargetCParams()
    sl_ticks_min: Annotated[int, within(1, 10_000, "least distance of the stop from entry, ticks")] = 5

    # what one trade may lose, cost and use
    risk_per_trade: Annotated[float, above(0, 1, "equity lost at the stop, costs included, share")] = 0.005
    high_phase_size: Annotated[float, above(0, 1, "factor on that in volatility phase HIGH")] = 0.5
    toxic_flow_size: Annotated[float, above(0, 1, "factor on it while VPIN is elevated or toxic")] = 0.5
    taker_fee_fallback: Annotated[float, within(0, 0.01, "fee a side until the account's is known, share")] = 0.0005
    fee_share_max: Annotated[float, above(0, 1, "most of the take-profit's distance that costs may eat")] = 0.35
    rr_min: Annotated[float, within(0, 100, "least reward to risk after costs")] = 0.8
    sl_slippage_floor_bps: Annotated[float, within(0, 1_000, "least slippage expected at a stop, bp")] = 1.0
    sl_slippage_factor: Annotated[float, within(0, 100, "the same, multiples of the entry's slippage")] = 1.5
    margin_share_max: Annotated[float, above(0, 1, "most of equity that one trade's margin may be, share")] = 0.20
    notional_symbol_max: Annotated[float, above(0, 100, "largest notional of a symbol, multiples of equity")] = 5.0

    # what all trades together may use
    notional_total_max: Annotated[float, above(0, 100, "largest notional of all, multiples of equity")] = 10.0
    open_risk_max: Annotated[float, above(0, 1, "most of equity that all open stops may lose, share")] = 0.02
    max_positions: Annotated[int, within(1, 1_000, "open positions and granted entries")] = 3
    max_same_direction: Annotated[int, within(1, 1_000, "of these in one direction")] = 2
    max_notional_usdt: Annotated[float, above(0, 1e12, "largest notional of all, USDT; for live")] | None = None
    max_daily_loss_usdt: Annotated[float, above(0, 1e12, "day's loss ending entries, USDT; for live")] | None = None
    max_trades_per_day: Annotated[int, within(1, 1_000_000, "entries of a UTC day; for live")] | None = None
    reservation_s: Annotated[int, within(1, 60, "life of a grant that no fill follows, s")] = 10

    # leverage and liquidation
    leverage_min: Annotated[int, within(1, 125, "lowest leverage that is traded")] = 10
    leverage_max: Annotated[int, within(1, 125, "highest leverage that is traded")] = 30
    leverage_high_max: Annotated[int, within(1, 125, "highest leverage in volatility phase HIGH")] = 15
    leverage_uses_confidence: Annotated[bool, switch("else it counts as half; false until it is calibrated")] = False
    confidence_floor: Annotated[float, within(0, 1, "confidence that adds no leverage")] = 0.55
    confidence_span: Annotated[float, above(0, 1, "confidence beyond it that adds all leverage")] = 0.40
    atr_pct_ceiling: Annotated[float, above(0, 100, "ATR14(15m) that adds no leverage, % of price")] = 0.60
    atr_pct_span: Annotated[float, above(0, 100, "ATR14(15m) below it that adds all leverage, % of price")] = 0.45
    liquidation_atr_min: Annotated[float, within(0, 100, "least way from stop to liquidation, ATR14(15m)s")] = 2.0
    liquidation_pct_min: Annotated[float, within(0, 100, "the same, % of the entry price")] = 0.5

    # what the market must look like
    book_age_max_ms: Annotated[int, within(1, 1_000, "oldest book an entry may rest on, ms")] = 500
    mark_age_max_ms: Annotated[int, within(1, 60_000, "oldest mark price at an entry, ms")] = 5_000
    spread_max_bps: Annotated[float, above(0, 1_000, "widest spread, bp of mid")] = 3.0
    depth_share_max: Annotated[float, above(0, 1, "most of the visible opposite side an entry may take")] = 0.10
    mid_jump_atr_max: Annotated[float, above(0, 1_000, "largest move of mid within 1 s, ATR14(1m)s")] = 3.0

    # guards against ourselves
    daily_drawdown: Annotated[float, above(0, 1, "loss ending a UTC day's entries, share of its start")] = 0.03
    hard_flatten: Annotated[float, above(0, 1, "loss that closes everything, share of the day's start")] = 0.045
    cooldown_close_s: Annotated[int, within(0, 604_800, "no entry after any close of the symbol, s")] = 30
    cooldown_sl_s: Annotated[int, within(0, 604_800, "no entry after its stop was hit, s")] = 180
    cooldown_losses_s: Annotated[int, within(0, 604_800, "no entry after consecutive losses, s")] = 1_800
    cooldown_failure_s: Annotated[int, within(0, 604_800, "no entry after an entry that failed, s")] = 300
    consecutive_losses: Annotated[int, within(0, 1_000, "net losses of a symbol in a row; 0 = off")] = 3
    governor_entries_per_min: Annotated[int, within(1, 10_000, "entries in 60 s; one more halts all")] = 30
    governor_losing_trips_per_hour: Annotated[int, within(1, 100_000, "losing trades in 1 h; one more halts all")] = 20

    def __post_init__(self) -> None:
        for name, highest in (("leverage_max", self.leverage_max), ("leverage_high_max", self.leverage_high_max)):
            if self.leverage_min > highest:
                raise ValueError(f"leverage_min {self.leverage_min} must not exceed {name} {highest}")
        if self.daily_drawdown > self.hard_flatten:
            raise ValueError(f"daily_drawdown {self.daily_drawdown} must not exceed hard_flatten {self.hard_flatten}")

    def targets(self, strategy: Strategy) -> TargetParams:
        """Return where stop and take-profit of an entry strategy lie. Raises ValueError for one that does not enter."""
        if strategy is Strategy.A:
            return self.a
        if strategy is Strategy.B:
            return self.b
        if strategy is Strategy.C:
            return self.c
        raise ValueError(f"strategy {strategy} does not enter")
