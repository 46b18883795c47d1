"""The journal: what was acknowledged is there after a kill, and damage is named."""

import itertools
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kit.disk import full_disk, read_only
from tests.kit.processes import AS_ANYBODY
from vortex.adapters.sqlite.connect import StoreError
from vortex.adapters.sqlite.journal import SqliteJournal
from vortex.ports import UnwritableError

WRITER = """
import sys
from pathlib import Path
from vortex.adapters.sqlite.journal import SqliteJournal
journal = SqliteJournal(Path(sys.argv[1]), lambda: 5)
for number in range(100_000):
    journal.append("intent", f"{sys.argv[2]}-{number}", str(number).encode())
    print(number, flush=True)
"""


def ticking() -> Callable[[], int]:
    return itertools.count(1_000).__next__


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[SqliteJournal]:
    with closing(SqliteJournal(path, ticking())) as opened:
        yield opened


def test_the_newest_entry_of_each_key_is_its_state(journal: SqliteJournal) -> None:
    assert journal.latest("bracket") == {}
    numbers = [journal.append("bracket", key, body) for key, body in [("B", b"1"), ("E", b"2"), ("B", b"3")]]
    journal.append("cooldown", "B", b"4")
    assert numbers == sorted(set(numbers))
    assert journal.latest("bracket") == {"E": b"2", "B": b"3"}
    assert journal.latest("cooldown") == {"B": b"4"}
    newest = journal.recent(2)[0]
    assert (newest.ts_ms, newest.kind, newest.key, newest.body) == (1_003, "cooldown", "B", b"4")
    assert len(journal.recent(3)) == 3


def test_an_empty_body_forgets_the_key_and_compaction_removes_it(path: Path) -> None:
    with closing(SqliteJournal(path, ticking())) as journal:
        for body in (b"1", b"2", b""):
            journal.append("ended", "trade", body)
        assert journal.latest("ended") == {}
    with closing(SqliteJournal(path, ticking(), history=0)) as journal:
        assert journal.recent(10) == []


entries = st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), st.binary(max_size=5)), max_size=12)


@settings(max_examples=15, deadline=None)  # every entry waits for the disk
@given(written=entries, history=st.integers(0, 5))
def test_reopening_forgets_history_but_never_a_state(
    tmp_path_factory: pytest.TempPathFactory, written: list[tuple[str, str, bytes]], history: int
) -> None:
    path = tmp_path_factory.mktemp("compact") / "journal.db"
    with closing(SqliteJournal(path, ticking())) as journal:
        numbers = [journal.append(*entry) for entry in written]
    newest = {(kind, key): body for kind, key, body in written}
    with closing(SqliteJournal(path, ticking(), history=history)) as journal:
        for kind in "ab":
            known = {key: body for (other, key), body in newest.items() if other == kind and body}
            assert journal.latest(kind) == known
        kept = {entry.seq for entry in journal.recent(100)}
        assert set(numbers[-history:] if history else []) <= kept
        assert len(kept) <= history + len(newest)
        assert all(journal.append("c", "z", b"") > number for number in numbers)


def test_several_threads_may_append(journal: SqliteJournal) -> None:
    with ThreadPoolExecutor(4) as pool:
        numbers = list(pool.map(lambda n: journal.append("k", str(n), b"1"), range(200)))
    assert len(set(numbers)) == 200
    assert len(journal.latest("k")) == 200


def test_every_acknowledged_entry_survives_a_kill(path: Path) -> None:
    for round_ in range(3):
        acknowledged = write_and_kill(path, f"round{round_}", 10 + 15 * round_)
        with closing(SqliteJournal(path, ticking())) as journal:
            found = journal.latest("intent")
        assert all(found[f"round{round_}-{number}"] == str(number).encode() for number in range(acknowledged))
        assert len([key for key in found if key.startswith(f"round{round_}-")]) >= acknowledged


def write_and_kill(path: Path, name: str, after: int) -> int:
    """Let a process append until it has acknowledged `after` entries, kill it, return how many it acknowledged."""
    command = [sys.executable, "-c", WRITER, str(path), name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:  # noqa: S603  # our own program
        assert writer.stdout is not None
        for _ in range(after):
            assert writer.stdout.readline()
        os.kill(writer.pid, signal.SIGKILL)
        rest = writer.stdout.read().splitlines(keepends=True)
    assert writer.returncode == -signal.SIGKILL
    return after + len([line for line in rest if line.endswith("\n")])


def test_every_commit_is_synced_to_disk(journal: SqliteJournal) -> None:
    full = 2
    assert journal._connection.execute("pragma synchronous").fetchone() == (full,)
    assert journal._connection.execute("pragma journal_mode").fetchone() == ("wal",)


def filled(path: Path) -> None:
    with closing(SqliteJournal(path, ticking())) as journal:
        for number in range(30):
            journal.append("k", str(number), b"x" * 2_000)


@pytest.mark.parametrize("damage", ["garbage", "header", "middle", "cut"])
def test_a_damaged_file_is_named_and_kept(path: Path, damage: str) -> None:
    filled(path)
    content = path.read_bytes()
    damaged = {
        "garbage": b"\x00garbage" * 2_000,
        "header": b"X" * 16 + content[16:],
        "middle": content[:4_096] + os.urandom(len(content) // 2) + content[4_096 + len(content) // 2 :],
        "cut": content[: len(content) // 2],
    }[damage]
    path.write_bytes(damaged)
    with pytest.raises(StoreError, match=r"journal\.db: damaged .*: move it aside") as caught:
        SqliteJournal(path, ticking())
    assert len(str(caught.value).splitlines()) == 1
    assert path.read_bytes() == damaged


def test_a_torn_tail_of_the_log_loses_only_what_was_never_acknowledged(path: Path) -> None:
    with closing(SqliteJournal(path, ticking())) as journal:
        journal.append("k", "a", b"1")
        torn = path.with_name("torn.db")
        torn.write_bytes(path.read_bytes())
        log = path.with_name("journal.db-wal").read_bytes()
    torn.with_name("torn.db-wal").write_bytes(log + os.urandom(1_000))
    with closing(SqliteJournal(torn, ticking())) as journal:
        assert journal.latest("k") == {"a": b"1"}


def test_an_unusable_place_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"nowhere/journal\.db: cannot be opened"):
        SqliteJournal(tmp_path / "nowhere" / "journal.db", ticking())


def test_a_file_that_may_only_be_read_is_refused_before_anything_is_written(path: Path) -> None:
    SqliteJournal(path, ticking()).close()
    program = "import sys; from pathlib import Path; from vortex.adapters.sqlite.journal import *;"
    program += " SqliteJournal(Path(sys.argv[1]), lambda: 1)"
    with read_only(path):
        command = [sys.executable, *AS_ANYBODY, "-c", program, str(path)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)  # noqa: S603  # ours
    assert f"StoreError: {path}: cannot be written" in done.stderr.splitlines()[-1]


def test_what_can_no_longer_be_written_is_an_error_and_keeps_what_was_there(journal: SqliteJournal) -> None:
    journal.append("k", "a", b"1")
    journal._connection.execute("pragma query_only = on")
    with pytest.raises(UnwritableError, match="readonly"):
        journal.append("k", "b", b"2")
    journal._connection.execute("pragma query_only = off")
    journal.append("k", "b", b"3")
    assert journal.latest("k") == {"a": b"1", "b": b"3"}


def test_a_full_disk_at_the_start_is_named(path: Path) -> None:
    with closing(SqliteJournal(path, ticking())) as journal:
        for number in range(20):
            journal.append("k", "a", b"%d" % number)
    with full_disk(), pytest.raises(StoreError, match=r"journal\.db: cannot be opened: .*(full|disk)"):
        SqliteJournal(path, ticking(), history=1)


def test_a_full_disk_is_an_error_and_keeps_what_was_there(journal: SqliteJournal) -> None:
    journal.append("k", "a", b"1")
    pages = journal._connection.execute("pragma page_count").fetchone()[0]
    journal._connection.execute(f"pragma max_page_count = {pages}")
    with pytest.raises(UnwritableError, match="full"):
        journal.append("k", "b", b"x" * 100_000)
    assert journal.latest("k") == {"a": b"1"}
    journal._connection.execute("pragma max_page_count = 1000000")
    journal.append("k", "b", b"2")
    assert journal.latest("k") == {"a": b"1", "b": b"2"}


@pytest.mark.parametrize("offset", [0, 1, 5, 20])
def test_a_body_that_was_damaged_on_disk_gives_way_to_the_one_before_it(tmp_path: Path, offset: int) -> None:
    path = tmp_path / "journal.db"
    first = SqliteJournal(path, lambda: 1)
    first.append("bracket", "BTCUSDT", b'{"quantity": "0.1"}')
    first.append("bracket", "BTCUSDT", b'{"quantity": "0.2"}')
    first.close()
    with closing(sqlite3.connect(path)) as raw, raw:
        (body,) = raw.execute("select body from journal order by seq desc limit 1").fetchone()
        flipped = bytes([*body[:offset], body[offset] ^ 1, *body[offset + 1 :]])
        raw.execute("update journal set body = ? where seq = (select max(seq) from journal)", (flipped,))
    again = SqliteJournal(path, lambda: 2)
    found = again.latest("bracket")
    again.close()
    assert found == {"BTCUSDT": b'{"quantity": "0.1"}'}


def test_what_an_earlier_version_wrote_without_a_checksum_is_read(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    SqliteJournal(path, lambda: 1).close()
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("insert into journal (ts_ms, kind, key, body) values (1, 'epoch', 'main', ?)", (b"17",))
    again = SqliteJournal(path, lambda: 2)
    assert again.latest("epoch") == {"main": b"17"}
    again.close()
