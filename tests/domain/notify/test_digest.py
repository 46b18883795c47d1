"""Bursts: the first few pass, the rest is one notification with counts, what is urgent never waits."""

from __future__ import annotations

import pytest

from tests.domain.money_builders import NOW
from vortex.domain.notify.digest import AT_ONCE, Digest
from vortex.domain.notify.kinds import Kind, Notification


def note(kind: Kind = Kind.ENTRY, text: str = "x") -> Notification:
    return Notification(kind=kind, text=text)


def test_a_few_pass_one_by_one() -> None:
    digest = Digest(3, 30_000)
    assert [digest.add(note(text=str(number)), NOW) for number in range(3)] == [[note(text=str(n))] for n in range(3)]
    assert digest.due(NOW + 10**9) == []


def test_a_burst_is_one_with_counts() -> None:
    digest = Digest(2, 30_000)
    told = [digest.add(note(Kind.ENTRY if number % 3 else Kind.EXIT, str(number)), NOW) for number in range(12)]
    assert [len(each) for each in told] == [1, 1, *[0] * 10]
    assert digest.due(NOW + 29_999) == []
    (combined,) = digest.due(NOW + 30_000)
    assert combined.kind is Kind.ENTRY
    assert combined.text.splitlines() == [
        "10 more: entry 7, exit 3", "the last 5:", "entry: 7", "entry: 8", "exit: 9", "entry: 10", "entry: 11",
    ]  # fmt: skip
    assert digest.due(NOW + 60_000) == []


def test_one_that_was_held_alone_stays_itself() -> None:
    digest = Digest(1, 30_000)
    digest.add(note(), NOW)
    digest.add(note(Kind.EXIT, "alone"), NOW)
    assert digest.due(NOW + 30_000) == [note(Kind.EXIT, "alone")]


def test_after_a_quiet_minute_they_pass_again() -> None:
    digest = Digest(1, 30_000)
    assert digest.add(note(), NOW)
    assert not digest.add(note(), NOW + 1)
    digest.due(NOW + 30_001)
    assert not digest.add(note(), NOW + 60_000)
    digest.due(NOW + 90_000)
    assert digest.add(note(), NOW + 150_001)


@pytest.mark.parametrize("kind", sorted(AT_ONCE))
def test_what_is_urgent_and_the_ends_of_a_run_never_wait_and_use_up_nothing(kind: Kind) -> None:
    digest = Digest(1, 30_000)
    assert all(digest.add(note(kind), NOW) == [note(kind)] for _ in range(50))
    assert digest.add(note(), NOW) == [note()]
    digest.add(note(), NOW)
    assert digest.add(note(kind), NOW) == [note(kind)]


def test_at_the_end_nothing_is_held_back() -> None:
    digest = Digest(1, 30_000)
    for number in range(3):
        digest.add(note(text=str(number)), NOW)
    (last,) = digest.flush(NOW + 1)
    assert last.text.startswith("2 more: entry 2")
    assert digest.flush(NOW + 2) == []
