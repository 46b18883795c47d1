"""The root of the configuration: which section sits where."""

from __future__ import annotations

from collections.abc import Mapping

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
    Pairs,
    Runtime,
    Section,
    Sim,
)
from vortex.domain.decision import DecisionParams


class SymbolConfig(Section, frozen=True, kw_only=True):
    """What may differ from symbol to symbol; in a file `[symbols.BTCUSDT.risk]` names only what differs."""

    decision: DecisionParams = DecisionParams()


class Config(Section, frozen=True, kw_only=True):
    """The effective configuration, complete and checked.

    Attributes:
        mode: Where orders go: the simulator, Binance Demo Trading, or real money.
        trading_pairs: The symbols to trade; one tree of actors each.
        data_dir: Journal, ledger and simulator state of one (mode, account); relative to the working directory.
        profile: Name of these settings as shown beside every figure.
        symbols: Whole settings of the symbols that have overrides; ask `of(symbol)`.
    """

    mode: Mode = "paper"
    trading_pairs: Pairs = ("BTCUSDT", "ETHUSDT")
    data_dir: str = ""
    profile: Label = "default"
    account: Account = Account()
    exchange: Exchange = Exchange()
    feed: Feed = Feed()
    sim: Sim = Sim()
    runtime: Runtime = Runtime()
    decision: DecisionParams = DecisionParams()
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


ACCOUNT_WIDE: Mapping[str, frozenset[str]] = {}
"""Keys of a per-symbol section that hold for the whole account and cannot be overridden."""

LIVE_LIMITS = ("max_notional_usdt", "max_daily_loss_usdt", "max_trades_per_day")
"""Keys of [risk] that must be written in a file before real money is traded."""

PER_SYMBOL: tuple[str, ...] = SymbolConfig.__struct_fields__
"""Sections that `[symbols.NAME.*]` may override."""
