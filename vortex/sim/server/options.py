"""What `vortex sim` can be told."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from msgspec import Struct


class SimOptions(Struct, frozen=True, kw_only=True):
    """Settings of one simulated exchange.

    Attributes:
        markets: Sources, each in the form that `parse_market` reads.
        port: 0 takes any free port; the ready line names it.
        speed: Exchange milliseconds per real millisecond, above 0.
        seed: Seed of latency and of everything generated.
        balance_usdt: Wallet of a new account; a restored one keeps its own.
        state: File that keeps account and market position across restarts; None keeps nothing.
        market_latency_ms: Median delay from the market to its readers, exchange time.
        order_latency_ms: Median delay from a client's request to its execution, exchange time.
        latency_sigma: Sigma of the logarithm of both delays; 0 makes them constant.
        live_url: Where the market of `live` sources is: Binance, or another simulator on this machine.
        withdrawals: The key may withdraw, as apiRestrictions tells; a client should refuse such a key.
        parent_pid: Stop when this process is no longer the parent, so that a child never outlives its engine.
    """

    markets: tuple[str, ...]
    host: str = "127.0.0.1"
    port: int = 8790
    speed: float = 1.0
    seed: int = 7
    balance_usdt: Decimal = Decimal(10_000)
    key: str = "paper"
    secret: str = "paper"  # noqa: S105  # public: the simulator's account holds nothing
    state: Path | None = None
    market_latency_ms: float = 20.0
    order_latency_ms: float = 60.0
    latency_sigma: float = 0.25
    live_url: str = "https://fapi.binance.com"
    withdrawals: bool = False
    parent_pid: int | None = None
