"""What a run counts of itself: every entry once, the time of a stop from the first execution, no time twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.desk_rig import NO_SUCH_ORDER, Rig
from tests.kit.builders import SETUP, algo_report, fill, order_report
from vortex.domain.meters import STOP_MS, TICK_MS, Histogram, Meters, SymbolMeters, merged, outcome_of
from vortex.domain.order import AlgoStatus, Done, Outcome, PlaceOrder, QueryAccount, Refused, Unknown
from vortex.domain.trade import CloseReason


@given(st.lists(st.integers(-5, 40_000)))
def test_every_value_is_in_one_bucket_and_in_the_sum(values: list[int]) -> None:
    histogram = Histogram(STOP_MS)
    for value in values:
        histogram.observe(value)
    counted = [max(value, 0) for value in values]
    assert histogram.total == sum(counted)
    assert sum(histogram.counts) == len(values)
    for index, bound in enumerate(STOP_MS):
        assert sum(histogram.counts[: index + 1]) == sum(value <= bound for value in counted)


def test_merging_adds_up() -> None:
    parts = [Histogram(TICK_MS), Histogram(TICK_MS)]
    parts[0].observe(1)
    parts[1].observe(3)
    parts[1].observe(5_000)
    together = merged(parts, TICK_MS)
    assert (sum(together.counts), together.total, together.counts[-1]) == (3, 5_004, 1)
    assert sum(merged([], TICK_MS).counts) == 0


class Watched(Rig):
    """A desk whose trade the meters see after everything that happens."""

    def __init__(self) -> None:
        super().__init__()
        self.meters = SymbolMeters()

    def look(self) -> SymbolMeters:
        self.meters.see(self.desk.bracket, self.now_ms)
        return self.meters

    def entered(self) -> Watched:
        """The entry is sent, 40 ms later executed, which is known after 60 more."""
        entry = self.entry_sent()
        self.look()
        executed = fill(client_id=entry, at_ms=self.now_ms + 40)
        self.wait(100)
        self.hears(order_report(entry, caused_by=executed))
        self.look()
        return self

    def stop_confirmed(self, after_ms: int) -> Watched:
        """The stop rests."""
        if self.desk.in_flight is not None:
            self.desk.on_reply(self.desk.in_flight, Done(value=None), self.now_ms)
        stop = self.leaves(PlaceOrder)
        self.answered(Done(value=algo_report(stop.client_id)), after_ms)
        self.look()
        return self


def test_a_stop_is_timed_from_the_execution_on_the_exchange() -> None:
    rig = Watched().entered()
    assert rig.meters.unprotected_since_ms == rig.now_ms - 60
    assert rig.meters.unprotected_ms(rig.now_ms + 500) == 560
    rig.stop_confirmed(after_ms=140)
    assert rig.meters.unprotected_since_ms is None
    assert rig.meters.unprotected_ms(rig.now_ms + 10_000) == 200
    assert (sum(rig.meters.fill_to_stop_ms.counts), rig.meters.fill_to_stop_ms.total) == (1, 200)
    assert (sum(rig.meters.decision_to_ack_ms.counts), rig.meters.decision_to_ack_ms.total) == (1, 100)


def test_looking_again_adds_nothing() -> None:
    rig = Watched().entered().stop_confirmed(after_ms=140)
    for _ in range(3):
        rig.wait(1_000)
        rig.look()
    assert sum(rig.meters.fill_to_stop_ms.counts) == 1
    assert sum(rig.meters.decision_to_ack_ms.counts) == 1
    assert rig.meters.unprotected_ms(rig.now_ms) == 200


def test_a_lost_stop_is_time_without_one_but_no_second_entry() -> None:
    rig = Watched().entered().stop_confirmed(after_ms=140)
    rig.hears(algo_report(rig.bracket.stop.client_id, AlgoStatus.CANCELED))
    rig.look()
    rig.wait(250)
    assert rig.look().unprotected_ms(rig.now_ms) == 450
    assert sum(rig.meters.fill_to_stop_ms.counts) == 1


def test_a_trade_that_is_flat_before_its_stop_counts_until_then() -> None:
    rig = Watched().entered()
    rig.desk.close(rig.bracket.trade_id, CloseReason.MANUAL)
    bracket = rig.bracket
    rig.wait(700)
    closing = rig.exit_filled("v7-main-BTCUSDT-1-1X")
    rig.desk.on_report(closing, rig.now_ms)
    rig.meters.ended(bracket, CloseReason.MANUAL, rig.now_ms)
    assert sum(rig.meters.fill_to_stop_ms.counts) == 1
    assert rig.meters.fill_to_stop_ms.total == 760
    assert rig.meters.trades == {("A", "MANUAL"): 1}
    assert rig.meters.unprotected_ms(rig.now_ms + 5_000) == 760


def test_an_entry_that_comes_to_nothing_is_no_fill() -> None:
    rig = Watched()
    rig.entry_sent()
    rig.look()
    bracket = rig.bracket
    rig.answered(Refused(code=-2019, text="Margin is insufficient."))
    rig.look()
    rig.meters.ended(bracket, CloseReason.ORDER_REJECTED, rig.now_ms)
    assert rig.meters.trades == {("A", "ORDER_REJECTED"): 1}
    assert sum(rig.meters.fill_to_stop_ms.counts) == 0
    assert sum(rig.meters.decision_to_ack_ms.counts) == 0


def test_a_trade_found_in_the_journal_is_no_new_entry() -> None:
    """Its time without a confirmed stop counts from when that is known."""
    meters = SymbolMeters()
    rig = Rig().filled()
    meters.see(rig.bracket, rig.now_ms)
    assert meters.unprotected_since_ms == rig.bracket.naked_since_ms
    rig.wait(300)
    rig.done(algo_report(rig.leaves(PlaceOrder).client_id))
    meters.see(rig.bracket, rig.now_ms)
    assert sum(meters.fill_to_stop_ms.counts) == 0
    assert meters.unprotected_ms(rig.now_ms) > 0


@pytest.mark.parametrize(
    ("outcome", "word"),
    [(Done(value=SETUP), "DONE"), (NO_SUCH_ORDER, "REFUSED"), (Unknown(text="timeout"), "UNKNOWN")],
)
def test_answers_are_counted_by_kind_and_outcome(outcome: Outcome, word: str) -> None:
    meters = Meters()
    meters.replied(QueryAccount(), outcome, 30)
    meters.replied(QueryAccount(), outcome, 70)
    assert outcome_of(outcome) == word
    assert meters.requests == {("QueryAccount", word): 2}
    assert meters.reply_ms["QueryAccount"].total == 100


def test_a_symbol_that_comes_again_counts_on() -> None:
    meters = Meters()
    meters.of("BTCUSDT").decisions["HOLD"] += 1
    assert meters.of("BTCUSDT").decisions == {"HOLD": 1}
