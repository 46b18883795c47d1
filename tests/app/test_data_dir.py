"""One data directory: one mode, one account, one process."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import msgspec
import pytest
from msgspec import structs

from vortex.app.data_dir import AlreadyRunningError, DataDir, RunInfo, read_run
from vortex.config import Config, ConfigError, Secret
from vortex.config.sections import Account, Exchange, Mode

HOLDER = """
import sys
from vortex.app.data_dir import DataDir
from vortex.config import load
claimed = DataDir.claim(load([], {"VORTEX__DATA_DIR": sys.argv[1]}).config)
print("claimed", flush=True)
sys.stdin.read()
"""
RUN = RunInfo(
    pid=os.getpid(), mode="paper", control_url="http://127.0.0.1:1", sim_url=None, dashboard_url=None, started_ms=5
)


KEY = f"k{os.getpid()}"
"""Nobody else's on this machine: one key trades in one process of it."""


def config(path: Path, mode: Mode = "paper", account: str = "main", key: str = KEY) -> Config:
    return Config(mode=mode, data_dir=str(path), account=Account(name=account), exchange=Exchange(api_key=Secret(key)))


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def holder(path: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HOLDER, str(path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603  # ours
    assert opened(process.stdout).readline() == "claimed\n"
    return process


def opened(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


def test_a_claimed_directory_is_made_with_its_parents(tmp_path: Path) -> None:
    claimed = DataDir.claim(config(tmp_path / "a" / "b"))
    assert claimed.journal.parent == claimed.ledger.parent == tmp_path / "a" / "b"
    assert claimed.path.is_dir()
    claimed.release()


def test_a_second_process_is_refused_with_the_pid_of_the_first(tmp_path: Path) -> None:
    with holder(tmp_path / "d") as first:
        with pytest.raises(AlreadyRunningError, match=rf"pid {first.pid}$"):
            DataDir.claim(config(tmp_path / "d"))
        opened(first.stdin).close()
    DataDir.claim(config(tmp_path / "d")).release()


def test_a_killed_process_leaves_the_directory_free(tmp_path: Path) -> None:
    with holder(tmp_path / "d") as first:
        os.kill(first.pid, signal.SIGKILL)
        first.wait(10)
        DataDir.claim(config(tmp_path / "d")).release()
        opened(first.stdin).close()


def test_a_child_of_the_owner_does_not_keep_the_lock(tmp_path: Path) -> None:
    claimed = DataDir.claim(config(tmp_path / "d"))
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, text=True) as child:
        claimed.release()
        DataDir.claim(config(tmp_path / "d")).release()
        child.communicate("\n")


def test_it_is_free_again_also_where_nothing_can_be_deleted_any_more(tmp_path: Path) -> None:
    claimed = DataDir.claim(config(tmp_path / "d"))
    (claimed.path / "run.json").mkdir()  # cannot be unlinked, whoever tries
    claimed.release()
    (claimed.path / "run.json").rmdir()
    DataDir.claim(config(tmp_path / "d")).release()


@pytest.mark.parametrize("other", [{"mode": "testnet"}, {"account": "b"}])
def test_the_directory_stays_with_its_mode_and_account(tmp_path: Path, other: Mapping[str, str]) -> None:
    DataDir.claim(config(tmp_path / "d")).release()
    DataDir.claim(config(tmp_path / "d")).release()
    wanted: dict[str, str] = {"mode": "paper", "account": "main", **other}
    mode: Mode = "testnet" if wanted["mode"] == "testnet" else "paper"
    with pytest.raises(ConfigError, match="holds mode paper, account main: expected another directory"):
        DataDir.claim(config(tmp_path / "d", mode, wanted["account"]))


def test_a_wrong_owner_is_a_configuration_error_even_while_it_runs(tmp_path: Path) -> None:
    claimed = DataDir.claim(config(tmp_path / "d"))
    with pytest.raises(ConfigError, match="holds mode paper"):
        DataDir.claim(config(tmp_path / "d", account="b"))
    claimed.release()


def test_one_api_key_trades_in_one_process_of_a_machine(tmp_path: Path) -> None:
    first = DataDir.claim(config(tmp_path / "a", "testnet"))
    with pytest.raises(AlreadyRunningError, match="account of this API key"):
        DataDir.claim(config(tmp_path / "b", "testnet"))
    DataDir.claim(config(tmp_path / "c", "testnet", key=f"another{KEY}")).release()
    first.release()
    DataDir.claim(config(tmp_path / "b", "testnet")).release()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps names without a file")
def test_a_folder_of_temporary_files_of_its_own_hides_no_rival(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = DataDir.claim(config(tmp_path / "a", "testnet"))
    (private := tmp_path / "private").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(private))  # as systemd's PrivateTmp= gives it to a service
    with pytest.raises(AlreadyRunningError, match="account of this API key: already in use by another process"):
        DataDir.claim(config(tmp_path / "b", "testnet"))
    first.release()
    DataDir.claim(config(tmp_path / "b", "testnet")).release()


def test_a_lock_of_the_api_key_that_cannot_be_used_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    with pytest.raises(ConfigError, match=r"^the account of this API key: the lock .*/gone/vortex-\w{16}\.lock cannot"):
        DataDir.claim(config(tmp_path / "a", "testnet"))
    DataDir.claim(config(tmp_path / "a")).release()  # nothing is left behind, not even an owner


def test_two_paper_systems_need_only_two_directories(tmp_path: Path) -> None:
    first, second = DataDir.claim(config(tmp_path / "a")), DataDir.claim(config(tmp_path / "b"))
    first.release()
    second.release()


def test_an_unusable_directory_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"data_dir = .*file.*: cannot be used: File exists"):
        DataDir.claim(config(tmp_path / "file"))


def test_a_damaged_owner_mark_is_named(tmp_path: Path) -> None:
    DataDir.claim(config(tmp_path)).release()
    (tmp_path / "owner.json").write_text("{", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"owner\.json: damaged"):
        DataDir.claim(config(tmp_path))


def test_run_info_is_there_while_the_system_runs(tmp_path: Path) -> None:
    assert read_run(tmp_path) is None
    claimed = DataDir.claim(config(tmp_path))
    claimed.write_run(RUN)
    assert read_run(tmp_path) == RUN
    assert (tmp_path / "run.json").read_bytes().startswith(b'{"pid":')
    claimed.release()
    assert read_run(tmp_path) is None


def test_run_info_of_a_killed_process_is_not_taken_for_that_of_one_that_starts(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_bytes(msgspec.json.encode(RUN))  # in a container the next one has the same pid
    claimed = DataDir.claim(config(tmp_path))
    assert read_run(tmp_path) is None
    claimed.release()


@pytest.mark.parametrize("damaged", [b"{", b'{"mode":"\xff"}'])
def test_a_damaged_run_file_costs_the_pages_address_alone(tmp_path: Path, damaged: bytes) -> None:
    claimed = DataDir.claim(config(tmp_path))
    (tmp_path / "run.json").write_bytes(damaged)
    claimed.show_dashboard("http://127.0.0.1:1")
    assert (tmp_path / "run.json").read_bytes() == damaged
    claimed.release()


def test_run_info_of_a_process_that_died_counts_as_none(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        pass
    claimed = DataDir.claim(config(tmp_path))
    claimed.write_run(structs.replace(RUN, pid=gone.pid))
    assert read_run(tmp_path) is None
    claimed.release()
