from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from vortex.domain.order import Side
from vortex.domain.rejections import REPEAT_MS, RejectionThrottle
from vortex.domain.trade import Strategy

A_LONG = (Side.LONG, Strategy.A, "RR_LOW")


def test_the_first_of_a_kind_is_written_at_once_and_stands_for_itself() -> None:
    assert RejectionThrottle().offer(*A_LONG, 1_000) == 1


def test_a_repetition_waits_a_minute_and_then_stands_for_all_since() -> None:
    throttle = RejectionThrottle()
    throttle.offer(*A_LONG, 0)
    repeated = [throttle.offer(*A_LONG, at_ms) for at_ms in range(150, REPEAT_MS, 150)]
    assert set(repeated) == {None}
    assert throttle.offer(*A_LONG, REPEAT_MS) == len(repeated) + 1
    assert throttle.offer(*A_LONG, REPEAT_MS + 150) is None


def test_a_change_of_action_strategy_or_reason_is_written_at_once() -> None:
    throttle = RejectionThrottle()
    throttle.offer(*A_LONG, 0)
    assert throttle.offer(Side.SHORT, Strategy.A, "RR_LOW", 1) == 1
    assert throttle.offer(Side.SHORT, Strategy.B, "RR_LOW", 2) == 1
    assert throttle.offer(Side.SHORT, Strategy.B, "FEE_TOO_HIGH", 3) == 1


def test_what_waited_when_the_kind_changed_belongs_to_no_other_row() -> None:
    throttle = RejectionThrottle()
    throttle.offer(*A_LONG, 0)
    throttle.offer(*A_LONG, 10)
    assert throttle.offer(Side.SHORT, Strategy.A, "RR_LOW", 20) == 1
    assert throttle.offer(*A_LONG, 30) == 1


@given(st.lists(st.integers(1, 90_000), max_size=50))
def test_rows_of_one_kind_are_a_minute_apart_and_count_everything(gaps_ms: list[int]) -> None:
    throttle = RejectionThrottle()
    now_ms, rows = 0, [(0, throttle.offer(*A_LONG, 0))]
    for gap_ms in gaps_ms:
        now_ms += gap_ms
        rows.append((now_ms, throttle.offer(*A_LONG, now_ms)))
    written = [at_ms for at_ms, count in rows if count is not None]
    assert all(after - before >= REPEAT_MS for before, after in pairwise(written))
    behind = sum(1 for at_ms, _ in rows if at_ms > written[-1])
    assert sum(count or 0 for _, count in rows) + behind == len(rows)
