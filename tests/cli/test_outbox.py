"""`vortex outbox`: what waits, what was set aside, what a person can do about it, beside a running system or not."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.adapters.sqlite.rows import closed, rejection, trade
from tests.kit.fickle_store import FickleStore
from vortex.adapters.sqlite.cold_store import SqliteColdStore
from vortex.adapters.sqlite.outbox import SqliteOutbox, open_delivery
from vortex.app.data_dir import DataDir, RunInfo
from vortex.cli.app import app
from vortex.cli.tables import _rows
from vortex.config import Config

NOW = 1_723_075_200_000
Outbox = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two rows were set aside, a third one waits."""
    DataDir.claim(Config(data_dir=str(tmp_path))).release()
    journal = tmp_path / "journal.db"
    with (
        closing(SqliteOutbox(journal, lambda: NOW)) as outbox,
        closing(FickleStore(SqliteColdStore.open(tmp_path / "vortex.db"), Random(1))) as store,
        closing(open_delivery(journal, store)) as delivery,
    ):
        store.poison = lambda _row: True
        for row in (closed(), rejection()):
            outbox.append(row)
            delivery.step()
        outbox.append(trade(id="t2"))
    return tmp_path


@pytest.fixture
def outbox(folder: Path) -> Outbox:
    def run(*arguments: str, answer: str = "") -> Result:
        return CliRunner().invoke(app, ["outbox", *arguments, "--data-dir", str(folder)], input=answer)

    return run


def status(folder: Path) -> tuple[int, int]:
    with closing(SqliteOutbox(folder / "journal.db", lambda: NOW)) as outbox:
        found = outbox.status()
    return found.pending, found.parked


def listed(outbox: Outbox) -> Any:
    return json.loads(outbox("list", "--json").stdout)


def test_list_shows_what_was_set_aside_and_why_then_what_waits(outbox: Outbox) -> None:
    result = outbox("list")
    assert result.exit_code == 0
    label, counts, _, *rows = result.stdout.splitlines()
    assert label == "PAPER · account main · not running"
    assert counts == "1 rows wait for the ledger, 2 were set aside"
    assert [row.split()[2:4] for row in rows] == [
        ["trade_logs", "t1"],
        ["trade_logs", "t2"],
        ["rejected_signals", "r1"],
    ]
    assert "a check is violated by t1" in rows[0]
    assert rows[1].split()[-1] == "-"


def test_list_for_other_programs_has_the_whole_rows(outbox: Outbox) -> None:
    found = listed(outbox)
    assert (found["pending"], found["parked"]) == (1, 2)
    first = found["rows"][0]
    assert first["id"] == "t1"
    assert first["table"] == "trade_logs"
    assert first["created_ms"] == NOW
    assert first["error"] == "a check is violated by t1"
    assert first["row"]["exit_price"] == "60253.8"


def test_the_status_page_says_what_does_not_get_there() -> None:
    quiet: dict[str, Any] = {"pending": 0, "parked": 0, "paused": None, "dropped_rejections": 0}
    assert _rows(quiet) == "0 rows wait for the ledger"
    assert _rows({**quiet, "pending": 7, "parked": 2, "paused": "no table", "dropped_rejections": 30}) == (
        "7 rows wait for the ledger, 2 SET ASIDE: vortex outbox list, 30 rejections given up, PAUSED: no table"
    )
    assert _rows(dict.fromkeys(quiet)) == "- rows wait for the ledger"


def test_what_is_retried_waits_again(outbox: Outbox, folder: Path) -> None:
    result = outbox("retry", "t1")
    assert result.stdout.splitlines()[-1] == "1 row will be handed over again"
    assert status(folder) == (2, 1)
    assert outbox("retry", "--all").stdout.splitlines()[-1] == "1 row will be handed over again"
    assert status(folder) == (3, 0)
    assert outbox("retry", "--all").stdout.splitlines()[-1] == "0 rows will be handed over again"


def test_what_is_dropped_is_gone_once_a_person_said_so(outbox: Outbox, folder: Path) -> None:
    refused = outbox("drop", "t1", answer="n\n")
    assert refused.exit_code == 1
    assert status(folder) == (1, 2)
    assert outbox("drop", "t1", answer="y\n").exit_code == 0
    assert status(folder) == (1, 1)
    assert outbox("drop", "--all", "--yes").exit_code == 0
    assert status(folder) == (1, 0)
    assert [row["id"] for row in listed(outbox)["rows"]] == ["t2"]


@pytest.mark.parametrize("action", ["retry", "drop"])
def test_a_row_that_was_not_set_aside_is_named(outbox: Outbox, folder: Path, action: str) -> None:
    for row_id in ("t2", "nothing"):  # the first one waits
        result = outbox(action, row_id, *(["--yes"] if action == "drop" else []))
        assert result.exit_code == 1
        assert result.stderr == f"vortex: no row {row_id!r} was set aside\n"
    assert status(folder) == (1, 2)


@pytest.mark.parametrize("arguments", [("retry",), ("drop",), ("retry", "t1", "--all"), ("drop", "t1", "--all")])
def test_either_a_row_or_all(outbox: Outbox, arguments: tuple[str, ...]) -> None:
    result = outbox(*arguments)
    assert result.exit_code == 2
    assert "either the id of a row or --all" in " ".join(result.stderr.replace("│", " ").split())


def test_it_works_beside_a_running_system(outbox: Outbox, folder: Path) -> None:
    config = Config(data_dir=str(folder))
    claimed = DataDir.claim(config)
    claimed.write_run(
        RunInfo(pid=1, mode="paper", control_url="http://127.0.0.1:1", sim_url=None, dashboard_url=None, started_ms=NOW)
    )
    with closing(SqliteOutbox(folder / "journal.db", lambda: NOW)):
        result = outbox("retry", "--all")
    claimed.release()
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == "PAPER · account main · running as pid 1"


def test_where_nothing_ever_ran_there_is_nothing(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["outbox", "list", "--data-dir", str(tmp_path)])
    assert result.exit_code == 1
    assert result.stderr == (
        f"vortex: {tmp_path / 'journal.db'}: not there: no system has run with this data directory\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_none_of_ours_is_named(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(b"no database at all" * 100)
    result = CliRunner().invoke(app, ["outbox", "list", "--data-dir", str(tmp_path)])
    assert result.exit_code == 1
    assert "journal.db: damaged" in result.stderr
