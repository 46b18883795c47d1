"""`-f`, CSV and completion, as real processes on a real API."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec import structs

from tests.app.kit import LABEL, Client, replies, running, served
from tests.cli.test_command_line import REJECTION, TRADE
from tests.kit.processes import REPOSITORY, environment
from vortex.adapters.sqlite.cold_store import SqliteColdStore
from vortex.cli.asking import progress
from vortex.cli.sheets import TRADE_COLUMNS
from vortex.domain.trade import TradeRow, TradeStatus

SOON_S = 30.0


class Ledger:
    """A running system and what is written into its ledger meanwhile."""

    def __init__(self, client: Client, store: SqliteColdStore) -> None:
        self.client = client
        self._store = store

    def write(self, *rows: TradeRow) -> None:
        self._store.write_trades(rows)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with running(replies()) as tiny, served(tmp_path, tiny) as client:
        store = SqliteColdStore.open(tmp_path / "vortex.db")
        store.write_trades([TRADE])
        store.write_rejections([REJECTION])
        yield Ledger(client, store)
        store.close()


@contextmanager
def vortex(ledger: Ledger, *arguments: str, stdout: int = subprocess.PIPE) -> Iterator[subprocess.Popen[str]]:
    """A command about this system that goes on."""
    with subprocess.Popen(  # noqa: S603  # our own program
        [sys.executable, "-m", "vortex", *arguments, "--url", ledger.client.url],
        cwd=REPOSITORY, env=environment(), stdout=stdout, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


def interrupted(process: subprocess.Popen[str]) -> str:
    """Ctrl-C ends it with 0 and no word; what it still said."""
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=SOON_S)
    assert (process.returncode, err) == (0, "")
    return out or ""


def told(process: subprocess.Popen[str], lines: int) -> list[str]:
    assert process.stdout is not None
    return [process.stdout.readline().rstrip("\n") for _ in range(lines)]


CLOSED = structs.replace(TRADE, status=TradeStatus.CLOSED, revision=2)
NEXT = structs.replace(TRADE, id="t-2", symbol="ETHUSDT", opened_at=TRADE.opened_at + 1)


@pytest.mark.parametrize("form", [(), ("--json",), ("--csv",)])
def test_rows_are_added_as_they_come(ledger: Ledger, form: Sequence[str]) -> None:
    with vortex(ledger, "trades", "-f", *form) as process:
        head = told(process, {(): 3, ("--json",): 1, ("--csv",): 2}[tuple(form)])
        assert "OPEN" in head[-1]
        ledger.write(CLOSED)
        (closed,) = told(process, 1)
        assert "CLOSED" in closed
        ledger.write(NEXT)
        (opened,) = told(process, 1)
        assert "ETHUSDT" in opened
        assert interrupted(process).strip() == ""
    if not form:
        assert head[0] == LABEL


def test_pages_for_a_reader_follow_each_other(ledger: Ledger) -> None:
    with vortex(ledger, "actors", "BTCUSDT", "-f") as process:
        for _ in range(2):
            first, heads, actor = told(process, 3)
            assert first.startswith(f"{LABEL}  ")
            assert (heads.split()[0], actor.split()[0]) == ("actor", "BTCUSDT")
        interrupted(process)
    with vortex(ledger, "status", "-f", "--json") as process:
        assert [json.loads(line)["mode"] for line in told(process, 2)] == ["paper", "paper"]
        interrupted(process)
    with vortex(ledger, "stats", "-f") as process:
        assert told(process, 1)[0].startswith(f"{LABEL}  ")
        interrupted(process)


def test_pages_on_a_terminal_replace_each_other(ledger: Ledger) -> None:
    ours, theirs = pty.openpty()
    with vortex(ledger, "status", "-f", stdout=theirs) as process:
        seen = b""
        while seen.count(b"\x1b[H\x1b[2J") < 2:
            seen += os.read(ours, 4_096)
        process.send_signal(signal.SIGINT)
        assert process.wait(SOON_S) == 0
    os.close(ours)
    os.close(theirs)
    assert LABEL.encode() in seen


def test_a_reader_that_has_enough_is_a_good_end(ledger: Ledger) -> None:
    with vortex(ledger, "trades", "-f") as process:
        told(process, 3)
        assert process.stdout is not None
        process.stdout.close()
        ledger.write(NEXT)
        assert process.wait(SOON_S) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def run(*arguments: str, **variables: str) -> str:
    ended = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-m", "vortex", *arguments], cwd=REPOSITORY, env=environment(**variables),
        capture_output=True, check=True, timeout=SOON_S,
    )  # fmt: skip
    return ended.stdout.decode()


def test_csv_is_after_rfc_4180_and_every_row_says_what_run_it_is_of(ledger: Ledger) -> None:
    hostile = structs.replace(NEXT, market_source='a "quoted", source\r\nof two lines')
    ledger.write(hostile)
    text = run("trades", "--csv", "--url", ledger.client.url)
    assert text.endswith("\r\n")
    newest, oldest = csv.DictReader(io.StringIO(text, newline=""))
    assert tuple(newest) == TRADE_COLUMNS
    assert (newest["market_source"], newest["exit_price"]) == (hostile.market_source, "")
    assert (oldest["label"], oldest["simulated"], oldest["mode"]) == (LABEL, "true", "paper")
    assert oldest["entry_price"] == "61809.50"
    assert set(TradeRow.__struct_fields__) < set(TRADE_COLUMNS)


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("vortex pause ", ["BTCUSDT", "ETHUSDT"]),
        ("vortex why E", ["ETHUSDT"]),
        ("vortex actors BTC", ["BTCUSDT"]),
        ("vortex actors ex", ["exchange"]),
    ],
)
def test_the_shell_completes_what_runs(ledger: Ledger, words: str, offered: list[str]) -> None:
    command, argument = words.rsplit(" ", 1)
    words = f"{command} --url {ledger.client.url} {argument}"
    shown = run(_VORTEX_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=str(len(words.split(" ")) - 1))
    assert shown.split() == offered


def test_without_a_system_the_shell_completes_what_is_configured(tmp_path: Path) -> None:
    words = f"vortex halt --data-dir {tmp_path} "
    shown = run(_VORTEX_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD="4", TRADING_PAIRS="SOLUSDT,XRPUSDT")
    assert shown.split() == ["SOLUSDT", "XRPUSDT"]
    broken = run(_VORTEX_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD="4", TRADING_PAIRS=";")
    assert broken.strip() == ""


def test_a_terminal_is_told_how_far_long_work_is_and_nobody_else(capfd: pytest.CaptureFixture[str]) -> None:
    progress("nothing")
    assert capfd.readouterr().err == ""
    ours, theirs = pty.openpty()
    command = "from vortex.cli.asking import progress; progress('1 of 2'); progress('')"
    with subprocess.Popen([sys.executable, "-c", command], cwd=REPOSITORY, stderr=theirs) as process:  # noqa: S603  # our own program
        assert process.wait(SOON_S) == 0
    seen = os.read(ours, 4_096)
    os.close(ours)
    os.close(theirs)
    assert seen == b"\r\x1b[K1 of 2\r\x1b[K"
