"""A log that cannot be written disturbs nothing, and one that is taken away is there again."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.kit.ledger import agree_with_ledger, protected_in_time
from tests.kit.processes import engine, eventually, get, simulator

pytestmark = pytest.mark.e2e

SYMBOL, SPEED = "BTCUSDT", "4"
QUICK = {
    "TRADING_PAIRS": SYMBOL,
    "VORTEX__LOG__LEVEL": "DEBUG",
    "VORTEX__RISK__A__MAX_HOLD_S": "10",
    "VORTEX__RISK__B__MAX_HOLD_S": "10",
}


@contextmanager
def a_file_in_its_place(folder: Path) -> Iterator[None]:
    folder.write_bytes(b"no folder")
    yield


@contextmanager
def nobody_may_write(folder: Path) -> Iterator[None]:
    folder.mkdir(mode=0o500)
    yield


@contextmanager
def a_disk_of_8_kib(folder: Path) -> Iterator[None]:
    folder.mkdir()
    mount = [shutil.which("mount") or "mount", "-t", "tmpfs", "-o", "size=8k,mode=0777", "none", str(folder)]
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False)  # noqa: S603  # a disk of our own
    if mounted.returncode:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip()}")
    try:
        yield
        assert sum(path.stat().st_size for path in folder.iterdir()) > 4_000  # it was written to until it was full
    finally:
        subprocess.run([shutil.which("umount") or "umount", str(folder)], check=True)  # noqa: S603  # the same


@pytest.mark.parametrize(
    "trouble",
    [
        *(pytest.param(each, marks=pytest.mark.chaos) for each in (a_file_in_its_place, nobody_may_write)),
        a_disk_of_8_kib,
    ],
)
def test_a_log_that_cannot_be_written_disturbs_nothing(tmp_path: Path, trouble: object) -> None:
    assert callable(trouble)
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    with trouble(data_dir / "logs"), simulator("--speed", SPEED) as sim_url:
        with engine(data_dir, VORTEX__EXCHANGE__SIMULATOR_URL=sim_url, **QUICK) as running:
            running.wait_ready()
            closed = eventually(
                lambda: [row for row in running.api("/api/trades") if row["status"] == "CLOSED"], 90, "a closed trade"
            )
            assert [row["path"] for row in running.api("/api/actors") if row["last_error"] or row["restarts"]] == []
            assert running.stop() == 0
        ledger = get(f"{sim_url}/sim/v1/ledger")
        protected_in_time(sim_url, SYMBOL)
    agree_with_ledger(closed[0], ledger)
    said = [line for line in running.log.read_text().splitlines() if "cannot be written" in line]
    assert len(said) == 1
    assert str(data_dir / "logs") in said[0]


def test_log_files_carry_the_label_and_come_back_after_logrotate(tmp_path: Path) -> None:
    path = tmp_path / "data" / "logs" / "vortex.jsonl"
    with engine(tmp_path / "data", **QUICK) as running:
        running.wait_ready()
        first = [json.loads(line) for line in path.read_text().splitlines()]
        label = "PAPER · demo profile · recording of 2024-08-08"
        assert first[0]["message"] == label
        assert first[1]["message"].startswith(f"{label}: {SYMBOL}")
        assert f"{label}: {SYMBOL}" in running.log.read_text()
        path.rename(path.with_name("moved"))
        eventually(path.exists, 60, "a new file")
        eventually(lambda: len(path.read_text().splitlines()) > 1, 60, "lines in it")
        assert json.loads(path.read_text().splitlines()[0])["message"] == label
        assert running.stop() == 0
