from __future__ import annotations

from itertools import islice, pairwise
from pathlib import Path

import pytest

from tests.sim.market import wire
from tests.sim.market.conftest import Write
from vortex.sim.core.market import MarketSource
from vortex.sim.market.sources import DEFAULT_MARKETS, SHIPPED, open_markets, parse_market

START_MS = 1_760_000_012_345


def test_default_is_the_two_shipped_captures() -> None:
    markets = open_markets([], seed=1)
    assert [spec.symbol for market in markets for spec in market.specs] == ["BTCUSDT", "ETHUSDT"]
    assert [market.label for market in markets] == ["recording of 2024-08-08"] * 2
    assert [market.position() for market in markets] == [{"BTCUSDT": 0}, {"ETHUSDT": 0}]
    for symbol, market in zip(("BTCUSDT", "ETHUSDT"), markets, strict=True):
        events = list(islice(market.events(START_MS), 2_000))
        assert {event.symbol for event in events} == {symbol}
        assert all(a.ts_ms <= b.ts_ms for a, b in pairwise(events))
        assert {candle.symbol for candle in market.history(symbol, "1m", START_MS, 5)} == {symbol}
        assert market.generated_before_ms(symbol) > START_MS
        assert len(market.sentiment(symbol, START_MS, 300_000, 2)) == 2


def test_path_alone_plays_the_recorded_symbol(write: Write) -> None:
    market = parse_market(str(write(wire.calm())), seed=1)
    assert [spec.symbol for spec in market.specs] == ["ABCUSDT"]
    assert market.label == "recording of 1970-01-01"


def test_names_before_the_path_replicate_it(write: Write) -> None:
    market = parse_market(f"ABCUSDT,X1USDT={write(wire.calm())}", seed=1)
    assert [spec.symbol for spec in market.specs] == ["ABCUSDT", "X1USDT"]
    assert market.label == "recording of 1970-01-01, replicated"


def test_several_markets_share_the_positions_of_an_earlier_run(write: Write) -> None:
    texts, resume = [str(write(wire.calm())), DEFAULT_MARKETS[1]], {"ABCUSDT": 7_777, "GONE": 1}
    markets = open_markets(texts, seed=1, resume=resume)
    assert [market.position() for market in markets] == [{"ABCUSDT": 7_777}, {"ETHUSDT": 0}]
    assert [market.label for market in markets] == ["recording of 1970-01-01", "recording of 2024-08-08"]


@pytest.mark.parametrize("text", ["absent.gz", "BTCUSDT=absent.gz", "synthetic3", "live", "lower=absent.gz", "", "A=/"])
def test_unknown_forms_say_what_is_accepted(text: str) -> None:
    with pytest.raises(ValueError, match="no such file") as caught:
        parse_market(text, seed=1)
    assert str(caught.value).startswith(f"market {text!r}: ")
    assert "[SYMBOL[,SYMBOL...]=]PATH" in str(caught.value)


def test_file_of_another_kind_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.csv"
    path.write_text("a,b\n")
    with pytest.raises(ValueError, match=r"market '.*notes\.csv': .*Not a gzipped file.*expected"):
        parse_market(str(path), seed=1)


def test_candles_are_told_by_their_header(tmp_path: Path) -> None:
    path = tmp_path / "ABCUSDT_1m.csv"
    path.write_text("time_ms,open,high,low,close,volume\n60000,1.5,1.6,1.4,1.5,10.5\n")
    market = parse_market(f"AUSDT,BUSDT={path}", seed=1)
    assert market.label == "klines of 1970-01-01, book modelled, replicated"
    assert [spec.symbol for spec in market.specs] == ["AUSDT", "BUSDT"]
    path.write_text("time_ms,open\n")
    with pytest.raises(ValueError, match=r"market '.*ABCUSDT_1m\.csv': .*first line must be time_ms,open,high"):
        parse_market(str(path), seed=1)


def test_synthetic_markets_say_how_many_symbols() -> None:
    assert [spec.symbol for spec in parse_market("synthetic:2", seed=1).specs] == ["SYN001USDT", "SYN002USDT"]
    for text in ("synthetic:0", "synthetic:501", "synthetic:x", "synthetic:"):
        with pytest.raises(ValueError, match=f"market '{text}': 1 to 500 symbols are expected, like synthetic:20"):
            parse_market(text, seed=1)


def test_live_markets_are_opened_by_who_can_connect_them(write: Write) -> None:
    path = write(wire.calm())
    opened: list[tuple[str, ...]] = []

    def open_live(symbols: tuple[str, ...]) -> MarketSource:
        opened.append(symbols)
        return parse_market(f"{','.join(symbols)}={path}", seed=1)

    open_markets(["live", "SOLUSDT=live"], seed=1, open_live=open_live)
    assert opened == [("BTCUSDT", "ETHUSDT"), ("SOLUSDT",)]
    with pytest.raises(ValueError, match="market 'A,A=live': a symbol occurs twice"):
        open_markets(["A,A=live"], seed=1, open_live=open_live)


def test_symbol_twice_is_an_error() -> None:
    with pytest.raises(ValueError, match="a symbol occurs twice"):
        parse_market(f"AUSDT,BUSDT,AUSDT={SHIPPED / DEFAULT_MARKETS[1]}", seed=1)


def test_symbol_in_two_markets_is_an_error(write: Write) -> None:
    path = write(wire.calm())
    with pytest.raises(ValueError, match="listed by more than one market: ABCUSDT"):
        open_markets([str(path), f"XUSDT,ABCUSDT={path}"], seed=1)


def test_shipped_captures_carry_their_licence() -> None:
    text = (SHIPPED / "ATTRIBUTION.md").read_text()
    assert "MIT License" in text
    assert all(name in text for name in DEFAULT_MARKETS)
