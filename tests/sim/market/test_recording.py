from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from tests.sim.market import wire
from tests.sim.market.conftest import Write
from vortex.sim.market.recording import Recording
from vortex.sim.market.tape import CaptureError, load_tape
from vortex.sim.market.wire import AggTrade, DepthDiff, PartialDepth, RawTrade, Snapshot


def test_wanted_streams_are_typed_and_others_are_skipped(write: Write) -> None:
    partial = wire.diff(1, (1, 2, 3), kind="depth20@100ms")
    lines = [
        wire.snapshot(),
        wire.ticker(),
        partial,
        wire.diff(1, (1, 2, 3)),
        wire.diff(1, (3, 4, 5), kind="depth@0ms"),
        wire.trade(1, "1.0", "2", maker=True),
        wire.agg_trade(1, "1.0", "2", maker=True),
    ]
    recording = Recording(write(lines))
    assert [type(message) for message in recording] == [
        Snapshot,
        PartialDepth,
        DepthDiff,
        DepthDiff,
        RawTrade,
        AggTrade,
    ]
    assert (recording.symbol, recording.line) == ("ABCUSDT", 7)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("no time", "receive time"),
        ("", "receive time"),
        ("12 {", "truncated"),
        ('12 {"stream":"abcusdt@depth","data":{"T":1}}', "missing required field"),
        ('12 {"result":null}', "missing required field `lastUpdateId`"),
        ('12 {"stream":"xyzusdt@trade","data":{"T":1,"p":"1","q":"1","m":true}}', "one file holds one symbol"),
        (wire.trade(1, "1e5", "1", maker=True), "not a price or quantity"),
        (wire.trade(1, "-1", "1", maker=True), "not a price or quantity"),
        (wire.trade(1, "0.0", "1", maker=True), "without price or quantity"),
    ],
)
def test_malformed_line_is_named(write: Write, line: Any, reason: str) -> None:
    path = write([wire.snapshot(), wire.diff(1, (9, 10, 11)), line])
    with pytest.raises(CaptureError, match=reason) as caught:
        load_tape(path)
    assert str(caught.value).startswith(f"{path}:3: ")


def test_file_that_is_no_gzip(tmp_path: Path) -> None:
    path = tmp_path / "plain.gz"
    path.write_text("12 {}\n")
    with pytest.raises(CaptureError, match=r"plain\.gz: Not a gzipped file"):
        load_tape(path)


def test_file_that_was_cut_off(write: Write) -> None:
    path = write(wire.calm())
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(CaptureError, match="ended before"):
        load_tape(path)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"absent\.gz: No such file"):
        load_tape(tmp_path / "absent.gz")


def test_empty_file_has_no_book(tmp_path: Path) -> None:
    path = tmp_path / "empty.gz"
    path.write_bytes(gzip.compress(b""))
    with pytest.raises(CaptureError, match="no order book"):
        load_tape(path)
