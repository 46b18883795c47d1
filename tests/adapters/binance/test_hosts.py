from __future__ import annotations

from itertools import combinations

import pytest

from vortex.adapters.binance.hosts import ALLOWED, HostRefused, Hosts, demo, live, sentiment, simulator

PAPER = "http://127.0.0.1:8790"


def test_no_host_belongs_to_two_modes() -> None:
    assert all(not one & other for one, other in combinations(ALLOWED.values(), 2))


@pytest.mark.parametrize("hosts", [simulator(PAPER), demo(), live()], ids=lambda hosts: hosts.mode)
def test_a_mode_reaches_its_own_hosts_and_no_other(hosts: Hosts) -> None:
    for mode, names in ALLOWED.items():
        for name in names - {"::1"}:
            if mode == hosts.mode:
                hosts.check(f"https://{name}/fapi/v1/order")
            else:
                with pytest.raises(HostRefused, match=rf"{hosts.mode} mode must not connect to https://{name}"):
                    hosts.check(f"https://{name}/fapi/v1/order")


@pytest.mark.parametrize(
    "url",
    [
        "https://fapi.binance.com.evil.example/x",
        "https://evil.example/fapi.binance.com",
        "https://fapi.binance.com@evil.example/",
        "http://fapi.binance.com/x",
        "ws://fstream.binance.com/x",
        "ftp://fapi.binance.com/x",
        "not a url",
        "",
    ],
)
def test_look_alikes_and_plain_text_are_refused_in_live_mode(url: str) -> None:
    with pytest.raises(HostRefused):
        live().check(url)


def test_a_simulator_elsewhere_is_refused() -> None:
    with pytest.raises(HostRefused, match="paper mode must not connect"):
        simulator("https://fapi.binance.com")


def test_overrides_stay_within_the_mode() -> None:
    assert demo(ws="wss://demo-fstream.binance.com").ws == "wss://demo-fstream.binance.com"
    with pytest.raises(HostRefused):
        demo(rest="https://fapi.binance.com")
    with pytest.raises(HostRefused):
        live(ws="wss://fstream.binancefuture.com")


def test_addresses() -> None:
    hosts = simulator(PAPER + "/")
    assert hosts.public_stream(("a@depth20@100ms",)) == "ws://127.0.0.1:8790/public/stream?streams=a@depth20@100ms"
    assert hosts.market_stream(("a@x", "b@x")) == "ws://127.0.0.1:8790/market/stream?streams=a@x/b@x"
    assert hosts.user_stream("k") == "ws://127.0.0.1:8790/private/ws?listenKey=k"
    assert hosts.rest_urls()["fapiPrivateV3"] == "http://127.0.0.1:8790/fapi/v3"
    assert hosts.rest_urls()["fapiData"] == "http://127.0.0.1:8790/futures/data"
    assert "fapiData" not in demo().rest_urls()


def test_the_crowd_is_watched_at_the_real_market_without_keys() -> None:
    hosts = sentiment()
    assert hosts.keyless
    assert set(hosts.rest_urls()) == {
        "fapiPublic",
        "fapiPublicV2",
        "fapiPublicV3",
        "fapiData",
    }  # no private call exists
    hosts.check("https://fapi.binance.com/futures/data/x")
    for url in ("https://demo-fapi.binance.com/x", "https://api.binance.com/x", "wss://fstream.binance.com/ws"):
        with pytest.raises(HostRefused):
            hosts.check(url)
    assert "sapi" in live().rest_urls()
    assert "sapi" not in demo().rest_urls() | simulator(PAPER).rest_urls()
