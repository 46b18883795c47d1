"""The root of the configuration: which section sits where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta

from vortex.config.sections import (
    Account,
    Chaos,
    ColdStore,
    Control,
    Dashboard,
    Exchange,
    Feed,
    HotStore,
    Label,
    Log,
    Mode,
    Notify,
    Pair,
    Runtime,
    Section,
    Sim,
)
from vortex.domain.engines.order_flow import OrderFlowParams
from vortex.domain.engines.regime import RegimeParams
from vortex.domain.engines.sentiment import SentimentParams
from vortex.domain.engines.technical import TechnicalParams
from vortex.domain.engines.tick import TickParams
from vortex.domain.position import MonitorParams
from vortex.domain.ranges import switch
from vortex.domain.risk.params import RiskParams
from vortex.domain.scoring import DecisionParams


class Engines(Section, frozen=True, kw_only=True):
    """[engines.*]: one section for each engine."""

    order_flow: OrderFlowParams = OrderFlowParams()
    tick: TickParams = TickParams()
    technical: TechnicalParams = TechnicalParams()
    sentiment: SentimentParams = SentimentParams()
    regime: RegimeParams = RegimeParams()


class SymbolConfig(Section, frozen=True, kw_only=True):
    """What may differ from symbol to symbol; in a file `[symbols.BTCUSDT.risk]` names only what differs."""

    engines: Engines = Engines()
    decision: DecisionParams = DecisionParams()
    risk: RiskParams = RiskParams()
    monitor: MonitorParams = MonitorParams()


class Config(Section, frozen=True, kw_only=True):
    """The effective configuration, complete and checked; `symbols` holds whole settings, ask `of(symbol)`."""

    mode: Annotated[Mode, switch("where orders go: the simulator, Demo Trading, real money")] = "paper"
    trading_pairs: Annotated[tuple[Pair, ...], Meta(min_length=1, max_length=500)] = ("BTCUSDT", "ETHUSDT")
    data_dir: Annotated[str, switch("state of one mode and account; empty is var/<mode>")] = ""
    profile: Label = "default"
    account: Account = Account()
    exchange: Exchange = Exchange()
    feed: Feed = Feed()
    sim: Sim = Sim()
    runtime: Runtime = Runtime()
    engines: Engines = Engines()
    decision: DecisionParams = DecisionParams()
    risk: RiskParams = RiskParams()
    monitor: MonitorParams = MonitorParams()
    hot_store: HotStore = HotStore()
    cold_store: ColdStore = ColdStore()
    control: Control = Control()
    dashboard: Dashboard = Dashboard()
    notify: Notify = Notify()
    log: Log = Log()
    chaos: Chaos = Chaos()
    symbols: Mapping[str, SymbolConfig] = {}

    def of(self, symbol: str) -> SymbolConfig:
        """The settings of one symbol: its overrides on top of the common sections."""
        return self.symbols.get(symbol) or SymbolConfig(**{name: getattr(self, name) for name in PER_SYMBOL})


PER_SYMBOL: tuple[str, ...] = SymbolConfig.__struct_fields__
"""Sections that `[symbols.NAME.*]` may override."""

ACCOUNT_WIDE: Mapping[str, frozenset[str]] = {
    "monitor": frozenset({"on_exit"}),
    "risk": frozenset(
        {
            "notional_total_max",
            "open_risk_max",
            "max_positions",
            "max_same_direction",
            "max_notional_usdt",
            "max_daily_loss_usdt",
            "max_trades_per_day",
            "reservation_s",
            "daily_drawdown",
            "hard_flatten",
            "governor_entries_per_min",
            "governor_losing_trips_per_hour",
        }
    ),
}
"""Keys of a per-symbol section that hold for the whole account and cannot be overridden."""

LIVE_LIMITS = ("max_notional_usdt", "max_daily_loss_usdt", "max_trades_per_day")
"""Keys of [risk] that must be written in a file before real money is traded."""
