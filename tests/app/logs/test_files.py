"""Log files: private, rotated, compressed, found again when somebody moves them, and never in the way."""

from __future__ import annotations

import errno
import gzip
import json
import os
import resource
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from loguru import logger

from vortex.app.logs import files as module
from vortex.app.logs.files import NAME, LogFiles
from vortex.app.logs.sinks import FileSink, as_line
from vortex.config import Config, Secret
from vortex.config.sections import Control, Log

LABEL = "PAPER · demo profile · recording"
HEAD = as_line(LABEL)
LINE = "x" * 1023 + "\n"


@pytest.fixture
def files(tmp_path: Path) -> Iterator[LogFiles]:
    made = LogFiles(tmp_path / "logs", Log(rotate_mib=1, keep=3), HEAD)
    yield made
    made.close()


def fill(files: LogFiles, mib: float) -> None:
    for _ in range(int(mib * 1024)):
        files.write(LINE)


def tidied(files: LogFiles) -> None:
    while files._untidy:
        files.tidy()


def names(files: LogFiles) -> list[str]:
    return sorted(path.name for path in files.folder.iterdir())


def text(files: LogFiles) -> str:
    return (files.folder / NAME).read_text(encoding="utf-8")


def test_every_file_is_private_and_says_which_run_it_is(files: LogFiles) -> None:
    fill(files, 2.5)
    tidied(files)
    assert names(files) == [NAME, f"{NAME}.1.gz", f"{NAME}.2.gz"]
    for path in files.folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        found = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        assert json.loads(found.splitlines()[0])["message"] == LABEL
        assert len(found) <= module.MIB
    assert stat.S_IMODE(files.folder.stat().st_mode) == 0o700


def test_the_oldest_go(files: LogFiles) -> None:
    fill(files, 7)
    tidied(files)
    assert names(files) == [NAME, *(f"{NAME}.{number}.gz" for number in (5, 6, 7))]
    assert files.lost == 0


def test_a_new_run_goes_on_in_the_same_file(tmp_path: Path) -> None:
    for number in range(2):
        files = LogFiles(tmp_path, Log(), HEAD)
        files.write(f"run {number}\n")
        files.close()
    assert (tmp_path / NAME).read_text(encoding="utf-8") == f"{HEAD}run 0\nrun 1\n"


def test_compressing_takes_small_steps(files: LogFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", 64 * 1024)
    fill(files, 1.1)
    steps = 0
    while files._untidy:
        files.tidy()
        steps += 1
    assert steps >= 16


@pytest.mark.parametrize("how", ["unlink", "rename"])
def test_a_file_that_was_deleted_or_moved_is_opened_anew(
    files: LogFiles, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(module, "CHECK_EVERY_NS", 0)
    files.write("before\n")
    path = files.folder / NAME
    if how == "unlink":
        path.unlink()
    else:
        path.rename(files.folder / "moved-by-logrotate")
    files.write("after\n")
    assert text(files) == f"{HEAD}after\n"


def test_a_folder_that_was_deleted_is_made_anew(files: LogFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHECK_EVERY_NS", 0)
    files.write("before\n")
    (files.folder / NAME).unlink()
    files.folder.rmdir()
    files.write("after\n")
    assert text(files) == f"{HEAD}after\n"


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """No file of this process may become larger: what a full disk is to a writer."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_costs_lines_and_nothing_else(
    files: LogFiles, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "CHECK_EVERY_NS", 0)
    files.write("before\n")
    with full_disk(files._size + 100):
        for _ in range(50):
            files.write(LINE)
        assert files.lost == 50
    files.write("after\n")
    assert files.lost == 0
    lines = text(files).splitlines()
    assert lines[-1] == "after"
    assert [line for line in lines[1:-1] if line != "before" and set(line) > {"x"}] == []
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert os.strerror(errno.EFBIG) in said[0] or os.strerror(errno.ENOSPC) in said[0]
    assert "50 lines are missing" in said[1]


def test_a_full_disk_gets_back_the_room_of_what_could_not_be_compressed(files: LogFiles) -> None:
    for number in range(20_000):
        files.write(f"{number * 7919} {number * 104_729}\n")
    files._rotate()
    files._untidy = True
    with full_disk(4_096):
        while files._untidy:
            files.tidy()
    assert [path.name for path in files.folder.iterdir()] == [f"{NAME}.1"]


def test_a_full_disk_is_not_asked_for_every_line(files: LogFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that does not answer well is looked at once a second: a thousand lines cost no time."""
    files.folder.write_text("a file where the folder should be", encoding="utf-8")
    tries, really = list[float](), files._open

    def look() -> int:
        tries.append(time.monotonic())
        return really()

    monkeypatch.setattr(files, "_open", look)
    fill(files, 1)
    assert files.lost == 1024
    assert tries
    assert all(later - earlier >= 0.9 for earlier, later in pairwise(tries))


def test_the_sink_writes_json_lines_masks_secrets_and_ends(tmp_path: Path) -> None:
    config = Config(control=Control(token=Secret('canary"token')))
    sink = FileSink(config, LogFiles(tmp_path, config.log, HEAD))
    logger.info('with canary"token in\ntwo lines')
    logger.debug("not shown")
    sink.close()
    logger.info("after the end")
    head, line = (json.loads(each) for each in (tmp_path / NAME).read_text(encoding="utf-8").splitlines())
    assert head["message"] == LABEL
    assert line["message"].replace("\n    ", "\n") == "with *** in\ntwo lines"
    assert "canary" not in (tmp_path / NAME).read_text(encoding="utf-8")
