"""Files, servers that refuse, and a real Redis: each is one line."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest
import redis as client

from tests.app.test_remote import answering
from tests.kit.processes import eventually, free_port
from vortex.adapters.sqlite.cold_store import SqliteColdStore
from vortex.app.doctor import stores
from vortex.app.doctor.family import Options, line
from vortex.app.preflight import Verdict
from vortex.config import Config, Secret
from vortex.config.sections import ColdStore, HotStore

SOON_S = 30.0


def test_what_is_not_used_says_so(tmp_path: Path) -> None:
    found = {check.name: check for check in stores.look(Config(data_dir=str(tmp_path)), Options())}
    assert list(found) == list(stores.PROBES)
    unused = ("postgres", "supabase", "redis", "notifications")
    assert {found[name].verdict for name in unused} == {Verdict.NOT_CHECKED}
    assert list(tmp_path.iterdir()) == []


def test_a_whole_ledger_and_a_damaged_one(tmp_path: Path) -> None:
    config = Config(data_dir=str(tmp_path))
    SqliteColdStore.open(tmp_path / "vortex.db").close()
    verdict, words = stores.ledger(config)
    assert (verdict, "is whole, schema 2" in words) == (Verdict.OK, True)
    (tmp_path / "journal.db").write_bytes(b"no database at all" * 100)
    broken = line("journal", lambda: stores.journal(config))
    assert (broken.verdict, "journal.db" in broken.detail) == (Verdict.FAILED, True)


@pytest.mark.parametrize(
    ("policy", "append", "verdict"),
    [
        ("volatile-lru", "yes", Verdict.OK),
        ("noeviction", "yes", Verdict.OK),
        ("noeviction", "no", Verdict.WARN),
        ("allkeys-lru", "yes", Verdict.FAILED),
        ("", "", Verdict.FAILED),
    ],
)
def test_a_redis_that_drops_positions_fails(policy: str, append: str, verdict: Verdict) -> None:
    assert stores.redis_settings({"maxmemory-policy": policy, "appendonly": append})[0] is verdict


@contextmanager
def redis_server(folder: Path, *settings: str) -> Iterator[int]:
    port = free_port()
    command = [
        "redis-server",
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--dir",
        str(folder),
        "--save",
        "",
        *settings,
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:  # noqa: S603  # the machine's own server
        try:
            eventually(lambda: _takes(port), SOON_S, "Redis listens")
            yield port
        finally:
            process.kill()  # it would not end while it writes its first append-only file


def _takes(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), 1.0):
        return True


def redis_at(port: int) -> Config:
    return Config(hot_store=HotStore(redis_host="127.0.0.1", redis_port=port, allow_paper_remote=True))


def test_a_real_redis_is_asked_for_its_settings(tmp_path: Path) -> None:
    with redis_server(tmp_path, "--maxmemory-policy", "allkeys-lru") as port:
        verdict, words = stores.redis(redis_at(port))
        assert (verdict, "maxmemory-policy allkeys-lru" in words) == (Verdict.FAILED, True)
        with client.Redis(port=port) as server:
            server.config_set("maxmemory-policy", "volatile-lru")
        assert stores.redis(redis_at(port))[0] is Verdict.WARN, "its restart forgets"
        with client.Redis(port=port) as server:
            server.config_set("appendonly", "yes")
        assert stores.redis(redis_at(port))[0] is Verdict.OK
    verdict, words = stores.redis(redis_at(port))
    assert (verdict, str(port) in words) == (Verdict.FAILED, True)


@pytest.mark.parametrize(
    ("status", "verdict", "words"),
    [(200, Verdict.OK, "tables"), (401, Verdict.FAILED, "SUPABASE_KEY"), (404, Verdict.FAILED, "migrate"),
     (503, Verdict.FAILED, "503")],
)  # fmt: skip
def test_supabase_s_answer_is_explained(status: int, verdict: Verdict, words: str) -> None:
    with answering(status, b"[]", **{"Content-Range": "*/*"}) as (url, _):
        found, text = asked_at(url)
    assert found is verdict
    assert words in text


def test_a_page_in_supabase_s_place_is_not_taken_for_it() -> None:
    with answering(200, b"<html>Please sign in</html>") as (url, _):
        found, text = asked_at(url)
    assert (found, "SUPABASE_URL" in text) == (Verdict.FAILED, True)


def asked_at(url: str) -> tuple[Verdict, str]:
    cold = ColdStore(kind="supabase", allow_paper_remote=True, supabase_url=url, supabase_key=Secret("canary-key"))
    found, text = stores.supabase(Config(cold_store=cold))
    assert "canary-key" not in text
    return found, text


def drop_one(server: socket.socket) -> None:
    server.accept()[0].close()


def test_a_database_that_refuses_is_one_line_without_the_password() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        Thread(target=drop_one, args=(server,), daemon=True).start()
        url = f"postgresql://u:canary-word@127.0.0.1:{server.getsockname()[1]}/x?sslmode=disable"
        verdict, words = stores.postgres(
            Config(cold_store=ColdStore(kind="postgres", allow_paper_remote=True, database_url=Secret(url)))
        )
    assert verdict is Verdict.FAILED
    assert len(words.splitlines()) == 1
    assert "canary-word" not in words


def test_a_redis_that_says_nothing_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "WAIT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert stores.redis(redis_at(silent.getsockname()[1]))[0] is Verdict.FAILED
        silent.setblocking(False)
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):  # nobody came a second time
            silent.accept()
