"""Free disk: measured where the files are, told to whoever holds entries back."""

from __future__ import annotations

import shutil
from pathlib import Path
from queue import SimpleQueue

from tests.app.kit import TIMEOUT_S, replies, running
from tests.kit.logs import heard
from vortex.adapters.sqlite.reserve import Reserve
from vortex.app.disk import DiskRoom
from vortex.messages import DiskMeasured


def measured(folder: Path) -> int:
    """What the exchange actor is told, once, however often one looks."""
    told: SimpleQueue[DiskMeasured] = SimpleQueue()

    def note(message: DiskMeasured) -> None:
        told.put(message)

    with running(replies() | {"exchange": {DiskMeasured: note}}) as tiny:
        room = DiskRoom(folder, tiny.system, Reserve(folder / "reserve", 2**20))
        room.look()
        room.look()
        message = told.get(timeout=TIMEOUT_S)
        assert told.empty()
    return message.room_bytes


def test_what_is_free_is_told(tmp_path: Path) -> None:
    assert abs(measured(tmp_path) - shutil.disk_usage(tmp_path).free) < 2**30


def test_what_cannot_be_seen_counts_as_full(tmp_path: Path) -> None:
    assert measured(tmp_path / "gone") == 0


def test_room_that_cannot_be_kept_is_said_once_and_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    reserve = Reserve(tmp_path / "file" / "reserve", 2**20)  # it can be neither made nor deleted
    with heard() as lines:
        reserve.look()
        reserve.look()
    assert len(lines) == 1
    assert "no room can be kept" in lines[0]
