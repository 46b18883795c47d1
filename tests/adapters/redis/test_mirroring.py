"""What a reader of Redis finds, and what the next process takes from it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from loguru import logger

from tests.adapters.redis.rig import PATIENCE_S, Rig, now_ms, rig
from tests.domain.builders import SYMBOL, candle, candles, history, trade
from tests.kit.probe import Probe
from tests.kit.processes import eventually
from vortex.adapters.redis.documents import tick
from vortex.adapters.redis.store import FLUSH_S
from vortex.domain.market import Sentiment, TradeHistory

POSITION = f"position:{SYMBOL}"


@pytest.fixture
def well() -> Iterator[Rig]:
    with rig() as made:
        yield made


@pytest.fixture
def said() -> Iterator[list[str]]:
    lines: list[str] = []
    sink = logger.add(lambda message: lines.append(str(message)), level="INFO")
    yield lines
    logger.remove(sink)


def ttl(well: Rig, key: str) -> int:
    found: Any = well.reader.ttl(key)
    return int(found)


def test_every_key_is_there_within_a_moment_and_expires_when_it_should(well: Rig) -> None:
    well.store.put({POSITION: {"trade_id": "a"}, f"engine_signals:{SYMBOL}": {"signals": {}}})
    well.store.observe(history("1m", candles("1m", [1.0] * 120)))
    well.store.observe(Sentiment(symbol=SYMBOL, recv_ms=now_ms()))
    well.trades(30)
    last = well.book()
    well.until(lambda: well.mirrored(last) and well.json(f"klines:{SYMBOL}:1m") and well.json(POSITION), "everything")
    lives = {POSITION: -1, "orderbook": 60, "engine_signals": 60, "sentiment": 120, "ticks": 3_600}
    for kind, seconds in lives.items():
        key = kind if ":" in kind else f"{kind}:{SYMBOL}"
        assert seconds - 5 <= ttl(well, key) <= seconds, key
    assert 115 <= ttl(well, f"klines:{SYMBOL}:1m") <= 120
    assert len((well.json(f"klines:{SYMBOL}:1m") or {})["candles"]) == 96
    well.store.delete([POSITION])
    well.until(lambda: not well.reader.exists(POSITION), "the position to go")


def test_forming_candles_take_the_place_of_older_ones(well: Rig) -> None:
    well.store.observe(history("1m", [candle("1m", 60_000, (1.0, 1.0, 1.0, 1.0)), candle("1m", 120_000, (1.0,) * 4)]))
    well.store.observe(candle("1m", 120_000, (1.0, 3.0, 1.0, 2.0), closed=False))
    rows: list[Any] = []

    def formed() -> bool:  # the two may have been written one after the other
        rows[:] = (well.json(f"klines:{SYMBOL}:1m") or {"candles": []})["candles"]
        return bool(rows) and rows[-1][1:5] == [1.0, 3.0, 1.0, 2.0]

    well.until(formed, "the candles")
    assert [row[0] for row in rows] == [60_000, 120_000]


def test_trades_are_the_newest_2000_newest_first(well: Rig) -> None:
    for _ in range(25):
        well.trades(100)
        well.until(lambda: well.ticks()[:1] == [well._numbers], "the newest")
    assert well.ticks() == list(range(2_500, 500, -1))


def test_what_changes_often_is_written_seldom(well: Rig) -> None:
    began: Any = well.reader.info("commandstats")
    began_s = time.monotonic()
    for _ in range(500):
        last = well.book()
    well.until(lambda: well.mirrored(last), "the last book")
    took_s = time.monotonic() - began_s
    ended: Any = well.reader.info("commandstats")
    sets = ended["cmdstat_mset"]["calls"] - began.get("cmdstat_mset", {"calls": 0})["calls"]
    assert sets <= 3 + took_s / FLUSH_S


def test_the_next_process_takes_the_trades_and_goes_on_with_the_list(well: Rig, said: list[str]) -> None:
    well.trades(500)
    well.until(lambda: len(well.ticks()) == 500, "the trades")
    well.store.close()
    well.store = well.another("second")
    probe = Probe()
    well.store.recall(SYMBOL, probe)
    well.trades(10)
    eventually(lambda: probe.messages, PATIENCE_S, "the trades of the first")
    assert [each.id for each in probe.expect(TradeHistory).trades][:500] == list(range(1, 501))
    well.until(lambda: well.ticks() == list(range(510, 0, -1)), "one list")
    assert not [line for line in said if "not used" in line]


def test_what_another_market_left_is_not_taken(well: Rig, said: list[str]) -> None:
    well.trades(500)
    well.until(lambda: len(well.ticks()) == 500, "the trades")
    well.store.close()
    well.store = well.another("second", origin="live/main/binance")
    probe = Probe()
    well.trades(10)
    well.store.recall(SYMBOL, probe)
    eventually(lambda: probe.messages, PATIENCE_S, "its own trades")
    assert len(probe.expect(TradeHistory).trades) == 10
    assert sum("another mode, account or market left it" in line for line in said) == 1
    well.until(lambda: well.ticks() == list(range(510, 500, -1)), "its own list")


def test_what_stands_there_and_is_not_ours_or_old_is_not_taken_and_said_once(well: Rig, said: list[str]) -> None:
    old = tick(trade(1, now_ms() - 60_000, buy=True))
    left: dict[str, list[bytes | str]] = {
        "OLDUSDT": [old], "ODDUSDT": ["{}"], "BIGUSDT": ["x" * 5_000_000], "OLD2USDT": [old],
    }  # fmt: skip
    for symbol, lines in left.items():
        well.reader.lpush(f"ticks:{symbol}", *lines)
    well.reader.set("ticks:TEXTUSDT", "no list")
    well.store.close()
    well.store = well.another("second")
    probe = Probe()
    for symbol in (*left, "TEXTUSDT"):
        well.store.recall(symbol, probe)
    eventually(
        lambda: sum("not used for a warm start" in line for line in said) == 4, PATIENCE_S, "a line each", lambda: said
    )
    assert probe.messages == []
    well.until_ok()


def test_without_a_server_whoever_asks_is_not_told_and_not_held_up(well: Rig) -> None:
    well.server.freeze()
    well.until_degraded()
    probe = Probe()
    for number in range(200):
        well.store.recall(f"S{number}USDT", probe)
    well.trades(10)
    well.store.recall(SYMBOL, probe)
    eventually(lambda: probe.messages, PATIENCE_S, "the trades of this process")
    assert len(probe.expect(TradeHistory).trades) == 10
    well.server.thaw()
