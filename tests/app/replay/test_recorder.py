"""The ear: time that stands still, ids that can be repeated, and notes before effects."""

from __future__ import annotations

import threading
import uuid

import pytest

from tests.bench.ports import MemoryJournal
from tests.kit.recorded import unused_ports
from tests.kit.runtime import ManualClock
from vortex.app.replay.entries import Loaded, Note, Sent
from vortex.app.replay.recorder import IdStreams, Incarnation, Noted, Recorder
from vortex.domain.order import ExchangeRequest, QueryAccount
from vortex.messages import AddSymbol, Recipient
from vortex.ports import Usage
from vortex.runtime.control import Beat


class Port:
    """An exchange port that says what had been noted when it was used."""

    def __init__(self, notes: list[Noted]) -> None:
        self.notes = notes
        self.calls: list[object] = []

    def start(self, recipient: Recipient) -> None:
        self.calls.append(("start", recipient))

    def send(self, request: ExchangeRequest, timeout_ms: int) -> None:
        self.calls.append(("send", request, timeout_ms, self.notes.copy()))

    def usage(self) -> Usage:
        return Usage(weight_1m=7)

    def stop(self) -> None:
        self.calls.append("stop")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(1_000.0)


@pytest.fixture
def notes() -> list[Noted]:
    return []


@pytest.fixture
def recorder(clock: ManualClock, notes: list[Noted]) -> Recorder:
    return Recorder(clock, notes.append)


def test_time_stands_still_for_the_actor_on_its_thread_alone(clock: ManualClock, recorder: Recorder) -> None:
    assert recorder.now_ms() == 1_000
    recorder.handling("a", 1, None)
    clock.time_ms = 2_000.5
    assert (recorder.now_ms(), recorder.monotonic_ms()) == (1_000, 1_000.0)
    outside: list[tuple[int, float]] = []
    thread = threading.Thread(target=lambda: outside.append((recorder.now_ms(), recorder.monotonic_ms())))
    thread.start()
    thread.join()
    assert outside == [(2_000, 2_000.5)]
    recorder.handling("a", 1, AddSymbol(symbol="X"))
    assert (recorder.now_ms(), recorder.monotonic_ms()) == (2_000, 2_000.5)
    assert recorder.real_s(500.0) == 0.5


def test_every_message_is_noted_but_the_watchdogs(recorder: Recorder, notes: list[Noted]) -> None:
    recorder.handling("root", 2, None)
    recorder.handling("root", 2, Beat(print))
    recorder.handling("root", 2, AddSymbol(symbol="X"))
    assert notes == [Note("root", 2, 1_000, 1_000.0, None), Note("root", 2, 1_000, 1_000.0, AddSymbol(symbol="X"))]
    assert recorder.incarnation() == ("root", 2)


def test_a_request_is_noted_before_it_leaves(recorder: Recorder, notes: list[Noted]) -> None:
    port = Port(notes)
    noted = recorder.ports(unused_ports(exchange=lambda: port), "seed").exchange()
    noted.send(QueryAccount(), 500)
    assert port.calls == [("send", QueryAccount(), 500, [Sent(QueryAccount(), 500)])]
    noted.stop()
    assert port.calls[-1] == "stop"
    assert noted.usage() == Usage(weight_1m=7)


def test_the_journal_is_noted_once_and_as_it_was(recorder: Recorder, notes: list[Noted]) -> None:
    journal = MemoryJournal()
    journal.append("kind", "key", b"before")
    noted = recorder.ports(unused_ports(journal=journal), "seed").journal
    assert noted.latest("kind") == {"key": b"before"}
    noted.append("kind", "key", b"after")
    assert noted.latest("kind") == journal.latest("kind") == {"key": b"after"}
    assert noted.latest("other") == {}
    assert notes == [Loaded("kind", {"key": b"before"}), Loaded("other", {})]


def test_ids_can_be_repeated_whoever_else_draws(recorder: Recorder) -> None:
    ids = recorder.ports(unused_ports(), "seed").ids

    def drawn(path: str, generation: int) -> str:
        recorder.handling(path, generation, None)
        return ids.uuid()

    one = [drawn("a", 1), drawn("b", 1), drawn("a", 1), drawn("a", 2), drawn("b", 1)]
    assert len(set(one)) == 5
    who: Incarnation = ("a", 1)
    again = IdStreams("seed", lambda: who)
    assert [again.uuid(), again.uuid()] == [one[0], one[2]]
    who = ("a", 2)
    assert again.uuid() == one[3]
    assert IdStreams("another seed", lambda: ("a", 1)).uuid() != one[0]
    assert uuid.UUID(one[0]).version == 4
    assert str(uuid.UUID(one[0])) == one[0]
