"""`vortex doctor` and `vortex init`: exit codes, what is printed, and that what is written loads."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.kit import Vortex, command_line
from tests.kit.processes import simulator
from vortex.app.starter import CONFIG, ENV, IGNORE

KEYS = {"BINANCE_API_KEY": "canary-key", "BINANCE_SECRET_KEY": "canary-secret"}


@pytest.fixture
def vortex(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Vortex]:
    """In an empty folder."""
    with command_line(tmp_path, monkeypatch, capsys) as run:
        yield run


@pytest.mark.parametrize(
    ("mode", "variables"),
    [("paper", {}), ("testnet", KEYS), ("live", KEYS), ("live", {**KEYS, "TESTNET": "false"})],
)
def test_what_init_writes_loads(vortex: Vortex, mode: str, variables: dict[str, str]) -> None:
    made = vortex("init", "--mode", mode, "--pairs", "SOLUSDT,BTCUSDT")
    assert (made.code, made.err) == (0, "")
    assert made.out.splitlines()[:3] == [f"wrote {name}" for name in (CONFIG, ENV, IGNORE)]
    assert made.out.splitlines()[3].endswith(f"vortex start --config {CONFIG}")
    shown = vortex("show-config", "--config", CONFIG, "--json", **variables)
    assert shown.code == 0, shown.err
    rows = {row["key"]: row["value"] for row in json.loads(shown.out)}
    real = variables.get("TESTNET") == "false"
    assert rows["mode"] == (mode if mode != "live" or real else "testnet"), "play money until .env says otherwise"
    assert (rows["trading_pairs"], rows["data_dir"]) == (["SOLUSDT", "BTCUSDT"], f"var/{mode}")


def test_live_without_keys_says_which(vortex: Vortex) -> None:
    assert vortex("init", "--mode", "live").code == 0
    ended = vortex("show-config", "--config", CONFIG)
    assert (ended.code, "BINANCE_API_KEY, BINANCE_SECRET_KEY" in ended.err) == (2, True)


def test_the_env_is_nobody_else_s_and_not_for_git(vortex: Vortex, tmp_path: Path) -> None:
    (tmp_path / IGNORE).write_text("*.pyc", encoding="utf-8")
    assert vortex("init").code == 0
    assert stat.S_IMODE((tmp_path / ENV).stat().st_mode) == 0o600
    assert (tmp_path / IGNORE).read_text(encoding="utf-8") == "*.pyc\n.env\nvar/\n"
    other = vortex("init", "deeper/down")
    assert other.code == 0
    assert (tmp_path / "deeper" / "down" / CONFIG).exists()
    assert "cd deeper/down && vortex doctor" in other.out


@pytest.mark.parametrize("name", [CONFIG, ENV])
def test_nothing_is_overwritten(vortex: Vortex, tmp_path: Path, name: str) -> None:
    (tmp_path / name).symlink_to(tmp_path / "nowhere")
    ended = vortex("init")
    assert (ended.code, ended.out, len(ended.err.splitlines())) == (1, "", 1)
    assert f"{name} is there already" in ended.err
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--mode", "real"], ["--mode", "paper"]),
        (["--pairs", "btcusdt"], ["trading_pairs", '"btcusdt"']),
        (["--pairs", ""], ["trading_pairs"]),
        (["a", "b"], ["b"]),
    ],
)
def test_misuse_writes_nothing(vortex: Vortex, tmp_path: Path, arguments: list[str], words: list[str]) -> None:
    ended = vortex("init", *arguments)
    assert (ended.code, ended.out, len(ended.err.splitlines())) == (2, "", 1)
    assert [word for word in words if word not in ended.err] == []
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file_is_one_line_and_1(vortex: Vortex, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = vortex("init", "file")
    assert (ended.code, len(ended.err.splitlines()), "file" in ended.err) == (1, 1, True)


def test_doctor_is_a_line_a_check_and_1_when_one_fails(vortex: Vortex) -> None:
    assert vortex("init").code == 0
    with simulator() as url:
        there = {"VORTEX__EXCHANGE__SIMULATOR_URL": url}
        told = vortex("doctor", "--config", CONFIG, **there)
        assert (told.code, told.err) == (0, "")
        rows = json.loads(vortex("doctor", "--config", CONFIG, "--json").out)
    assert len(told.out.splitlines()) == len(rows)
    assert {"ok", "not checked"} <= {row["outcome"] for row in rows}
    for text, row in zip(told.out.splitlines(), rows, strict=True):
        assert f"  {row['name']}: " in text
    gone = vortex("doctor", "--config", CONFIG)
    assert (gone.code, gone.err) == (1, f"vortex: 1 of {len(rows)} checks failed: exchange\n")
    assert "FAILED       exchange: " in gone.out


def test_doctor_of_a_broken_configuration_says_so_and_looks_at_nothing(vortex: Vortex) -> None:
    ended = vortex("doctor", "--config", "no.toml", "--json")
    first, *others = json.loads(ended.out)
    assert (ended.code, first["outcome"], "no.toml" in first["text"]) == (1, "FAILED", True)
    assert {row["outcome"] for row in others} == {"not checked"}
