"""The file of a record: what went in comes out, whatever cuts it short, and nothing of it stops the run."""

from __future__ import annotations

import gzip
import random
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import msgspec
import pytest
from loguru import logger

from tests.kit.living_tree import BTC, in_memory
from tests.kit.recorded import LABELS, SEED, quick_config, until, virtual
from vortex.adapters.clock import SystemClock
from vortex.app.replay.entries import Entry, Handled, Header, Loaded, Note, Record, RecordError, encode
from vortex.app.replay.recorder import Noted
from vortex.app.replay.recording import END, Recording, as_entry, read
from vortex.app.replay.rerun import Rerun, rerun
from vortex.cli import main
from vortex.config import Config
from vortex.config.schema import Config as Schema
from vortex.messages import AddSymbol

PATIENCE_S = 30.0


@pytest.fixture(scope="module")
def notes() -> list[Noted]:
    """What a few seconds of one symbol give."""
    with in_memory() as folder:
        run, dispatcher = virtual(quick_config(BTC), folder)
        dispatcher.run_for(8_000)
        return run.notes


@pytest.fixture
def log() -> Iterator[StringIO]:
    text = StringIO()
    sink = logger.add(text, level="WARNING", format="{message}")
    yield text
    logger.remove(sink)


def recording(path: Path, config: Config | None = None, *, most_mib: int = 10) -> Recording:
    return Recording(path, config or quick_config(BTC), LABELS, SystemClock(), most_mib)


@pytest.fixture
def written(tmp_path: Path, notes: list[Noted]) -> Path:
    """A file with these notes."""
    file = recording(tmp_path / "inputs.rec")
    for noted in notes:
        file.recorder.keep(noted)
    file.close()
    return tmp_path / "inputs.rec"


def entries(record: Record) -> list[bytes]:
    return list(map(encode, record.entries))


def again(record: Record) -> Rerun:
    """Run again what these notes are: their ids are of their own seed."""
    rerun_of = rerun(msgspec.structs.replace(record, header=msgspec.structs.replace(record.header, seed=SEED)))
    assert rerun_of.difference is None
    return rerun_of


def members(path: Path, *values: bytes) -> Path:
    """A file with these values, each a member of its own."""
    path.write_bytes(b"".join(gzip.compress(len(value).to_bytes(4) + value) for value in values))
    return path


def test_what_was_noted_comes_out_again(written: Path, notes: list[Noted]) -> None:
    record = read(written)
    assert record.whole
    assert record.header.labels == LABELS
    assert entries(record) == [encode(as_entry(noted)) for noted in notes]
    assert entries(record) == entries(record), "as often as one asks"
    assert again(record).entries == len(notes)


def test_a_file_is_small(written: Path, notes: list[Noted]) -> None:
    assert written.stat().st_size < sum(len(encode(as_entry(noted))) for noted in notes) / 5


def test_a_file_that_breaks_off_is_read_as_far_as_it_goes(written: Path, tmp_path: Path) -> None:
    whole, content = entries(read(written)), written.read_bytes()
    cut = tmp_path / "cut.rec"
    cut.write_bytes(content[: len(content) - len(content) // 3])
    record = read(cut)
    some = entries(record)
    assert not record.whole
    assert 0 < len(some) < len(whole)
    assert some == whole[: len(some)]
    assert again(record).entries == len(some)


def test_a_damaged_file_is_refused(written: Path) -> None:
    content = bytearray(written.read_bytes())
    content[len(content) // 2] ^= 0x40
    written.write_bytes(content)
    with pytest.raises(RecordError, match="is damaged"):
        read(written)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([], "holds no record"),
        ([b"\xc1"], "damaged, or of another version"),
        ([encode({"version": 1})], "damaged, or of another version"),
        ([encode(Header(version=99, seed="", config=Schema(), labels=LABELS))], "is of version 99"),
    ],
)
def test_what_is_no_record_is_refused(tmp_path: Path, values: list[bytes], words: str) -> None:
    with pytest.raises(RecordError, match=words):
        read(members(tmp_path / "other.rec", *values))


def test_an_unknown_entry_is_refused(tmp_path: Path) -> None:
    header = encode(Header(seed="", config=Schema(), labels=LABELS))
    with pytest.raises(RecordError, match="damaged, or of another version"):
        list(read(members(tmp_path / "other.rec", header, encode(["melted", 1]), END)).entries)


def test_secrets_are_not_written(tmp_path: Path) -> None:
    config = quick_config(BTC, VORTEX__CONTROL__TOKEN="do-not-write-this")
    file = recording(tmp_path / "inputs.rec", config)
    file.reconfigured(config)
    file.close()
    content = gzip.decompress((tmp_path / "inputs.rec").read_bytes())
    assert b"quick" in content
    assert b"do-not-write-this" not in content
    assert not read(tmp_path / "inputs.rec").header.config.control.token


def test_a_full_file_ends_the_recording_and_says_so(tmp_path: Path, log: StringIO) -> None:
    path = tmp_path / "inputs.rec"
    file = recording(path, most_mib=1)
    file.recorder.keep(Loaded("noise", {"a": random.Random(1).randbytes(2 << 20)}))
    until(lambda: "is full" in log.getvalue(), PATIENCE_S)
    file.recorder.handling("root", 1, None)
    file.close()
    record = read(path)
    assert not record.whole
    assert [type(entry) for entry in record.entries] == [Loaded]


def test_what_cannot_be_written_ends_the_recording_not_the_run(tmp_path: Path, log: StringIO) -> None:
    file = recording(tmp_path / "inputs.rec")
    file.recorder.handling("root", 1, None)
    file.recorder.handling("root", 1, AddSymbol(symbol=object()))  # type: ignore[arg-type]  # what must never happen
    file.close()
    assert "a object cannot be written down" in log.getvalue()
    file.recorder.handling("root", 1, AddSymbol(symbol=BTC))
    file.close()


def test_a_file_is_never_overwritten(written: Path) -> None:
    with pytest.raises(FileExistsError):
        recording(written)


def test_a_note_is_what_the_clock_said(tmp_path: Path) -> None:
    file = recording(tmp_path / "inputs.rec")
    file.recorder.handling("root", 3, AddSymbol(symbol=BTC))
    now_ms, monotonic_ms = file.recorder.now_ms(), file.recorder.monotonic_ms()
    file.close()
    assert list(read(tmp_path / "inputs.rec").entries) == [
        Note("root", 3, now_ms, monotonic_ms, AddSymbol(symbol=BTC)).written()
    ]


# ------------------------------------------------------------------------------------------------------- the command


def replay(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], path: Path) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["vortex", "replay", str(path)])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    code = ended.value.code or 0
    assert isinstance(code, int)
    return code, out, err


def test_the_command_says_what_came_of_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, notes: list[Noted]
) -> None:
    header = Header(seed=SEED, config=quick_config(BTC), labels=LABELS)
    plain: list[Entry] = [as_entry(noted) for noted in notes]
    path = members(tmp_path / "good.rec", encode(header), *map(encode, plain), END)
    code, out, err = replay(monkeypatch, capsys, path)
    assert (code, err) == (0, "")
    assert out.startswith(f"PAPER · quick · recorded\n{len(plain)} entries, 14 actors: ")
    assert "all as recorded, digest" in out
    at = next(number for number, entry in enumerate(plain) if isinstance(entry, Handled) and entry.path == BTC)
    plain[at] = msgspec.structs.replace(plain[at], generation=9)
    path = members(tmp_path / "bad.rec", encode(header), *map(encode, plain), END)
    code, out, err = replay(monkeypatch, capsys, path)
    assert (code, out.splitlines()[1].split()[0]) == (1, str(at))
    assert err == f"vortex: entry {at}, BTCUSDT #9, start: no replayed supervisor has started it\n"


@pytest.mark.parametrize("name", ["there-is-none.rec", "."])
def test_the_command_needs_a_record(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str
) -> None:
    code, out, err = replay(monkeypatch, capsys, tmp_path / name)
    assert (code, out) == (1, "")
    assert err.startswith("vortex: ")
    assert err.count("\n") == 1
