from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.kit.processes import eventually
from tests.kit.redis_server import redis_server
from vortex.adapters.redis.store import RedisHotStore
from vortex.app.hot_store import open_hot_store
from vortex.config import ConfigError, load

LIVE = {"VORTEX__MODE": "testnet", "TESTNET": "true", "BINANCE_API_KEY": "k", "BINANCE_SECRET_KEY": "s"}
NOWHERE = {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": "1"}
ALLOWED = {"VORTEX__HOT_STORE__ALLOW_PAPER_REMOTE": "true"}
KIND = "VORTEX__HOT_STORE__KIND"


@pytest.mark.parametrize(
    ("environ", "kind"),
    [
        ({}, "memory"), (LIVE, "memory"), (LIVE | NOWHERE, "redis"), (LIVE | NOWHERE | {KIND: "memory"}, "memory"),
        (LIVE | NOWHERE | {KIND: "redis"}, "redis"), (NOWHERE, "memory"), (NOWHERE | ALLOWED, "redis"),
        ({KIND: "redis", "VORTEX__HOT_STORE__REDIS_HOST": "127.0.0.1"}, "memory"),
    ],
)  # fmt: skip
def test_which_store_it_is(environ: Mapping[str, str], kind: str) -> None:
    store = open_hot_store(load([], environ).config, "a market", lambda: 1)
    assert store.status().kind == kind
    store.close()


def test_redis_without_a_host_is_refused() -> None:
    with pytest.raises(ConfigError, match=r'hot_store\.kind = "redis": expected hot_store\.redis_host'):
        load([], LIVE | {KIND: "redis"})


@pytest.mark.parametrize("namespace", ["a b", "a:b", "x" * 33])
def test_a_namespace_is_a_plain_word(namespace: str) -> None:
    with pytest.raises(ConfigError, match=r"hot_store\.namespace"):
        load([], {"VORTEX__HOT_STORE__NAMESPACE": namespace})


def test_the_password_comes_from_a_file_and_the_namespace_stands_before_every_key(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("right\n")
    with redis_server("--requirepass", "right") as server:
        environ = {
            "REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(server.port), "VORTEX__HOT_STORE__NAMESPACE": "paper",
            "VORTEX__HOT_STORE__REDIS_PASSWORD_FILE": str(secret),
        }  # fmt: skip
        store = open_hot_store(load([], ALLOWED | environ).config, "a market", lambda: 1)
        assert isinstance(store, RedisHotStore)
        store.put({"position:BTCUSDT": {"trade_id": "a"}})
        eventually(lambda: store.status().state == "OK", 30.0, "a mirror that is well", store.status)
        store.close()
        with server.client("right") as client:
            assert set(client.scan_iter()) == {"paper:vortex:mirror", "paper:position:BTCUSDT"}
