"""What every hot store does, the one in memory and the one in Redis alike."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.domain.builders import SYMBOL, candle, ladder, mark, stream, trade, trades
from tests.kit.probe import Probe
from tests.kit.processes import eventually
from tests.kit.redis_server import redis_server
from vortex.adapters.memory import MemoryHotStore
from vortex.adapters.redis.store import RedisHotStore
from vortex.domain.market import TradeHistory
from vortex.ports import HotStore

NOW_MS = 1_700_000_100_000
SOON_S = 30.0


@pytest.fixture(params=["memory", "redis"])
def store(request: pytest.FixtureRequest) -> Iterator[HotStore]:
    if request.param == "memory":
        yield MemoryHotStore(lambda: NOW_MS)
        return
    with redis_server() as server:
        made = RedisHotStore(server.address, lambda: NOW_MS, origin="paper", token="token")
        yield made
        made.close()


def test_the_newest_value_of_each_key_is_kept(store: HotStore) -> None:
    store.put({"a": 1, "b": {"x": 2}})
    store.put({"a": 3})
    assert store.get(["a", "b", "absent"]) == {"a": 3, "b": {"x": 2}}
    store.delete(["a", "absent"])
    assert store.get(["a", "b"]) == {"b": {"x": 2}}


def test_a_reader_sees_every_put_whole(store: HotStore) -> None:
    keys = [str(number) for number in range(20)]
    store.put(dict.fromkeys(keys, -1))

    def write() -> None:
        for number in range(200):
            store.put(dict.fromkeys(keys, number))

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        while not writing.done():
            assert len(set(store.get(keys).values())) == 1
        writing.result()


def test_the_last_trades_are_told_to_who_asks(store: HotStore) -> None:
    probe, nobody = Probe(), Probe()
    store.observe(mark(NOW_MS))
    store.observe(candle("1m", NOW_MS - 60_000, (1.0, 2.0, 0.5, 1.5)))
    store.observe(stream([ladder(1_000, [1.0], [1.0])], start_ms=NOW_MS)[0])
    for number in range(30):
        store.observe(trades(*(trade(100 * number + each, NOW_MS - 3_000 + 100 * number + each, buy=True)
                               for each in range(100))))  # fmt: skip
    store.recall("ETHUSDT", nobody)
    store.recall(SYMBOL, probe)
    eventually(lambda: probe.messages, SOON_S, "the trades")
    told = probe.expect(TradeHistory)
    assert told.symbol == SYMBOL
    assert [each.id for each in told.trades] == list(range(1_000, 3_000)), "the newest 2,000, oldest first"
    assert nobody.messages == []


def test_trades_that_do_not_lead_up_to_now_are_not_told(store: HotStore) -> None:
    probe, other = Probe(), Probe()
    store.observe(trades(trade(1, NOW_MS - 40_000, buy=True)))
    store.recall(SYMBOL, probe)
    store.observe(trades(trade(2, NOW_MS, buy=True)))
    store.recall(SYMBOL, other)
    eventually(lambda: other.messages, SOON_S, "the trades that do")
    assert probe.messages == []


def test_it_says_how_it_does(store: HotStore) -> None:
    eventually(lambda: store.status().state == "OK", SOON_S, "a store that is well", store.status)
    assert store.status().kind == ("memory" if isinstance(store, MemoryHotStore) else "redis")
    assert store.status().lost == 0
    store.close()
    store.close()
