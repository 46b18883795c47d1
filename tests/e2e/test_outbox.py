"""A running system whose ledger takes nothing: rows wait, are listed, and arrive after the next start."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.kit.processes import REPOSITORY, engine, environment, eventually, simulator

pytestmark = pytest.mark.e2e


@contextmanager
def locked(ledger: Path) -> Iterator[None]:
    """Somebody else writes the ledger for the length of the block, and does not come to an end."""
    with closing(sqlite3.connect(ledger, isolation_level=None)) as other:
        other.execute("begin immediate")
        yield
        other.execute("rollback")


def listed(data_dir: Path) -> Any:
    """What `vortex outbox list --json` says."""
    command = [sys.executable, "-m", "vortex", "outbox", "list", "--json", "--data-dir", str(data_dir)]
    done = subprocess.run(command, cwd=REPOSITORY, env=environment(), capture_output=True, check=True)  # noqa: S603  # ours
    return json.loads(done.stdout)


def test_rows_outlive_a_stop_while_the_ledger_takes_none(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with simulator("--speed", "4") as sim_url:
        with engine(data_dir, VORTEX__EXCHANGE__SIMULATOR_URL=sim_url) as first:
            first.wait_ready()
            with locked(data_dir / "vortex.db"):
                eventually(lambda: first.api("/api/status")["outbox"]["pending"] > 0, 60, "a row waits")
                generation = first.actor("storage")["generation"]
                waiting = listed(data_dir)
                assert waiting["pending"] > 0
                assert waiting["rows"][0]["error"] is None
                assert first.actor("storage")["generation"] == generation == 1
                first.stops_in_time()
            pending = listed(data_dir)["pending"]
            assert pending > 0
            line = f"{pending} rows wait for" if pending > 1 else "1 row waits for"
            assert line in first.log.read_text()
            assert "on the next start" in first.log.read_text()
        with engine(data_dir, VORTEX__EXCHANGE__SIMULATOR_URL=sim_url) as second:
            second.wait_ready()
            eventually(lambda: second.api("/api/status")["outbox"]["pending"] == 0, 60, "all rows have arrived")
            known = {
                row["id"] for row in (*second.api("/api/trades?limit=1000"), *second.api("/api/rejects?limit=1000"))
            }
            assert {row["id"] for row in waiting["rows"]} <= known
            assert second.stop() == 0
