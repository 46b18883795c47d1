"""Planted secrets appear nowhere: in no log, reply, metric, file, notification, crash report or argument."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from tests.adapters.notify.kit import Receiver, receiver
from tests.kit.ledgers import migrate
from tests.kit.postgres import Cluster
from tests.kit.processes import REPOSITORY, Engine, engine, environment, eventually, get, post, simulator
from tests.kit.redis_server import redis_server

pytestmark = pytest.mark.e2e

KEY, SECRET, TOKEN = "canary-4f1b-key", "canary-77aa-secret", "canary-e0c3-token-of-32-characters"
USED = {
    "VORTEX__EXCHANGE__API_KEY": KEY,
    "VORTEX__EXCHANGE__SECRET_KEY": SECRET,
    "VORTEX__CONTROL__TOKEN": TOKEN,
    "VORTEX__COLD_STORE__SUPABASE_KEY": "sb_secret_canary-91d2-supabase",
    "VORTEX__COLD_STORE__DATABASE_URL": "postgresql://vortex:canary-5be8-password@127.0.0.1:1/postgres",
}
"""Read, and to be masked wherever they come up."""
UNUSED = {
    "BINANCE_API_KEY": "canary-a1c5-unused-key",
    "BINANCE_SECRET_KEY": "canary-b2d6-unused-secret",
    "SUPABASE_URL": "https://canary-c3e7-user:canary-d4f8-login@127.0.0.1:1",
    "SUPABASE_KEY": "canary-e5a9-unused-supabase",
    "DATABASE_URL": "postgresql://u:canary-f6b0-unused@127.0.0.1:1/x",
}
"""On paper these are not even read."""
CANARY = b"canary-"
QUICK = {"TRADING_PAIRS": "BTCUSDT", "VORTEX__RISK__A__MAX_HOLD_S": "8", "VORTEX__RISK__B__MAX_HOLD_S": "8"}
PAGES = (
    "/livez", "/readyz", "/metrics", "/api/status", "/api/actors", "/api/trades?limit=1000", "/api/rejects?limit=1000",
    "/api/decisions/BTCUSDT", "/api/stats", "/api/outbox", "/docs", "/openapi.json", f"/api/decisions/{TOKEN}",
    f"/{SECRET}", f"/api/status?token={TOKEN}",
)  # fmt: skip
CRASHES = ("BTCUSDT/E1", "BTCUSDT/monitor", "BTCUSDT/decision", "BTCUSDT", "feed", "account", "storage", "exchange")


@dataclass
class Seen:
    """Everything that left the engine, by where."""

    places: dict[str, bytes] = field(default_factory=dict)

    def leaks(self) -> dict[str, bytes]:
        """Where a canary shows, with what stands around it."""
        found = {name: data.find(CANARY) for name, data in self.places.items()}
        return {name: self.places[name][max(0, at - 80) : at + 60] for name, at in found.items() if at >= 0}

    def ask(self, url: str, token: str = TOKEN, body: bytes | None = None) -> bytes:
        """A request to the control API; its answer, refusals included, is kept."""
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        request = urllib.request.Request(url, body, headers)  # noqa: S310  # this machine
        try:
            with urllib.request.urlopen(request, timeout=10) as reply:  # noqa: S310  # the same
                data, head = reply.read(), str(reply.headers)
        except urllib.error.HTTPError as refusal:
            data, head = refusal.read(), str(refusal.headers)
        self.places[f"{'POST' if body else 'GET'} {url} {len(self.places)}"] = head.encode() + data
        return bytes(data)

    def files(self, folder: Path) -> None:
        """Every byte of every file."""
        for path in folder.rglob("*"):
            if path.is_file():
                self.places[str(path)] = path.read_bytes()

    def children(self, pid: int) -> None:
        """Arguments and environment of every process that the engine started."""
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                for what in ("cmdline", "environ"):
                    self.places[f"{what} of child {child}"] = Path(f"/proc/{child}/{what}").read_bytes()


def ready(running: Engine, seen: Seen) -> str:
    """Wait until it is; the address of its control API."""

    def answers() -> str | None:
        assert running.process.poll() is None, running.log.read_text()[-2000:]
        url = str(running.run["control_url"])
        return url if json.loads(seen.ask(f"{url}/readyz"))["ready"] else None

    return eventually(answers, 120, "readyz")


def provoke(url: str, sim_url: str, seen: Seen) -> None:
    """Everything that may make somebody quote a secret."""
    for page in PAGES:
        seen.ask(url + page)
        seen.ask(url + page, token=TOKEN[:-1])
    for path, body in (
        ("/api/chaos/crash", {"actor": TOKEN}),
        ("/api/chaos/crash", {"actor": "BTCUSDT/E1", "how": SECRET}),
        ("/api/pause", {"symbol": KEY}),
        ("/api/pause", {TOKEN: 1}),
    ):
        seen.ask(url + path, body=json.dumps(body).encode())
    seen.ask(f"{url}/api/halt", body=f"{{{TOKEN}".encode())
    said = json.dumps({"code": -2019, "msg": f"no margin for {KEY} with {SECRET} and signature={SECRET}"})
    rule = {"method": "POST", "path": "/fapi/v1/order", "symbol": None, "nth": 1, "times": 2, "do": f"json:{said}"}
    post(f"{sim_url}/sim/v1/faults", rule)
    for actor in CRASHES:
        seen.ask(f"{url}/api/chaos/crash", body=json.dumps({"actor": actor}).encode())
        eventually(lambda: json.loads(seen.ask(f"{url}/readyz"))["ready"], 120, f"ready after the crash of {actor}")


def closed(url: str, seen: Seen) -> list[object]:
    trades = json.loads(seen.ask(f"{url}/api/trades"))
    return [row for row in trades if row["status"] == "CLOSED"]


def told(got: Receiver, seen: Seen) -> None:
    seen.places["notifications"] = "\n".join(got.texts).encode()


def notify(got: Receiver) -> dict[str, str]:
    return {"VORTEX__NOTIFY__URLS": got.url.replace("://", "://canary-login:canary-word@")}


def test_secrets_appear_nowhere_while_it_trades_fails_and_crashes(tmp_path: Path) -> None:
    seen, data_dir = Seen(), tmp_path / "data"
    with receiver() as got, simulator("--speed", "4", "--key", KEY, "--secret", SECRET) as sim_url:
        settings = {**QUICK, **USED, **UNUSED, **notify(got), "VORTEX__EXCHANGE__SIMULATOR_URL": sim_url}
        with engine(data_dir, **settings, VORTEX__LOG__LEVEL="DEBUG") as running:
            url = ready(running, seen)
            provoke(url, sim_url, seen)
            eventually(lambda: closed(url, seen), 90, "a closed trade")
            quoted = eventually(lambda: get(f"{sim_url}/sim/v1/faults")[0]["hits"], 60, "an answer with the secret")
            assert quoted
            limits = Path(f"/proc/{running.process.pid}/limits").read_text()
            assert [line.split()[-3:-1] for line in limits.splitlines() if "core file" in line] == [["0", "0"]]
            seen.children(running.process.pid)
            assert running.stop() == 0
        told(got, seen)
    seen.files(data_dir)
    seen.places["stderr"] = running.log.read_bytes()
    assert {"entry", "exit", "restart", "stop"} <= set(got.kinds())
    assert b"code -2019" in seen.places["stderr"]
    assert any(name.endswith("vortex.jsonl") for name in seen.places)
    assert len(seen.places) > 60
    assert seen.leaks() == {}


def test_a_key_that_is_refused_is_not_quoted(tmp_path: Path) -> None:
    seen = Seen()
    with simulator("--speed", "4", "--key", KEY, "--secret", "another") as sim_url:
        settings = {**QUICK, **USED, "VORTEX__EXCHANGE__SIMULATOR_URL": sim_url, "VORTEX__LOG__LEVEL": "DEBUG"}
        with engine(tmp_path / "data", **settings) as running:
            eventually(lambda: b"-1022" in running.log.read_bytes(), 60, "a wrong signature")
            url = eventually(lambda: str(running.run["control_url"]), 30, "run.json")
            for page in PAGES:
                seen.ask(url + page)
            assert running.stop() == 0
    seen.files(tmp_path)
    assert seen.leaks() == {}


@pytest.mark.parametrize("end", ["escalation", "abort"])
def test_the_last_words_of_a_process_hold_no_secret(tmp_path: Path, end: str) -> None:
    seen = Seen()
    with receiver() as got:
        settings = {**QUICK, **USED, **UNUSED, **notify(got), "VORTEX__RUNTIME__ROOT_RESTARTS": "0"}
        with engine(tmp_path / "data", **settings) as running:
            url = ready(running, seen)
            seen.children(running.process.pid)
            assert any(name.startswith("cmdline") for name in seen.places)  # the simulator's
            if end == "escalation":
                seen.ask(f"{url}/api/chaos/crash", body=b'{"actor": "exchange"}')
                assert running.process.wait(30) == 70
            else:
                os.kill(running.process.pid, signal.SIGABRT)
                assert running.process.wait(30) == -signal.SIGABRT
        told(got, seen)
    seen.files(tmp_path)
    assert seen.leaks() == {}


def commands(tmp_path: Path) -> Iterator[tuple[str, Mapping[str, str], int]]:
    """Commands that read the configuration, what is set besides, and how they end."""
    url = {"VORTEX__COLD_STORE__SUPABASE_URL": UNUSED["SUPABASE_URL"]}
    yield "show-config", url, 0
    yield "show-config --json", url, 0
    yield "notify test", {"VORTEX__NOTIFY__URLS": "json://canary-login:canary-word@127.0.0.1:1/canary-path"}, 1
    yield "notify test", {"VORTEX__NOTIFY__URLS": "nonsense://canary-word"}, 1
    yield "start", {"VORTEX__NOTIFY__URLS": "nonsense://canary-word"}, 2
    yield "start", {"VORTEX__EXCHANGE__SIMULATOR_URL": "http://canary-login:canary-word@127.0.0.1:1"}, 2
    yield f"start --config {tmp_path / 'absent.toml'}", {}, 2


def test_commands_show_no_secret(tmp_path: Path) -> None:
    for command, settings, code in commands(tmp_path):
        env = environment(**USED, **UNUSED, VORTEX__DATA_DIR=str(tmp_path / "data"), VORTEX__SIM__PORT="0")
        ended = subprocess.run(  # noqa: S603  # our own program
            [sys.executable, "-m", "vortex", *command.split()],
            cwd=REPOSITORY, env={**env, "VORTEX__CONTROL__PORT": "0", **settings}, capture_output=True, timeout=60,
            check=False,
        )  # fmt: skip
        assert ended.returncode == code, (command, ended.stderr)
        assert CANARY not in ended.stdout + ended.stderr, command


def test_the_stores_hold_no_secret(tmp_path: Path, cluster: Cluster) -> None:
    """A real Redis and a real PostgreSQL, used with a password each."""
    password, seen = "canary-0d4e-redis", Seen()
    database = migrate(cluster)
    with redis_server("--requirepass", password) as server, simulator("--speed", "4") as sim_url:
        remote = {
            "REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(server.port), "VORTEX__HOT_STORE__REDIS_PASSWORD": password,
            "VORTEX__HOT_STORE__ALLOW_PAPER_REMOTE": "true", "VORTEX__COLD_STORE__ALLOW_PAPER_REMOTE": "true",
            "DATABASE_URL": cluster.url(database).replace("@", ":canary-8c21-database@"),
        }  # fmt: skip
        settings = {**QUICK, **remote, "VORTEX__EXCHANGE__SIMULATOR_URL": sim_url, "VORTEX__CONTROL__TOKEN": TOKEN}
        with engine(tmp_path / "data", **settings) as running:
            url = ready(running, seen)
            for actor in ("storage", "hot_store", "exchange"):
                crash = {"actor": actor}
                seen.ask(f"{url}/api/chaos/crash", body=json.dumps(crash).encode())
            eventually(lambda: closed(url, seen), 90, "a closed trade in PostgreSQL")
            assert running.stop() == 0
            seen.places["log"] = running.log.read_bytes()
        with server.client(password) as client:
            keys = [str(key) for key in client.scan_iter()]
            assert any(key.startswith("engine_signals:") for key in keys), keys
            seen.places |= {key: client.dump(key) for key in keys}
    with psycopg.connect(cluster.dsn(database)) as connection:
        for table in ("trade_logs", "rejected_signals"):
            rows = connection.execute(SQL("select to_jsonb(t) from {} t").format(Identifier(table))).fetchall()
            assert rows, table
            seen.places[table] = repr(rows).encode()
    seen.files(tmp_path)
    assert seen.leaks() == {}
