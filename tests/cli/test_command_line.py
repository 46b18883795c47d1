"""The command line: what it prints, what it refuses in one line, what its exit codes are, and how little it loads."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.app.kit import LABEL, SYMBOLS, TIMEOUT_S, Client, replies, running, served
from tests.app.test_remote import answering
from tests.cli.kit import Ended, Vortex, command_line
from tests.kit.processes import REPOSITORY, environment
from vortex import __version__
from vortex.adapters.sqlite.cold_store import SqliteColdStore
from vortex.app.data_dir import DataDir, RunInfo
from vortex.config import Config
from vortex.domain.order import Side
from vortex.domain.trade import RejectionRow, Strategy, TradeRow, TradeStatus

TRADE = TradeRow(
    id="t-1", symbol="BTCUSDT", side=Side.LONG, strategy=Strategy.A, entry_price=Decimal("61809.50"),
    quantity=Decimal("0.001"), leverage=12, open_fee_usdt=Decimal("0.03"), sl_price=Decimal(1), tp_price=Decimal(2),
    confidence=0.7, final_score=0.4, e1_direction="LONG", e5_regime="TRENDING/HIGH", opened_at=1_800_000_000_000,
    status=TradeStatus.OPEN, mode="paper", account="main", market_source="nothing at all", profile="tiny profile",
    revision=1,
)  # fmt: skip
REJECTION = RejectionRow(
    id="r-1", symbol="ETHUSDT", action=Side.SHORT, strategy=Strategy.B, rejection_reason="RR_LOW", confidence=0.5,
    final_score=-0.3, daily_pnl=Decimal(0), details="{}", count=3, mode="paper", account="main",
    market_source="nothing at all", profile="tiny profile", created_at=1_800_000_000_000,
)  # fmt: skip


ORDERS = ("pause", "resume", "flatten", "halt", "unhalt")


@pytest.fixture
def vortex(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Vortex]:
    """Runs a command in this process, in the repository and in an environment that configures nothing."""
    with command_line(REPOSITORY, monkeypatch, capsys) as run:
        yield run


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A running system with a trade and a rejection in its ledger."""
    folder = tmp_path_factory.mktemp("cli")
    store = SqliteColdStore.open(folder / "vortex.db")
    store.write_trades([TRADE])
    store.write_rejections([REJECTION])
    store.close()
    with running(replies()) as tiny, served(folder, tiny, token="t0ken") as client:
        yield client


def test_help_lists_every_command_and_version_is_the_version(vortex: Vortex) -> None:
    for ended in (vortex(), vortex("--help")):
        assert ended.code == 0
        for command in ("start", "sim", "status", "actors", "trades", "rejects", "why", "stats", "version", *ORDERS):
            assert command in ended.out
    assert vortex("version") == (0, f"{__version__}\n", "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing"], ["nothing"]),
        (["status", "--nothing"], ["--nothing"]),
        (["trades", "--limit", "0"], ["--limit", "1"]),
        (["trades", "--limit", "1001"], ["--limit", "1000"]),
        (["rejects", "--limit", "1e3"], ["--limit"]),
        (["start", "--for", "-1"], ["--for"]),
        (["start", "--for", "nan"], ["--for"]),
        (["start", "--for", "inf"], ["--for"]),
        (["start", "now"], ["now"]),
        (["start", "--config", "nothing.toml"], ["nothing.toml", "no such file"]),
        (["start", "--config", "pyproject.toml"], ["pyproject.toml", "build-system"]),
        (["start", "--config", "."], ["."]),
        (["start", "--config", "config/prod.toml"], ["BINANCE_API_KEY", "BINANCE_SECRET_KEY", "TESTNET"]),
        (["start", "--config", "config/testnet.toml"], ["BINANCE_API_KEY", "BINANCE_SECRET_KEY"]),
        (["start", "--pairs", ""], ["command line", "trading_pairs"]),
        (["start", "--pairs", "BTCUSDT;"], ["trading_pairs", '"BTCUSDT;"']),
        (["start", "--pairs", "../x"], ["trading_pairs", '"../x"']),
        (["start", "--pairs", "btcusdt"], ["trading_pairs", '"btcusdt"']),
        (["start", "--pairs", "BTCUSDT\n"], ["trading_pairs", r'"BTCUSDT\n"']),
        (["start", "--pairs", "BTCUSDT,BTCUSDT"], ["trading_pairs", "each pair once"]),
        (["start", "--pairs", "BTCUSDT_261225"], ["trading_pairs", '"BTCUSDT_261225"']),
        (["start", "--pairs", "A" * 10_000], ["trading_pairs", "10002 characters"]),
        (["start", "--pairs", "\u0e51\u0e52USDT"], ["trading_pairs"]),
        (["start", "--pairs", ",".join(f"A{number}" for number in range(5_000))], ["trading_pairs", "1 to 500"]),
        (["sim", "--port", "65536"], ["--port"]),
        (["sim", "--speed", "nan"], ["--speed"]),
        (["sim", "--speed", "0"], ["--speed"]),
        (["sim", "--balance", "1_0,5"], ["--balance", "1_0,5", "above 0"]),
        (["sim", "--balance", "1e400000000"], ["--balance"]),
        (["sim", "--balance", "NaN"], ["--balance", "NaN"]),
        (["sim", "--balance", "-1"], ["--balance", "-1"]),
        (["sim", "--order-latency-ms", "nan"], ["--order-latency-ms"]),
        (["status", "--url", "file:///etc/passwd"], ["file:///etc/passwd", "http://HOST:PORT"]),
        (["status", "--url", "http://u:p@127.0.0.1:1"], ["http://HOST:PORT"]),
        (["status", "--config", "nothing.toml"], ["nothing.toml"]),
        (["show-config", "--pairs", "x"], ["trading_pairs"]),
        *(([order], [f"vortex {order} BTCUSDT", f"vortex {order} --all"]) for order in ORDERS),
        *(([order, "BTCUSDT", "--all"], [f"vortex {order} BTCUSDT", f"vortex {order} --all"]) for order in ORDERS),
        (["halt", "BTCUSDT", "ETHUSDT"], ["ETHUSDT"]),
        (["halt", "--all", "--url", "http://u:p@127.0.0.1:1"], ["http://HOST:PORT"]),
    ],
    ids=lambda value: " ".join(value)[:40],
)
def test_misuse_is_one_line_and_2(vortex: Vortex, arguments: list[str], words: list[str]) -> None:
    ended = vortex(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert len(ended.err.splitlines()) == 1
    assert len(ended.err) < 600
    assert ended.err.startswith("vortex")
    assert [word for word in words if word not in ended.err] == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("VORTEX__CONTROL__HOST", "0.0.0.0"),  # noqa: S104  # what is refused
        ("VORTEX__CONTROL__PORT", "0x10"),
        ("VORTEX__CONTROL__PORT", "-0.5"),
        ("VORTEX__SIM__SPEED", "1e400"),
        ("VORTEX__SIM__SPEED", "1,5"),
        ("VORTEX__RISK__LEVERAGE_MAX", "126"),
        ("VORTEX__RISK__NOTHING", "1"),
        ("VORTEX__EXCHANGE__SIMULATOR_URL", "file:///x"),
        ("TESTNET", "flase"),
        ("TRADING_PAIRS", ""),
    ],
)
def test_a_bad_environment_is_one_line_and_2(vortex: Vortex, name: str, text: str) -> None:
    ended = vortex("start", **{name: text})
    assert (ended.code, ended.out) == (2, "")
    assert len(ended.err.splitlines()) == 1
    assert name in ended.err


def test_nobody_there_is_one_line_and_1(vortex: Vortex, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}"
    for command in (["status"], ["actors"], ["trades"], ["rejects"], *([order, "--all"] for order in ORDERS)):
        absent = vortex(*command, "--data-dir", tmp_path)
        assert absent == (1, "", f"vortex: no system is running with data directory {tmp_path}\n")
        ended = vortex(*command, "--url", url)
        assert (ended.code, ended.out, ended.err.startswith(f"vortex: {url}: nobody answers: ")) == (1, "", True)


def leave_run_info(folder: Path, url: str) -> None:
    """As a system does that was killed, and whose process id lives again."""
    claimed = DataDir.claim(Config(data_dir=str(folder)))
    run = RunInfo(pid=os.getpid(), mode="paper", control_url=url, sim_url=None, dashboard_url=None, started_ms=5)
    claimed.write_run(run)
    claimed._locks.close()


def test_what_a_killed_system_left_behind_is_one_line_and_1(vortex: Vortex, tmp_path: Path) -> None:
    leave_run_info(tmp_path, "http://127.0.0.1:1")
    ended = vortex("status", "--data-dir", tmp_path)
    assert (ended.code, ended.err.startswith("vortex: http://127.0.0.1:1: nobody answers: ")) == (1, True)
    with answering(200, b"<html>") as (url, _):
        leave_run_info(tmp_path, url)
        stranger = vortex("status", "--data-dir", tmp_path)
    assert stranger == (1, "", f"vortex: {url}: what answers there is no VORTEX-7\n")
    (tmp_path / "run.json").write_text("{", encoding="utf-8")
    damaged = vortex("status", "--data-dir", tmp_path)
    assert (damaged.code, damaged.out, "run.json: damaged" in damaged.err) == (1, "", True)


def test_the_token_comes_from_the_configuration(vortex: Vortex, api: Client, tmp_path: Path) -> None:
    refused = vortex("status", "--url", api.url)
    assert (refused.code, "HTTP 401" in refused.err) == (1, True)
    assert vortex("status", "--url", api.url, VORTEX__CONTROL__TOKEN="wrong").code == 1
    file = tmp_path / "x.toml"
    file.write_text('[control]\ntoken = "t0ken"', encoding="utf-8")
    assert vortex("status", "--url", api.url, "--config", file, VORTEX__CONTROL__TOKEN="t0ken").code == 0
    leave_run_info(tmp_path / "data", api.url)
    found = vortex("status", VORTEX__DATA_DIR=str(tmp_path / "data"))
    assert found.code == 0, found.err


def test_what_people_read_is_labelled_and_fits_a_terminal(vortex: Vortex, api: Client) -> None:
    shown = {command: vortex(command, "--url", api.url, VORTEX__CONTROL__TOKEN="t0ken") for command in (
        "status", "actors", "trades", "rejects"
    )}  # fmt: skip
    for ended in shown.values():
        assert (ended.code, ended.err) == (0, "")
        assert ended.out.splitlines()[0] == LABEL
        assert max(map(len, ended.out.splitlines())) <= 120
    for symbol in SYMBOLS:
        assert re.search(rf"^{symbol} +READY +flat +- +- +-", shown["status"].out, re.MULTILINE)
    assert re.search(r"symbol +E1 +E2 +E3 +E4 +E5 +depth20 +markPrice +user", shown["status"].out)
    assert "equity 9999.5 USDT" in shown["status"].out
    assert re.search(r"^root +READY +1 +0 .*\n  hot_store +READY", shown["actors"].out, re.MULTILINE)
    assert re.search(r"^  exchange +READY +1 +0 ", shown["actors"].out, re.MULTILINE)
    assert re.search(
        r"^01-15 08:00:00 +BTCUSDT +LONG +A +0\.001 +61809\.50 +- +OPEN", shown["trades"].out, re.MULTILINE
    )
    assert re.search(r"^01-15 08:00:00 +ETHUSDT +SHORT +B +RR_LOW +3 ", shown["rejects"].out, re.MULTILINE)


LONG = {"path": "root", "state": "READY", "generation": 1, "restarts": 0, "mailbox": 0, "dead_letters": 0,
        "last_error": "word " * 60 + "end"}  # fmt: skip


@pytest.mark.parametrize("width", [80, 200])
def test_every_table_fits_the_terminal_and_nothing_of_it_is_cut(vortex: Vortex, api: Client, width: int) -> None:
    told = {"VORTEX__CONTROL__TOKEN": "t0ken", "COLUMNS": str(width)}
    shown = {
        command: vortex(command, "--url", api.url, **told) for command in ("status", "actors", "trades", "rejects")
    }
    for command, ended in shown.items():
        lines = ended.out.splitlines()
        assert (ended.code, max(map(len, lines)) <= width) == (0, True), command
        assert lines[0] == LABEL
    for word in ("61809.50", "0.001", "opened UTC", "net USDT"):
        assert word in shown["trades"].out, word
    with answering(200, json.dumps([LONG]).encode(), x_vortex="x") as (url, _):
        lines = vortex("actors", "--url", url).out.splitlines()
    assert max(map(len, lines)) <= width
    assert re.sub(r"\s", "", str(LONG["last_error"])) in re.sub(r"\s", "", "".join(lines))


def test_why_and_stats_are_pages_under_the_label(vortex: Vortex, api: Client) -> None:
    token = {"VORTEX__CONTROL__TOKEN": "t0ken"}
    told = vortex("why", REJECTION.id, "--url", api.url, **token)
    assert told.out.splitlines()[:3] == [LABEL, f"reject {REJECTION.id}", "rejected: RR_LOW, 3 times"]
    assert json.loads(vortex("why", TRADE.id, "--url", api.url, "--json", **token).out)["kind"] == "trade"
    unknown = vortex("why", "a/b?c", "--url", api.url, **token)
    assert (unknown.code, "HTTP 404" in unknown.err) == (1, True)
    assert vortex("stats", "--url", api.url, **token).out.splitlines() == [LABEL, "no closed trade yet"]
    assert json.loads(vortex("stats", "--url", api.url, "--json", **token).out)["sources"] == []


@pytest.mark.parametrize("order", ORDERS)
def test_an_order_says_what_it_concerns(vortex: Vortex, api: Client, order: str) -> None:
    where = ("--url", api.url)
    one = vortex(order, "ETHUSDT", *where, VORTEX__CONTROL__TOKEN="t0ken")
    assert one == (0, f"{LABEL}\n{order}: ETHUSDT\n", "")
    assert vortex(order, "--all", *where) == (0, f"{LABEL}\n{order}: BTCUSDT, ETHUSDT\n", "")
    unknown = vortex(order, "SOLUSDT", *where)
    assert (unknown.code, unknown.out) == (1, "")
    assert unknown.err == f"vortex: {api.url}: HTTP 404: no symbol 'SOLUSDT' runs\n"


def test_actors_are_shown_as_a_tree(vortex: Vortex) -> None:
    """Also those that joined late."""
    row = {"state": "READY", "generation": 1, "restarts": 0, "mailbox": 0, "dead_letters": 0, "last_error": None}
    paths = ("root", "exchange", "BTCUSDT", "BTCUSDT/monitor", "ETHUSDT", "ETHUSDT/E1", "BTCUSDT/E1", "feed")
    body = json.dumps([{"path": path, **row} for path in paths]).encode()
    with answering(200, body, x_vortex="x") as (url, _):
        lines = vortex("actors", "--url", url).out.splitlines()[2:]
        assert json.loads(vortex("actors", "--url", url, "--json").out)[0]["path"] == "root"
    shown = [line.partition("READY")[0].rstrip() for line in lines]
    assert shown == [
        "root", "  exchange", "  BTCUSDT", "    monitor", "    E1", "  ETHUSDT", "    E1", "  feed",
    ]  # fmt: skip


def test_json_is_what_the_api_says(vortex: Vortex, api: Client) -> None:
    for command in ("actors", "trades", "rejects"):
        ended = vortex(command, "--url", api.url, "--json", VORTEX__CONTROL__TOKEN="t0ken")
        told, asked = json.loads(ended.out), api.get(f"/api/{command}", authorization="Bearer t0ken").body
        for row in (*told, *asked):
            row.pop("mailbox", None)  # a beat of the watchdog may just be in it
        assert told == asked
    status = json.loads(vortex("status", "--url", api.url, "--json").out)
    assert (status["mode"], status["profile"], status["market_source"]) == ("paper", "tiny profile", "nothing at all")
    trade = json.loads(vortex("trades", "--url", api.url, "--json").out)[0]
    assert (trade["mode"], trade["profile"], trade["market_source"]) == ("paper", "tiny profile", "nothing at all")
    assert trade["entry_price"] == "61809.50"


def test_a_gate_and_a_hostile_text_are_shown_as_text(vortex: Vortex) -> None:
    error = "[/bold] \x1b[2J two\nlines"
    row = {"path": "a", "state": "READY", "generation": 1, "restarts": 0, "mailbox": 0, "dead_letters": 0}
    with answering(200, json.dumps([{**row, "last_error": error}]).encode(), x_vortex="x") as (url, _):
        ended = vortex("actors", "--url", url)
    assert ended.code == 0
    assert "[/bold] ?[2J two?lines" in ended.out


def test_show_config_masks_secrets_and_names_origins(vortex: Vortex) -> None:
    variables = {"VORTEX__CONTROL__TOKEN": "canary-token", "VORTEX__CONTROL__PORT": "1234"}
    shown = vortex("show-config", "--pairs", "ETHUSDT", **variables)
    assert 'trading_pairs = ["ETHUSDT"]  # command line\n' in shown.out
    assert 'control.token = "***"  # environment VORTEX__CONTROL__TOKEN\n' in shown.out
    rows = {row["key"]: row for row in json.loads(vortex("show-config", "--json").out)}
    assert rows["control.port"] == {
        "key": "control.port", "value": 1234, "origin": "environment VORTEX__CONTROL__PORT"
    }  # fmt: skip
    assert "canary-token" not in shown.out + json.dumps(rows)


@pytest.mark.parametrize(
    ("arguments", "code", "heavy"),
    [
        (
            ["--help"],
            0,
            {"numpy", "msgspec", "loguru", "http.client", "ccxt", "supabase", "psycopg", "redis", "fastapi", "nicegui"},
        ),
        (["status", "--data-dir", "nothing"], 1, {"numpy", "rich"}),
    ],
)
def test_little_is_loaded_for_little(arguments: list[str], code: int, heavy: set[str]) -> None:
    ended = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-X", "importtime", "-m", "vortex", *arguments],
        cwd=REPOSITORY, env=environment(), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == code
    loaded = {line.rpartition("|")[2].strip() for line in ended.stderr.splitlines() if line.startswith("import time:")}
    assert "typer" in loaded
    never = {"ccxt", "fastapi", "uvicorn", "aiohttp", "picows", "pykka", "uvloop", "sqlite3"}
    assert loaded & (never | heavy) == set()


# --------------------------------------------------------------------------------------- whole processes: start


def start(*arguments: str, **variables: str) -> Ended:
    """Run `vortex start` to its end."""
    ended = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-m", "vortex", "start", *arguments],
        cwd=REPOSITORY, env=environment(**variables), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return Ended(ended.returncode, ended.stdout, ended.stderr)


@pytest.mark.e2e
def test_real_money_goes_to_the_real_market_or_nowhere(tmp_path: Path) -> None:
    file = tmp_path / "live.toml"
    limits = "max_notional_usdt = 1000\nmax_daily_loss_usdt = 50\nmax_trades_per_day = 5\n"
    file.write_text(f'mode = "live"\n[notify]\nnone = true\n[risk]\n{limits}', encoding="utf-8")
    keys = {"BINANCE_API_KEY": "canary-key", "BINANCE_SECRET_KEY": "canary-secret", "TESTNET": "false"}
    place = {"VORTEX__EXCHANGE__REST_URL": "https://127.0.0.1:1", "VORTEX__CONTROL__PORT": "0"}
    ended = start("--config", str(file), "--data-dir", str(tmp_path / "data"), **keys, **place)
    assert ended.code == 2
    assert len(ended.err.splitlines()) == 1
    assert "live mode must not connect to https://127.0.0.1" in ended.err


@pytest.mark.e2e
def test_a_signal_ends_a_start_that_hangs(tmp_path: Path) -> None:
    """The simulator's address takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(6 * TIMEOUT_S)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        env = environment(
            VORTEX__EXCHANGE__SIMULATOR_URL=url, VORTEX__DATA_DIR=str(tmp_path / "data"), VORTEX__CONTROL__PORT="0"
        )
        with subprocess.Popen(  # our own program
            [sys.executable, "-m", "vortex", "start"], cwd=REPOSITORY, env=env, stderr=subprocess.PIPE, text=True
        ) as process:
            connection, _ = silent.accept()
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=TIMEOUT_S)
            connection.close()
    assert (process.returncode, err) == (0, "")
