"""So many at once, so many a second, each client for itself, in bounded memory."""

from hypothesis import given
from hypothesis import strategies as st

from vortex.app.api.rates import MOST_CLIENTS, RateLimit

SECOND_NS = 1_000_000_000


class Hand:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.ns = 0

    def __call__(self) -> int:
        return self.ns


def test_a_burst_is_allowed_and_then_the_rate() -> None:
    hand = Hand()
    limit = RateLimit(20, hand)
    assert sum(limit.allow("a") for _ in range(50)) == 20
    hand.ns += SECOND_NS // 20 - 1
    assert not limit.allow("a")
    hand.ns += 1
    assert limit.allow("a")
    assert not limit.allow("a")
    hand.ns += SECOND_NS
    assert sum(limit.allow("a") for _ in range(50)) == 20


def test_one_client_does_not_pay_for_another() -> None:
    limit = RateLimit(1, Hand())
    assert [limit.allow(name) for name in "aabb"] == [True, False, True, False]


@given(st.lists(st.integers(0, SECOND_NS // 2), max_size=300), st.integers(1, 50))
def test_in_no_second_are_more_than_twice_as_many_allowed(pauses_ns: list[int], per_s: int) -> None:
    hand = Hand()
    limit = RateLimit(per_s, hand)
    allowed: list[int] = []
    for pause_ns in pauses_ns:
        hand.ns += pause_ns
        if limit.allow("a"):
            allowed.append(hand.ns)
    for first in allowed:
        assert sum(first <= moment < first + SECOND_NS for moment in allowed) <= 2 * per_s


@given(st.integers(1, 50))
def test_who_keeps_to_the_rate_is_never_refused(per_s: int) -> None:
    hand = Hand()
    limit = RateLimit(per_s, hand)
    for _ in range(200):
        hand.ns += -(-SECOND_NS // per_s)
        assert limit.allow("a")


def test_memory_is_bounded_however_many_clients_come() -> None:
    hand = Hand()
    limit = RateLimit(1, hand)
    for number in range(5 * MOST_CLIENTS):
        hand.ns += 1
        assert limit.allow(str(number))
        assert len(limit._full_ns) <= MOST_CLIENTS
