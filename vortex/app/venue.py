"""Where a run trades: the simulator, Demo Trading or the real market, as clock, ports and the words to call it by."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import msgspec
from msgspec import Struct

from vortex.adapters.binance import hosts as binance_hosts
from vortex.adapters.binance.base_feed import BaseFeed
from vortex.adapters.binance.budget import Budget
from vortex.adapters.binance.ccxt_feed import CcxtFeed
from vortex.adapters.binance.client import Credentials
from vortex.adapters.binance.feed import BinanceFeed
from vortex.adapters.binance.fees import Fees
from vortex.adapters.binance.hosts import HostRefused, Hosts
from vortex.adapters.binance.inspection import Inspection
from vortex.adapters.binance.loop import NetworkLoop
from vortex.adapters.binance.public import PublicData
from vortex.adapters.binance.rest import BinanceExchange
from vortex.adapters.clock import SimulatorClock, SystemClock, get
from vortex.app import preflight
from vortex.config import Config, ConfigError
from vortex.domain.indicators.flow import BookFlow
from vortex.ports import Clock

PAPER = Credentials(key="paper", secret="paper")  # noqa: S106  # the public key pair of the simulator we start

FEEDS: dict[str, type[BaseFeed]] = {"raw": BinanceFeed, "ccxt": CcxtFeed}
"""What reads market data, by `[feed] kind`."""

FEW_THREADS = {"UV_USE_IO_URING": "0", "UV_THREADPOOL_SIZE": "1"}
"""For the library under the network loop: no kernel thread for file requests, which we have none of; one that resolves
host names instead of four."""


class SimulatedMarket(Struct, frozen=True):
    """What the simulator says of its market (`GET /sim/v1/market`)."""

    label: str
    sentiment_generated: bool
    generated_before_ms: Mapping[str, int]


@dataclass(slots=True)
class Venue:
    """One exchange and how to reach it. Adapters are made anew for every incarnation of their actor.

    Attributes:
        hosts: Where to connect.
        clock: Its clock.
        credentials: Our keys there.
        market: What the simulator says of its market; None when the market is real.
        market_source: The words that label every output of the run.
        loop: Owns every socket.
        budget: What its host counted of all our requests.
        fees: What the account's fees are worth in USDT; learned at the start, and known to every adapter after it.
        feed_kind: What reads market data.
    """

    hosts: Hosts
    clock: Clock
    credentials: Credentials
    market: SimulatedMarket | None
    market_source: str
    loop: NetworkLoop
    budget: Budget
    fees: Fees
    feed_kind: str
    _exchange: BinanceExchange | None = field(default=None, init=False)
    _feed: BaseFeed | None = field(default=None, init=False)

    def exchange(self) -> BinanceExchange:
        """A fresh adapter for orders; the one before is closed first."""
        if self._exchange is not None:
            self._exchange.stop()
        self._exchange = BinanceExchange(self.loop, self.hosts, self.credentials, self.clock, self.budget, self.fees)
        return self._exchange

    def feed(self, flow: Callable[[], BookFlow]) -> BaseFeed:
        """A fresh adapter for market data; the one before delivers nothing more, and is closed without waiting."""
        if self._feed is not None:
            self._feed.abandon()
        self._feed = FEEDS[self.feed_kind](
            loop=self.loop,
            hosts=self.hosts,
            clock=self.clock,
            public=PublicData(self.hosts, self.clock, self.budget, self.sentiment),
            flow_factory=flow,
            generated_before_ms=self.market.generated_before_ms if self.market is not None else {},
            sentiment_generated=self.market is not None and self.market.sentiment_generated,
        )
        return self._feed

    @property
    def sentiment(self) -> Hosts | None:
        """Where the crowd is watched when not at the venue itself: Demo Trading has no long/short ratios."""
        return binance_hosts.sentiment() if self.hosts.mode == "testnet" else None

    def inspection(self) -> Inspection:
        """Reads the account; `close` is due."""
        return Inspection(self.loop, self.hosts, self.credentials, self.clock, self.budget, self.fees)

    def clear(self, config: Config, ours: Collection[str]) -> None:
        """Check account, key and clock, and bring the account's settings about; see `preflight.clear`."""
        inspection = self.inspection()
        try:
            preflight.clear(inspection, config, ours)
        finally:
            inspection.close()

    def close(self) -> None:
        """Close what is open: a crashed actor does not stop its adapter, its successor does, and the last has none."""
        for adapter in (self._exchange, self._feed):
            if adapter is not None:
                adapter.stop()
        self.loop.stop()

    def check_pairs(self, pairs: tuple[str, ...]) -> None:
        """Raise ConfigError for a pair that the exchange does not list, OSError when it does not answer."""
        exchange = BinanceExchange(self.loop, self.hosts, self.credentials, self.clock, self.budget)
        try:
            listed = exchange.list_symbols()
        finally:
            exchange.stop()
        missing = [pair for pair in pairs if pair not in listed]
        if missing:
            names = ", ".join(sorted(listed)) if len(listed) <= 30 else f"{len(listed)} symbols"  # noqa: PLR2004  # fits a line
            raise ConfigError(f"trading_pairs = {','.join(missing)}: expected pairs that the exchange lists: {names}")


def open_venue(config: Config, simulator_url: str | None) -> Venue:
    """Prepare to connect to where the mode trades; from here on `close` is due.

    Raises:
        ConfigError: An address that the mode must not reach.
        OSError: The simulator does not answer, or what answers is no simulator.
    """
    hosts = _hosts(config, simulator_url)
    clock: Clock = SystemClock()
    market, exchange = None, config.exchange
    credentials = Credentials(key=exchange.api_key.reveal(), secret=exchange.secret_key.reveal())
    source = "Binance Demo Trading" if config.mode == "testnet" else "Binance USD-M"
    if simulator_url is not None:
        clock, market = _simulated(simulator_url)
        source = market.label
        if not exchange.simulator_url:
            credentials = PAPER
    for name, value in FEW_THREADS.items():
        os.environ.setdefault(name, value)
    loop = NetworkLoop()
    loop.start()
    return Venue(
        hosts=hosts, clock=clock, credentials=credentials, market=market, market_source=source, loop=loop,
        budget=Budget(clock), fees=Fees(clock),
        feed_kind=config.feed.kind,
    )  # fmt: skip


def _hosts(config: Config, simulator_url: str | None) -> Hosts:
    exchange = config.exchange
    overrides = {name: url for name, url in (("rest", exchange.rest_url), ("ws", exchange.stream_url)) if url}
    try:
        if simulator_url is not None:
            return binance_hosts.simulator(simulator_url)
        return binance_hosts.demo(**overrides) if config.mode == "testnet" else binance_hosts.live(**overrides)
    except HostRefused as error:
        raise ConfigError(f"[exchange] {error}") from error


def _simulated(url: str) -> tuple[SimulatorClock, SimulatedMarket]:
    try:
        clock = SimulatorClock.read(url)
        return clock, msgspec.json.decode(get(url, "/sim/v1/market"), type=SimulatedMarket)
    except msgspec.MsgspecError as error:
        raise OSError(f"{url}: what answers there is no simulator: {error}") from error
    except OSError as error:
        raise OSError(f"{url}: no simulator answers: {error}") from error
