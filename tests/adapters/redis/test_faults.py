"""What a real Redis does to people: it hangs, fills up, dies, forgets. None of it reaches who tells the store."""

from __future__ import annotations

import time
from collections.abc import Iterator
from threading import Thread
from typing import Any

import pytest
from msgspec import structs

from tests.adapters.redis.rig import PATIENCE_S, Rig, now_ms, rig
from tests.domain.builders import SYMBOL
from tests.kit.processes import eventually
from tests.kit.redis_server import redis_server
from vortex.adapters.redis import connection
from vortex.adapters.redis.documents import MARK
from vortex.adapters.redis.image import Image
from vortex.adapters.redis.store import RedisHotStore
from vortex.adapters.redis.writer import MARK_S

POSITION = f"position:{SYMBOL}"
LONG_S = 120.0
"""Longer than anybody who does not wait for the server takes, on any machine."""
LOOKS = 10


@pytest.fixture
def well() -> Iterator[Rig]:
    with rig() as made:
        yield made


def test_a_frozen_server_is_written_again(well: Rig) -> None:
    well.server.freeze()
    well.store.put({POSITION: {"trade_id": "a"}})
    well.until_degraded("does not answer within 0.25 s")
    tell(well)
    last = well.book()
    lost = well.store.status().lost
    well.server.thaw()
    well.until_ok()
    assert well.mirrored(last)
    assert (well.json(POSITION) or {})["trade_id"] == "b"
    assert lost >= 1


def tell(well: Rig) -> None:
    """All that others do with the store, again and again."""
    for _ in range(200):
        well.book()
        well.store.put({POSITION: {"trade_id": "b"}})
        well.store.get([POSITION])
        well.store.delete([])
        well.store.status()


def test_who_tells_the_store_does_not_wait_for_a_server_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """While one request of the store's own thread lasts, everybody else is served."""
    monkeypatch.setattr(connection, "TIMEOUT_S", LONG_S)
    with rig() as well:
        begun, write = list[int](), well.store._writer.write

        def noted(image: Image, at_ms: int) -> None:
            begun.append(at_ms)
            write(image, at_ms)

        monkeypatch.setattr(well.store._writer, "write", noted)
        well.server.freeze()
        looks: list[int] = []

        def hangs() -> bool:  # it writes several times a second
            looks.append(len(begun))
            return len(looks) > LOOKS and looks[-1] == looks[-LOOKS] > 0

        eventually(hangs, PATIENCE_S, "a write that hangs")
        telling = Thread(target=tell, args=(well,), daemon=True)
        telling.start()
        telling.join(PATIENCE_S)
        assert not telling.is_alive()
        well.server.thaw()
        well.until_ok()


def test_a_dead_server_is_written_again_when_it_is_back(well: Rig) -> None:
    well.store.put({POSITION: {"trade_id": "a"}})
    well.trades(50)
    well.until(lambda: well.ticks() == list(range(50, 0, -1)), "the trades")
    well.server.kill()
    well.until_degraded("cannot be reached")
    well.trades(50)
    since_ms = well.store.status().since_ms
    well.server.start()
    well.until_ok()
    assert (well.json(POSITION) or {})["trade_id"] == "a"
    assert well.ticks() == list(range(100, 0, -1)), "no hole where it was away"
    assert well.store.status().since_ms > since_ms


def test_a_server_that_restarts_unseen_loses_nothing_and_brings_nothing_back() -> None:
    """The socket is stale and the data old: a position that was closed meanwhile must not come back."""
    with rig("--appendonly", "yes") as well:
        well.store.put({POSITION: {"trade_id": "a"}, "position:ETHUSDT": {"trade_id": "b"}})
        well.until(lambda: well.json("position:ETHUSDT"), "the position")
        old = well.reader.dump("position:ETHUSDT")
        well.store.delete(["position:ETHUSDT"])
        well.until(lambda: not well.reader.exists("position:ETHUSDT"), "the position to go")
        assert old is not None
        well.server.kill()
        well.server.start()
        well.reader.set("position:ETHUSDT", "what an older file would hold")
        well.until(lambda: not well.reader.exists("position:ETHUSDT"), "the position to go again")
        well.until(lambda: (well.json(POSITION) or {}).get("trade_id") == "a", "the other one")


def test_what_is_flushed_is_there_again_at_once(well: Rig) -> None:
    well.store.put({POSITION: {"trade_id": "a"}})
    well.store.observe(last := well.book())
    well.trades(100)
    well.until(lambda: len(well.ticks()) == 100, "the trades")
    well.reader.flushall()
    began_s = time.monotonic()
    well.until(lambda: well.json(POSITION), "the position")
    assert time.monotonic() - began_s < MARK_S / 4  # as soon as the mark is missed, not when it would be renewed
    well.until(lambda: well.mirrored(last) and len(well.ticks()) == 100, "all the rest")


def test_a_full_server_degrades_it_and_still_deletes(well: Rig) -> None:
    well.store.put({POSITION: {"trade_id": "a"}})
    well.until(lambda: well.json(POSITION), "the position")
    well.reader.config_set("maxmemory-policy", "noeviction")
    well.reader.config_set("maxmemory", "1")
    well.book()
    well.until_degraded("full (maxmemory)")
    well.store.delete([POSITION])
    well.until(lambda: not well.reader.exists(POSITION), "the position to go")
    well.reader.config_set("maxmemory", "0")
    well.until_ok()


def test_what_is_evicted_under_volatile_lru_is_never_a_position(well: Rig) -> None:
    well.store.put({POSITION: {"trade_id": "a"}})
    last = well.book()
    well.until(lambda: well.json(POSITION) and well.mirrored(last), "the position and the book")
    used: Any = well.reader.info("memory")
    well.reader.config_set("maxmemory-policy", "volatile-lru")
    well.reader.config_set("maxmemory", str(used["used_memory"] + 1_000_000))
    for number in range(400):
        well.reader.set(f"other:{number}", "x" * 10_000, ex=60)
    stats: Any = well.reader.info("stats")
    assert stats["evicted_keys"] >= 100
    assert (well.json(POSITION) or {})["trade_id"] == "a"
    well.until_ok()


def test_a_replica_degrades_it(well: Rig) -> None:
    with redis_server() as other:
        well.reader.replicaof("127.0.0.1", other.port)
        well.book()
        well.until_degraded("read-only replica")
        well.reader.replicaof("NO", "ONE")
        last = well.book()
        well.until(lambda: well.mirrored(last), "the book")
        well.until_ok()


def test_a_server_that_loads_degrades_it() -> None:
    with rig("--appendonly", "yes") as well:
        well.store.put({POSITION: {"trade_id": "a"}})
        pipe = well.reader.pipeline(transaction=False)
        for number in range(35_000):  # while it loads, it answers after every 1,024 commands
            pipe.set(f"other:{number}", "x")
        pipe.execute()
        well.until(lambda: well.json(POSITION), "the position")
        well.server.kill()
        well.server.start("--key-load-delay", "50", wait=False)
        well.until_degraded("still loads its data")
        well.until_ok()
        assert (well.json(POSITION) or {})["trade_id"] == "a"


def test_with_an_append_only_file_what_was_written_outlives_a_kill() -> None:
    with rig("--appendonly", "yes", "--appendfsync", "everysec") as well:
        well.store.put({POSITION: {"trade_id": "a"}})
        well.until(lambda: well.json(POSITION), "the position")
        well.until(lambda: not unwritten(well), "the file")  # while the disk is slow, Redis holds back for up to 2 s
        well.server.kill()
        well.store.close()
        well.server.start()
        assert (well.json(POSITION) or {})["trade_id"] == "a"


def unwritten(well: Rig) -> int:
    """Bytes that are not in the append-only file yet."""
    found: Any = well.reader.info("persistence")
    return int(found["aof_buffer_length"])


def test_what_stands_where_our_values_belong_is_replaced(well: Rig) -> None:
    well.trades(10)
    well.until(lambda: len(well.ticks()) == 10, "the trades")
    well.reader.set(f"ticks:{SYMBOL}", "no list")
    well.reader.delete(f"orderbook:{SYMBOL}")
    well.reader.lpush(f"orderbook:{SYMBOL}", "no text")
    well.trades(1)
    last = well.book()
    well.until(lambda: well.ticks() == list(range(11, 0, -1)), "all the trades")
    well.until(lambda: well.mirrored(last), "the book")
    well.until_ok()
    assert well.store.status().lost >= 1


def test_a_wrong_password_is_said_in_words_and_keeps_nobody_from_starting() -> None:
    with redis_server("--requirepass", "right") as server:
        for password, said in (("", "password"), ("wrong", "password"), ("right", "")):
            address = structs.replace(server.address, password=password)
            store = RedisHotStore(address, now_ms, origin="paper", token="t")
            wait_for(store, "DEGRADED" if said else "OK", said)
            store.close()


def wait_for(store: RedisHotStore, state: str, said: str) -> None:
    """Until it is so, and in these words."""
    eventually(lambda: store.status().state == state and said in store.status().detail, PATIENCE_S, state, store.status)


def test_two_that_write_the_same_keys_are_told_and_with_namespaces_they_are_not(well: Rig) -> None:
    rival = well.another("second")
    well.until_degraded("another engine writes the same keys")
    rival.close()
    well.reader.flushall()
    well.until_ok()
    neighbour = well.another("third", namespace="testnet")
    neighbour.put({POSITION: {"trade_id": "n"}})
    well.until(lambda: well.json(f"testnet:{POSITION}"), "the neighbour's position")
    assert well.json(POSITION) is None
    well.until_ok()
    neighbour.close()


def test_what_a_rival_that_has_ended_left_is_written_over(well: Rig) -> None:
    well.store.put({POSITION: {"trade_id": "ours"}})
    well.until(lambda: well.json(POSITION), "our position")
    rival = well.another("second")
    rival.put({POSITION: {"trade_id": "theirs"}})
    well.until_degraded("another engine writes the same keys")
    rival.close()
    assert 0 < well.reader.ttl(MARK) <= MARK_S
    well.reader.pexpire(MARK, 1)  # instead of a minute
    well.until_ok()
    position = well.json(POSITION)
    assert position is not None
    assert position["trade_id"] == "ours"


def test_the_mark_is_renewed_by_its_owner(well: Rig) -> None:
    well.reader.expire(MARK, 5)
    well.until(lambda: well.reader.ttl(MARK) > 5, "a mark that stays")


def test_what_cannot_be_written_is_left_out_and_harms_nothing(well: Rig) -> None:
    well.store.put({"position:ODDUSDT": {"trade_id": object()}, POSITION: {"trade_id": "a"}})
    well.until(lambda: well.json(POSITION), "the other position")
    well.until_ok()
    assert well.json("position:ODDUSDT") is None
