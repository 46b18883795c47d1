"""Real engines and their ledger: where rows go, and where nothing goes."""

from __future__ import annotations

import re
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from threading import Thread

import psycopg
import pytest

from tests.kit.postgres import Dsn
from tests.kit.postgrest import SECRET_KEY, postgrest
from tests.kit.processes import REPOSITORY, engine, environment, eventually, free_port

pytestmark = pytest.mark.e2e

QUICK = {"VORTEX__SIM__SPEED": "4", "TRADING_PAIRS": "BTCUSDT"}
ROWS_S = 90.0


@contextmanager
def counting(connections: list[str], *names: str) -> Iterator[dict[str, int]]:
    """A listener for each name; whoever connects is noted."""

    def listen(name: str, listener: socket.socket) -> None:
        while True:
            try:
                listener.accept()[0].close()
            except OSError:
                return
            connections.append(name)

    with ExitStack() as stack:
        ports = {}
        for name in names:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            ports[name] = listener.getsockname()[1]
            thread = Thread(target=listen, args=(name, listener))
            thread.start()
            stack.callback(thread.join, 10)
            stack.callback(listener.shutdown, socket.SHUT_RDWR)
        yield ports


def rows_in(path: Path) -> int:
    """Rows of both tables of a SQLite ledger."""
    if not path.exists():
        return 0
    with closing(sqlite3.connect(path)) as connection:
        query = "select (select count(*) from trade_logs) + (select count(*) from rejected_signals)"
        return int(connection.execute(query).fetchone()[0])


def test_paper_writes_nothing_to_the_stores_of_a_full_env_file(tmp_path: Path) -> None:
    connections: list[str] = []
    with counting(connections, "supabase", "postgres", "redis") as ports:
        full = {
            "BINANCE_API_KEY": "real", "BINANCE_SECRET_KEY": "real", "TESTNET": "false",
            "SUPABASE_URL": f"http://127.0.0.1:{ports['supabase']}", "SUPABASE_KEY": SECRET_KEY,
            "DATABASE_URL": f"postgresql://u:p@127.0.0.1:{ports['postgres']}/x",
            "REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(ports["redis"]),
        }  # fmt: skip
        socket.create_connection(("127.0.0.1", ports["redis"])).close()
        eventually(lambda: connections == ["redis"], 10, "a listener that counts")
        with engine(tmp_path / "data", **QUICK, **full) as running:
            running.wait_ready()
            eventually(lambda: rows_in(tmp_path / "data" / "vortex.db") > 0, ROWS_S, "rows in the embedded ledger")
            assert running.stop() == 0
    assert connections == ["redis"]
    said = running.log.read_text()
    assert "SUPABASE_URL is not used in paper mode" in said
    assert SECRET_KEY[:7] not in said


def test_a_ledger_that_is_away_at_the_start_gets_its_rows_when_it_answers(tmp_path: Path, ledger: Dsn) -> None:
    port = free_port()
    remote = {
        "SUPABASE_URL": f"http://127.0.0.1:{port}",
        "SUPABASE_KEY": SECRET_KEY,
        "VORTEX__COLD_STORE__ALLOW_PAPER_REMOTE": "true",
    }

    def arrived() -> int:
        with psycopg.connect(ledger) as connection:
            query = "select (select count(*) from trade_logs) + (select count(*) from rejected_signals)"
            return int(connection.execute(query).fetchall()[0][0])

    with engine(tmp_path / "data", **QUICK, **remote) as running:
        running.wait_ready()
        waiting = eventually(lambda: running.api("/api/status")["outbox"]["pending"], ROWS_S, "rows that wait")
        assert arrived() == 0
        with postgrest(ledger, port=port):
            eventually(lambda: arrived() >= waiting, ROWS_S, "the rows that waited")
            eventually(lambda: running.api("/api/status")["outbox"]["pending"] == 0, ROWS_S, "an empty outbox")
            assert running.api("/api/trades?limit=1000") or running.api("/api/rejects")
            assert running.stop() == 0
    said = re.sub(r"\x1b\[[0-9;]*m", "", running.log.read_text())
    assert said.count("cannot be reached: rows are kept on disk and sent when it answers") == 1
    assert SECRET_KEY[:7] not in said
    assert not (tmp_path / "data" / "vortex.db").exists()


def test_a_key_that_cannot_write_ends_the_start_with_2(tmp_path: Path) -> None:
    key = "sb_publishable_0123456789"
    env = environment(
        SUPABASE_URL="https://project.supabase.co", SUPABASE_KEY=key, VORTEX__DATA_DIR=str(tmp_path / "data"),
        VORTEX__COLD_STORE__ALLOW_PAPER_REMOTE="true",
    )  # fmt: skip
    done = subprocess.run(  # our own program
        [sys.executable, "-m", "vortex", "start"], cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "this key is publishable, it cannot write" in done.stderr
    assert key[:7] not in done.stdout + done.stderr
    assert not (tmp_path / "data").exists()
