"""Opening the ledger that a configuration means, and asking it without holding anybody up."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.app.kit import TIMEOUT_S, Reply, replies, running, served
from tests.app.test_live import lines
from tests.kit.ledgers import closed, trade
from tests.kit.postgres import Cluster, Dsn
from tests.kit.postgrest import SECRET_KEY, postgrest
from vortex.adapters.postgres.cold_store import PostgresColdStore
from vortex.adapters.supabase.cold_store import SupabaseColdStore
from vortex.app.ledger import Ledger, open_ledger
from vortex.config import Config, ConfigError, Secret
from vortex.config.sections import ColdStore


def remote(**settings: object) -> Config:
    """A paper configuration that may use a remote ledger."""
    return Config(cold_store=ColdStore(allow_paper_remote=True, **settings))  # type: ignore[arg-type]  # keys of the section


@contextmanager
def opened(config: Config, folder: Path) -> Iterator[Ledger]:
    ledger = open_ledger(config, folder / "vortex.db")
    with closing(ledger.store):
        yield ledger


def greeting(ledger: Ledger) -> list[str]:
    """What is said of it at the start."""
    with lines() as logged:
        ledger.greet()
        for thread in threading.enumerate():
            if thread.name == "ledger-greeting":
                thread.join(TIMEOUT_S)
    return logged


def test_without_anything_it_is_the_file_and_nothing_is_said(tmp_path: Path) -> None:
    with opened(Config(), tmp_path) as ledger:
        ledger.store.write_trades([trade()])
        assert greeting(ledger) == []
    assert (tmp_path / "vortex.db").exists()


def test_a_remote_ledger_answers_and_no_file_is_made(tmp_path: Path, ledger: Dsn) -> None:
    with postgrest(ledger) as server:
        supabase = remote(supabase_url=server.url, supabase_key=Secret(SECRET_KEY))
        for config in (supabase, remote(database_url=Secret(ledger))):
            with opened(config, tmp_path) as each:
                each.store.write_trades([closed()])
                assert each.store.recent_trades(1) == [closed()]
                (said,) = greeting(each)
                assert said.startswith("the ledger in ")
                assert said.endswith(" answers")
    assert not (tmp_path / "vortex.db").exists()


def test_one_that_is_away_is_said_once_and_in_plain_words(tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        with opened(remote(database_url=Secret(f"postgresql://u:hunter2@127.0.0.1:{port}/x")), tmp_path) as ledger:
            (said,) = greeting(ledger)
    assert said.startswith(f"the ledger in PostgreSQL at 127.0.0.1:{port}/x cannot be reached: rows are kept on disk")
    assert "hunter2" not in said


def test_one_without_tables_says_what_to_do(tmp_path: Path, cluster: Cluster) -> None:
    with opened(remote(database_url=Secret(cluster.dsn(cluster.create()))), tmp_path) as ledger:
        (said,) = greeting(ledger)
    assert "cannot be used: rows are kept on disk; look with `vortex db check`" in said


@pytest.mark.parametrize("dsn", ["hunter2", "postgresql://u:hunter2@[h/x", "host=x hunter2"])
def test_an_unreadable_connection_string_is_refused_without_showing_it(tmp_path: Path, dsn: str) -> None:
    with pytest.raises(ConfigError, match="DATABASE_URL = ") as caught:
        open_ledger(remote(database_url=Secret(dsn)), tmp_path / "vortex.db")
    assert "hunter2" not in str(caught.value)


def test_a_silent_ledger_holds_up_no_other_question(tmp_path: Path) -> None:
    """Its readers get an answer too, within the time that people wait."""
    with socket.create_server(("127.0.0.1", 0)) as silent, running(replies()) as tiny:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with closing(SupabaseColdStore(url, SECRET_KEY)) as store, served(tmp_path, tiny, store=store) as client:
            answers: list[Reply] = []
            reader = threading.Thread(target=lambda: answers.append(client.get("/api/trades")))
            reader.start()
            with silent.accept()[0]:
                assert client.get("/readyz").status == 200
                assert client.get("/api/status").status == 200
                assert answers == []
                reader.join(TIMEOUT_S)
    (reply,) = answers
    assert (reply.status, reply.code) == (503, "ledger_unavailable")


def test_a_ledger_without_tables_is_unavailable(tmp_path: Path, cluster: Cluster) -> None:
    store = PostgresColdStore(cluster.dsn(cluster.create()))
    with running(replies()) as tiny, closing(store), served(tmp_path, tiny, store=store) as client:
        for path in ("/api/trades", "/api/rejects", "/api/stats", "/api/decisions/x"):
            reply = client.get(path)
            assert (reply.status, reply.code) == (503, "ledger_unavailable")
