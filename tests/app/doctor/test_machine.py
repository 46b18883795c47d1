"""What the machine must offer: a directory of the right owner, room, and the locked package."""

from __future__ import annotations

import os
import shutil
from importlib.metadata import version
from pathlib import Path

import pytest

from vortex.app.data_dir import DataDir, RunInfo
from vortex.app.doctor import machine
from vortex.app.doctor.family import EXPECTED, Options, line
from vortex.app.preflight import Verdict
from vortex.config import Config
from vortex.config.sections import Account


def test_a_directory_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    place = tmp_path / "a" / "b"
    assert machine.data_dir(Config(data_dir=str(place))) == (Verdict.OK, f"{place} will be made")
    assert list(tmp_path.iterdir()) == []


def test_whose_it_is_and_who_runs_there(tmp_path: Path) -> None:
    config = Config(data_dir=str(tmp_path))
    claimed = DataDir.claim(config)
    verdict, words = machine.data_dir(config)
    assert (verdict, "mode paper, account main, writable" in words) == (Verdict.OK, True)
    claimed.write_run(
        RunInfo(pid=os.getpid(), mode="paper", control_url="", sim_url=None, dashboard_url=None, started_ms=1)
    )
    assert f"a system runs there, pid {os.getpid()}" in machine.data_dir(config)[1]
    claimed.release()
    other = line("x", lambda: machine.data_dir(Config(data_dir=str(tmp_path), account=Account(name="other"))))
    assert (other.verdict, "holds mode paper, account main" in other.detail) == (Verdict.FAILED, True)
    (tmp_path / "owner.json").write_text("{", encoding="utf-8")
    assert line("x", lambda: machine.data_dir(config)).verdict is Verdict.FAILED


def test_a_file_in_its_place_is_named(tmp_path: Path) -> None:
    place = tmp_path / "file"
    place.touch()
    assert machine.data_dir(Config(data_dir=str(place))) == (Verdict.FAILED, f"{place} is no directory")


@pytest.mark.parametrize(
    ("free", "verdict"), [(63, Verdict.FAILED), (64, Verdict.WARN), (1_023, Verdict.WARN), (1_024, Verdict.OK)]
)
def test_little_room_warns_and_too_little_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, verdict: Verdict
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=free * machine.MIB))
    found, words = machine.disk(tmp_path / "not there yet")
    assert found is verdict
    assert words.startswith(f"{free} MiB free")


def test_another_ccxt_than_the_locked_one_fails(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    assert machine.ccxt_version(lock)[0] is Verdict.NOT_CHECKED
    lock.write_text(f"aiohttp==1.0\nccxt=={version('ccxt')} \\\n    --hash=x\n", encoding="utf-8")
    assert machine.ccxt_version(lock)[0] is Verdict.OK
    lock.write_text("ccxt==1.2.3 \\\n", encoding="utf-8")
    verdict, words = machine.ccxt_version(lock)
    assert (verdict, "the lock says 1.2.3" in words) == (Verdict.FAILED, True)


def test_the_kernel_is_asked_and_answers_something() -> None:
    verdict, words = machine.time_kept()
    assert verdict in (Verdict.OK, Verdict.WARN, Verdict.NOT_CHECKED)
    assert words


def test_every_line_has_its_name(tmp_path: Path) -> None:
    names = [check.name for check in machine.look(Config(data_dir=str(tmp_path)), Options())]
    assert names == ["data directory", "disk space", "time synchronisation", "ccxt"]
    assert OSError in EXPECTED
