from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from tests.sim.market import wire
from vortex.app.capture.file import CaptureWriter, verify


def lines(path: Path) -> list[bytes]:
    with gzip.open(path) as file:
        return file.readlines()


def test_what_was_flushed_is_whole_at_any_moment(tmp_path: Path) -> None:
    writer = CaptureWriter(tmp_path / "a.gz")
    writer.flush()
    assert writer.path.read_bytes() == b""
    for number in range(3):
        writer.add(number, b'{"n":\n %d}\n' % number)
        writer.flush()
        assert writer.size == writer.path.stat().st_size
        assert lines(writer.path) == [b'%d {"n":  %d}\n' % (n, n) for n in range(number + 1)]
    writer.add(9, b"{}")
    assert len(lines(writer.path)) == 3  # a kill would cost this line
    writer.close()
    assert lines(writer.path)[3:] == [b"9 {}\n"]


def test_a_file_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(b"x")
    with pytest.raises(FileExistsError):
        CaptureWriter(tmp_path / "a.gz")
    assert (tmp_path / "a.gz").read_bytes() == b"x"


def capture(folder: Path, *messages: tuple[int, wire.Wire]) -> Path:
    path = folder / "c.gz"
    with gzip.open(path, "wt") as file:
        file.writelines(f"{received_ms * 1_000_000} {json.dumps(message)}\n" for received_ms, message in messages)
    return path


def book(time_ms: int, best: str = "10.0") -> tuple[int, wire.Wire]:
    return time_ms, wire.partial(time_ms, [(best, "1")], [("11.0", "1")])


def test_a_verdict_counts_messages_and_finds_gaps(tmp_path: Path) -> None:
    listing, ticker = (1, wire.contract("0.1", "1")), (5_600, wire.ticker())
    path = capture(tmp_path, listing, book(1_000), book(1_500), book(5_500), ticker, book(6_000), book(9_000))
    verdict = verify(path)
    assert verdict.counts == {"REST answers": 1, "depth20@100ms": 5, "bookTicker": 1}
    assert (verdict.symbol, verdict.seconds, verdict.gaps, verdict.problem) == ("ABCUSDT", 8.0, (4.0, 3.0), None)
    assert str(verdict) == (
        f"{path}: ABCUSDT, 8.0 s, 2 gaps, the longest 4.0 s;"
        " 1 REST answers, 1 bookTicker, 5 depth20@100ms; replays"
    )  # fmt: skip


def test_a_capture_that_cannot_be_played_says_why(tmp_path: Path) -> None:
    crossed = verify(capture(tmp_path, book(1_000), book(1_100, "12.0")))
    assert "crossed" in (crossed.problem or "")
    assert "DOES NOT REPLAY" in str(crossed)
    assert "no order book" in (verify(capture(tmp_path, (1, wire.contract("0.1", "1")))).problem or "")
    cut = capture(tmp_path, book(1_000), book(1_100))
    cut.write_bytes(cut.read_bytes()[:-6])
    assert "ended before" in (verify(cut).problem or "")
    assert "No such file" in (verify(tmp_path / "none.gz").problem or "")
