"""The exchange as a process: what it prints, how it stops, what it remembers."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from decimal import Decimal
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import msgspec
import pytest
from msgspec import structs

from tests.sim.server.kit import SYMBOLS, TIMEOUT_S, Client, Running, options_of, until
from vortex.sim.server.app import run
from vortex.sim.server.options import SimOptions
from vortex.sim.server.state import Course

pytestmark = pytest.mark.e2e

RUN = """
import sys, msgspec
from vortex.sim.server import app, options
read = msgspec.json.decode(sys.argv[1], type=options.SimOptions, dec_hook=lambda kind, value: kind(value))
sys.exit(app.run(read))
"""


def as_json(options: SimOptions) -> str:
    return msgspec.json.encode(options, enc_hook=str).decode()


class Process:
    """A simulator; its log goes to a file, since nobody empties a pipe while it runs."""

    def __init__(self, popen: subprocess.Popen[str], log: IO[str]) -> None:
        assert popen.stdout is not None
        self.popen, self._log = popen, log
        self.ready: dict[str, Any] = json.loads(popen.stdout.readline())
        self.client = Client(int(self.ready["url"].rpartition(":")[2]))

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str, str]:
        """Exit code, the rest of stdout, stderr."""
        self.popen.send_signal(number)
        out, _ = self.popen.communicate(timeout=TIMEOUT_S)
        self._log.seek(0)
        return self.popen.returncode, out, self._log.read()


@contextmanager
def running(*command: str) -> Iterator[Process]:
    """Our own interpreter with these arguments."""
    with (
        TemporaryFile("w+") as log,
        subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, stderr=log, text=True) as popen,  # noqa: S603
    ):
        try:
            yield Process(popen, log)
        finally:
            popen.kill()


def started(options: SimOptions) -> AbstractContextManager[Process]:
    return running("-c", RUN, as_json(options))


def test_one_ready_line_and_a_graceful_stop(capture: Path) -> None:
    with started(options_of(capture, seed=11)) as process:
        url = process.ready["url"]
        assert process.ready == {
            "event": "ready", "url": url, "ws_url": url.replace("http", "ws"), "symbols": list(SYMBOLS), "seed": 11,
        }  # fmt: skip
        assert process.client.get("/fapi/v1/ping").body == {}
        code, rest, log = process.stop(signal.SIGINT)
    assert (code, rest) == (0, "")
    assert "recording of 2024-08-08" in log


LOG_LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} (INFO   |WARNING) simulator: \S.*")


def test_the_command_logs_in_lines_that_nobody_can_forge(capture: Path) -> None:
    with running("-m", "vortex", "sim", "--port", "0", "--speed", "4", "--market", str(capture)) as process:
        assert process.client.get("/sim/v1/clock").body["speed"] == 4.0
        assert process.client.get("/nowhere%0A2024-01-01%20forged").status == 404
        code, _, log = process.stop()
    assert code == 0
    lines = log.splitlines()
    assert [line for line in lines if not LOG_LINE.fullmatch(line) and not line.startswith("    ")] == []
    assert any("unknown path: GET /nowhere" in line for line in lines)


def test_the_account_survives_a_restart(capture: Path, tmp_path: Path) -> None:
    options = options_of(capture, state=tmp_path / "sim.db", speed=4.0)
    with started(options) as process:
        client = process.client
        first_ms = client.get("/fapi/v1/time").body["serverTime"]
        client.market_order("BUY", newClientOrderId="kept-entry", timestamp=first_ms, recvWindow=60_000)
        trigger = f"{float(client.get('/fapi/v1/depth', symbol='BTCUSDT').body['bids'][0][0]) * 0.8:.1f}"
        now_ms = client.get("/fapi/v1/time").body["serverTime"]
        assert (
            client.stop_order("SELL", trigger, clientAlgoId="kept-stop", timestamp=now_ms, recvWindow=60_000).status
            == 200
        )
        key = client.send("POST", "/fapi/v1/listenKey", headers={"X-MBX-APIKEY": "paper"}).body["listenKey"]
        before = client.get("/sim/v1/ledger").body
        assert process.stop()[0] == 0
    with started(options) as process:
        client = process.client
        after = client.get("/sim/v1/ledger").body
        assert after["now_ms"] >= before["now_ms"]
        for part in ("wallet_usdt", "orders", "algo_orders", "fills", "timeline"):
            assert after[part] == before[part]
        assert [position["position_amt"] for position in after["positions"]] == ["0.010"]
        assert client.send("POST", "/fapi/v1/listenKey", headers={"X-MBX-APIKEY": "paper"}).body["listenKey"] == key


def saved_later_than(state: Path, now_ms: int) -> bool:
    """Whether a state of after this time of the exchange is on disk."""
    with closing(sqlite3.connect(state)) as database:
        row = database.execute("SELECT body FROM state WHERE name = 'course'").fetchone()
    return row is not None and msgspec.msgpack.decode(row[0], type=Course).now_ms > now_ms


def test_what_was_done_a_second_ago_survives_a_kill(capture: Path, tmp_path: Path) -> None:
    state = tmp_path / "sim.db"
    options = options_of(capture, state=state)
    with started(options) as process:
        process.client.market_order("BUY")
        traded_ms = process.client.get("/sim/v1/clock").body["now_ms"]
        until(lambda: saved_later_than(state, traded_ms), "a save", every_s=0.1)
        process.stop(signal.SIGKILL)
    with started(options) as process:
        assert len(process.client.get("/sim/v1/ledger").body["positions"]) == 1


def trade_until_it_dies(client: Client) -> None:
    with suppress(OSError, HTTPException):
        while True:
            client.market_order("BUY")
            client.market_order("SELL", reduceOnly="true")


def test_a_kill_among_orders_leaves_a_consistent_earlier_state(capture: Path, tmp_path: Path) -> None:
    options = options_of(capture, state=tmp_path / "sim.db")
    with started(options) as process:
        trader = threading.Thread(target=trade_until_it_dies, args=(process.client,))
        trader.start()
        until(lambda: len(process.client.get("/sim/v1/ledger").body["fills"]) > 100, "a hundred executions")
        traded_ms = process.client.get("/sim/v1/clock").body["now_ms"]
        until(lambda: saved_later_than(tmp_path / "sim.db", traded_ms), "a save", every_s=0.1)
        last = process.client.get("/sim/v1/ledger").body
        process.stop(signal.SIGKILL)
        trader.join(TIMEOUT_S)
    with started(options) as process:
        ledger = process.client.get("/sim/v1/ledger").body
    fills, timeline = ledger["fills"], ledger["timeline"]
    assert len(fills) > 100
    common = min(len(fills), len(last["fills"])), min(len(timeline), len(last["timeline"]))
    assert fills[: common[0]] == last["fills"][: common[0]]
    assert timeline[: common[1]] == last["timeline"][: common[1]]
    earned = sum((Decimal(fill["realized_pnl"]) - Decimal(fill["commission"]) for fill in fills), Decimal(0))
    assert Decimal(ledger["wallet_usdt"]) == 10_000 + earned
    held = sum((Decimal(fill["qty"]) * (1 if fill["side"] == "BUY" else -1) for fill in fills), Decimal(0))
    assert sum((Decimal(row["position_amt"]) for row in ledger["positions"]), Decimal(0)) == held
    assert Decimal(timeline[-1]["position_amt"]) == held
    assert len(fills) == sum(entry["event"] == "FILL" for entry in timeline)


PARENT = """
import json, os, subprocess, sys
options = json.loads(sys.argv[2]) | {"parent_pid": os.getpid()}
subprocess.run([sys.executable, "-c", sys.argv[1], json.dumps(options)])
"""


def test_a_child_does_not_outlive_its_parent(capture: Path) -> None:
    with running("-c", PARENT, RUN, as_json(options_of(capture))) as child:
        assert child.client.get("/fapi/v1/ping").status == 200
        child.popen.kill()
        until(lambda: not answers(child.client), "the end of the child")


def answers(client: Client) -> bool:
    try:
        return client.get("/fapi/v1/ping").status == 200
    except OSError:
        return False


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"markets": ("nowhere.gz",)}, "no such file"),
        ({"markets": ("BTCUSDT={capture}", "{capture}")}, "more than one market: BTCUSDT"),
        ({"speed": 0.0}, "speed must be"),
    ],
)
def test_unusable_options_end_with_two_and_one_line(
    capture: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], words: str
) -> None:
    options = structs.replace(options_of(capture), **changes)
    options = structs.replace(options, markets=tuple(text.format(capture=capture) for text in options.markets))
    assert run(options) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert words in err


def test_a_taken_port_ends_with_one(capture: Path, exchange: Running, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(options_of(capture, port=exchange.port)) == 1
    assert "address already in use" in capsys.readouterr().err
