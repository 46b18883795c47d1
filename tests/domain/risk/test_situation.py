"""What a decision knows, and what it asks the gates."""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from tests.domain.money_builders import NOW, RULES, TIERS, account, book, decision, mark, plan
from vortex.domain.order import SymbolSetup
from vortex.domain.risk.situation import Situation
from vortex.domain.trade import Strategy

SETUP = SymbolSetup(rules=RULES, tiers=TIERS, taker_fee=Decimal("0.0005"))


def known() -> Situation:
    """Everything seen once."""
    situation = Situation()
    situation.account, situation.setup = account(), SETUP
    situation.see_book(book())
    situation.see_mark(mark())
    return situation


def test_nothing_is_asked_before_everything_needed_is_known() -> None:
    for missing in ("account", "setup", "book"):
        situation = known()
        setattr(situation, missing, None)
        assert situation.request(decision(), NOW) is None
    assert known().request(decision(), NOW) is not None


def test_a_request_holds_what_is_known_now() -> None:
    situation = known()
    situation.closed_gates |= {"monitor", "exchange"}
    situation.in_position, situation.pending, situation.shutting_down = True, plan(), True
    request = situation.request(decision(), NOW)
    assert request is not None
    assert (request.book, request.mark, request.account) == (book(), mark(), account())
    assert (request.rules, request.tiers, request.taker_fee) == (RULES, TIERS, Decimal("0.0005"))
    assert (request.has_position, request.pending_entry, request.shutting_down) == (True, True, True)
    assert request.closed_gates == ("exchange", "monitor")


def test_the_mid_before_a_jump_is_that_of_the_last_second() -> None:
    situation = known()
    first = book()
    for step in range(1, 31):
        situation.see_book(book(at_ms=NOW + 100 * step, bids=((first.best_bid + step, 1.0),)))
    request = situation.request(decision(), NOW + 3_000)
    assert request is not None
    assert request.mid_1s_ago == book(bids=((first.best_bid + 20, 1.0),)).mid


def test_a_book_without_a_side_is_kept_but_has_no_mid() -> None:
    situation = Situation()
    situation.see_book(book(bids=()))
    situation.account, situation.setup = account(), SETUP
    request = situation.request(decision(), NOW)
    assert request is not None
    assert request.mid_1s_ago is None


def test_only_the_signal_under_way_repeats() -> None:
    situation = known()
    assert not situation.repeats(decision())
    situation.pending = plan()
    same = replace(decision(), strategy=situation.pending.strategy)
    other = next(strategy for strategy in Strategy if strategy is not situation.pending.strategy)
    assert situation.repeats(same)
    assert not situation.repeats(replace(same, strategy=other))


def test_a_book_is_good_old_or_unfit() -> None:
    assert Situation().book_fault(NOW) == "no book yet"
    situation = known()
    assert situation.book_fault(NOW + 1_000) is None
    assert situation.book_fault(NOW + 1_001) == "the last book is older than 1000 ms"
    for bad in (book(bids=()), book(asks=()), book(bids=((60_000.0, 1.0),)), book(bids=((float("nan"), 1.0),))):
        situation.see_book(bad)
        assert situation.book_fault(NOW) == "the book is crossed or empty"
