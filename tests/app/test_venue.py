"""Where a run trades: which hosts, which keys, which words, and which line when it cannot."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from tests.app.test_remote import answering
from tests.sim.server.kit import SYMBOLS, Running, options_of, running, short_capture
from vortex.adapters.binance.base_feed import BaseFeed
from vortex.adapters.binance.ccxt_feed import CcxtFeed
from vortex.adapters.binance.feed import BinanceFeed
from vortex.app.venue import PAPER, open_venue
from vortex.config import Config, ConfigError, Secret
from vortex.config.sections import Exchange, Feed, Mode
from vortex.domain.indicators.flow import BookFlow


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(options_of(short_capture(tmp_path_factory.mktemp("venue")))) as simulator:
        yield simulator


def test_our_own_simulator_is_traded_with_its_public_keys(simulator: Running) -> None:
    venue = open_venue(Config(), simulator.server.url)
    try:
        assert venue.credentials == PAPER
        assert venue.market is not None
        assert venue.market_source == venue.market.label
        assert venue.hosts.mode == "paper"
        venue.check_pairs(SYMBOLS)
        with pytest.raises(ConfigError, match=r"^trading_pairs = AUSDT,BUSDT: .* lists: BTCUSDT, XRPUSDT$"):
            venue.check_pairs(("AUSDT", "BTCUSDT", "BUSDT"))
    finally:
        venue.close()


@pytest.mark.parametrize(("kind", "reader"), [("raw", BinanceFeed), ("ccxt", CcxtFeed)])
def test_the_configured_reader_reads_market_data(
    simulator: Running, kind: Literal["raw", "ccxt"], reader: type[BaseFeed]
) -> None:
    venue = open_venue(Config(feed=Feed(kind=kind)), simulator.server.url)
    try:
        assert type(venue.feed(BookFlow)) is reader
    finally:
        venue.close()


def test_every_adapter_for_orders_knows_what_the_start_learned_of_fees(simulator: Running) -> None:
    venue = open_venue(Config(), simulator.server.url)
    try:
        inspection = venue.inspection()
        inspection.close()
        assert inspection._fees is venue.fees
        assert venue.exchange()._fees is venue.fees
        assert venue.exchange()._fees is venue.fees
    finally:
        venue.close()


def test_a_simulator_of_somebody_else_is_traded_with_the_configured_keys(simulator: Running) -> None:
    exchange = Exchange(simulator_url=simulator.server.url, api_key=Secret("k"), secret_key=Secret("s"))
    venue = open_venue(Config(exchange=exchange), exchange.simulator_url)
    venue.close()
    assert (venue.credentials.key, venue.credentials.secret) == ("k", "s")


def real(mode: Mode, rest_url: str = "", stream_url: str = "") -> Config:
    keys = Exchange(api_key=Secret("k"), secret_key=Secret("s"), rest_url=rest_url, stream_url=stream_url)
    return Config(mode=mode, exchange=keys)


@pytest.mark.parametrize(
    ("mode", "host", "words"),
    [
        ("testnet", "demo-fapi.binance.com", "Binance Demo Trading"),
        ("live", "fapi.binance.com", "Binance USD-M"),
    ],
)
def test_each_mode_has_its_exchange(mode: Mode, host: str, words: str) -> None:
    venue = open_venue(real(mode), None)
    venue.close()
    assert venue.hosts.rest == f"https://{host}"
    assert venue.market_source == words
    assert venue.market is None


@pytest.mark.parametrize(("mode", "elsewhere"), [("testnet", True), ("live", False)])
def test_only_demo_trading_watches_the_crowd_elsewhere(mode: Mode, elsewhere: bool) -> None:  # noqa: FBT001  # a table
    venue = open_venue(real(mode), None)
    venue.close()
    assert (venue.sentiment is not None) is elsewhere


@pytest.mark.parametrize(
    ("config", "simulator_url"),
    [
        (real("testnet", rest_url="https://fapi.binance.com"), None),
        (real("testnet", rest_url="http://demo-fapi.binance.com"), None),
        (real("live", stream_url="wss://demo-fstream.binance.com"), None),
        (real("live", rest_url="https://fapi.binance.com.evil.example"), None),
        (Config(), "http://10.0.0.1:8790"),
        (Config(), "http://fapi.binance.com"),
    ],
)
def test_an_address_of_another_mode_is_refused_before_it_is_asked(config: Config, simulator_url: str | None) -> None:
    with pytest.raises(ConfigError, match=rf"^\[exchange\] {config.mode} mode must not connect to ") as caught:
        open_venue(config, simulator_url)
    assert len(str(caught.value).splitlines()) == 1


def test_nobody_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(OSError, match=rf"^{url}: no simulator answers: "):
        open_venue(Config(), url)


@pytest.mark.parametrize("body", [b"<html>", b"{}", b""])
def test_something_else_is_one_line(tmp_path: Path, body: bytes) -> None:
    with (
        answering(200, body) as (url, _),
        pytest.raises(OSError, match=rf"^{url}: what answers there is no sim"),
    ):
        open_venue(Config(data_dir=str(tmp_path)), url)
