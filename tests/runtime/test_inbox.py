"""Lanes, conflation, fairness, overflow and closing."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Hashable
from typing import Any, ClassVar

import pykka
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from msgspec import Struct
from pykka._envelope import Envelope

from tests.kit.threads import hurried
from tests.runtime.world import PATIENCE_S
from vortex.runtime.dispatch.thread import WaitingInbox
from vortex.runtime.errors import ActorGone, InboxOverflow
from vortex.runtime.inbox import ORDERED_LIMIT, ORDERED_RUN, Inbox, LeaveLoop, lane_of


class Urgent(Struct, frozen=True):
    urgent: ClassVar[bool] = True

    number: int


class Ordered(Struct, frozen=True):
    number: int


class Snapshot(Struct, frozen=True):
    """Its numbers must all arrive, in order, however often it is superseded."""

    key: str
    numbers: tuple[int, ...]

    def conflation_key(self) -> Hashable:
        return self.key

    def absorb(self, older: Snapshot) -> Snapshot:
        return Snapshot(self.key, older.numbers + self.numbers)


class Broken(Snapshot, frozen=True):
    def absorb(self, older: Snapshot) -> Snapshot:
        raise ValueError(f"cannot absorb {older}")


def make() -> tuple[Inbox, list[object], list[BaseException]]:
    inbox, dead, errors = WaitingInbox(), list[object](), list[BaseException]()
    inbox.on_dead, inbox.on_error = dead.append, errors.append
    return inbox, dead, errors


def put(inbox: Inbox, *messages: object) -> None:
    for message in messages:
        inbox.put(Envelope(message))


def take(inbox: Inbox, count: int) -> list[Any]:
    return [inbox.get().message for _ in range(count)]


def test_lane_follows_from_the_type() -> None:
    assert [lane_of(each) for each in (Urgent, Ordered, Snapshot, int)] == [
        "control", "ordered", "conflated", "ordered",
    ]  # fmt: skip


def test_control_overtakes_and_order_is_kept() -> None:
    inbox, _, _ = make()
    put(inbox, Ordered(1), Snapshot("a", (1,)), Urgent(1), Ordered(2), Urgent(2))
    assert take(inbox, 5) == [Urgent(1), Urgent(2), Ordered(1), Ordered(2), Snapshot("a", (1,))]
    assert inbox.empty()


def test_a_newer_snapshot_takes_the_place_of_the_first() -> None:
    inbox, _, _ = make()
    put(inbox, Snapshot("a", (1,)), Snapshot("b", (2,)), Snapshot("a", (3,)))
    assert (len(inbox), inbox.superseded) == (2, 1)
    assert take(inbox, 2) == [Snapshot("a", (1, 3)), Snapshot("b", (2,))]


def test_types_with_equal_keys_do_not_meet() -> None:
    inbox, _, _ = make()
    put(inbox, Snapshot("a", (1,)), Broken("a", (2,)))
    assert len(inbox) == 2


def test_an_ask_is_never_superseded() -> None:
    inbox, _, _ = make()
    inbox.put(Envelope(Snapshot("a", (1,)), reply_to=pykka.ThreadingFuture()))
    put(inbox, Snapshot("a", (2,)))
    assert take(inbox, 2) == [Snapshot("a", (1,)), Snapshot("a", (2,))]


def test_snapshots_do_not_starve_behind_ordered_messages() -> None:
    inbox, _, _ = make()
    put(inbox, *map(Ordered, range(200)), Snapshot("a", ()), Snapshot("b", ()))
    served = take(inbox, 202)
    places = [place for place, message in enumerate(served) if isinstance(message, Snapshot)]
    assert places == [ORDERED_RUN, 2 * ORDERED_RUN + 1]


def test_overflow_is_the_receivers_fault() -> None:
    inbox, dead, errors = make()
    put(inbox, *map(Ordered, range(ORDERED_LIMIT)), Snapshot("a", ()), Urgent(1))
    assert errors == []
    put(inbox, Ordered(-1))
    assert isinstance(errors[0], InboxOverflow)
    assert dead == [Ordered(-1)]


def test_a_failing_absorb_is_the_receivers_fault() -> None:
    inbox, dead, errors = make()
    put(inbox, Broken("a", (1,)), Broken("a", (2,)))
    assert isinstance(errors[0], ValueError)
    assert dead == [Broken("a", (2,))]


def test_closing_refuses_what_waits_and_what_comes() -> None:
    inbox, dead, _ = make()
    waiting, late = pykka.ThreadingFuture[None](), pykka.ThreadingFuture[None]()
    put(inbox, Ordered(1), Urgent(1), Snapshot("a", ()))
    inbox.put(Envelope(Ordered(2), reply_to=waiting))
    inbox.close()
    inbox.close()
    put(inbox, Ordered(3))
    inbox.put(Envelope(Ordered(4), reply_to=late))
    assert Counter(type(each).__name__ for each in dead) == {"Ordered": 2, "Urgent": 1, "Snapshot": 1}
    for future in (waiting, late):
        with pytest.raises(ActorGone):
            future.get(timeout=0)
    with pytest.raises(LeaveLoop):
        inbox.get()


def test_closing_wakes_whoever_waits() -> None:
    inbox, _, _ = make()
    left = threading.Event()

    def wait() -> None:
        with pytest.raises(LeaveLoop):
            inbox.get()
        left.set()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    inbox.close()
    assert left.wait(PATIENCE_S)


@hurried()
def test_every_ask_resolves_and_every_tell_is_counted_when_closing_races_with_senders() -> None:
    for _ in range(30):
        _race_once()


def _race_once() -> None:
    inbox, dead, _ = make()
    asks: list[pykka.Future[None]] = []

    def send() -> None:
        for number in range(50):
            future = pykka.ThreadingFuture[None]()
            asks.append(future)
            inbox.put(Envelope(Ordered(number), reply_to=future))
            put(inbox, Ordered(number))

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    inbox.close()
    sender.join(PATIENCE_S)
    assert len(dead) == 50
    for future in asks:
        with pytest.raises(ActorGone):
            future.get(timeout=0)


class InboxMachine(RuleBasedStateMachine):
    """Whatever is put comes out once, by lane, in order, or is counted as dead."""

    def __init__(self) -> None:
        super().__init__()
        self.inbox, self.dead, self.errors = make()
        self.number = 0
        self.control: list[Urgent] = []
        self.ordered: list[Ordered] = []
        self.snapshots: dict[str, tuple[int, ...]] = {}
        self.run = 0
        self.closed = False
        self.expected_dead = 0

    def _next(self) -> int:
        self.number += 1
        return self.number

    @rule()
    def put_urgent(self) -> None:
        message = Urgent(self._next())
        put(self.inbox, message)
        if not self._counted_dead():
            self.control.append(message)

    @rule(count=st.integers(1, 40))
    def put_ordered(self, count: int) -> None:
        for _ in range(count):
            message = Ordered(self._next())
            put(self.inbox, message)
            if not self._counted_dead():
                self.ordered.append(message)

    @rule(key=st.sampled_from("abc"))
    def put_snapshot(self, key: str) -> None:
        number = self._next()
        put(self.inbox, Snapshot(key, (number,)))
        if not self._counted_dead():
            self.snapshots[key] = (*self.snapshots.get(key, ()), number)

    @rule(count=st.integers(1, 80))
    def get(self, count: int) -> None:
        for _ in range(min(count, len(self.inbox))):
            assert self.inbox.get().message == self._expected()

    @rule()
    def close(self) -> None:
        self.inbox.close()
        self.closed = True
        self.expected_dead += len(self.control) + len(self.ordered) + len(self.snapshots)
        self.control.clear()
        self.ordered.clear()
        self.snapshots.clear()

    @invariant()
    def depth_and_dead_letters_agree(self) -> None:
        assert len(self.inbox) == len(self.control) + len(self.ordered) + len(self.snapshots)
        assert len(self.dead) == self.expected_dead

    def _counted_dead(self) -> bool:
        self.expected_dead += self.closed
        return self.closed

    def _expected(self) -> object:
        if self.control:
            return self.control.pop(0)
        if self.ordered and not (self.run >= ORDERED_RUN and self.snapshots):
            self.run += 1
            return self.ordered.pop(0)
        self.run = 0
        key = next(iter(self.snapshots))
        return Snapshot(key, self.snapshots.pop(key))


TestInboxMachine = InboxMachine.TestCase
TestInboxMachine.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
