from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.domain.money_builders import plan, trade
from vortex.domain.order import ZERO, Side
from vortex.domain.risk.account import DAY_MS, AccountLedger
from vortex.domain.risk.codes import RejectCode
from vortex.domain.risk.params import RiskParams
from vortex.domain.trade import CloseReason, EntryPlan

MIDNIGHT = 19_700 * DAY_MS
NOON = MIDNIGHT + DAY_MS // 2
WIN, LOSS = Decimal(1), Decimal(-1)


def ledger(equity: str | None = "10000", **limits: Any) -> AccountLedger:
    made = AccountLedger(RiskParams(**limits))
    if equity is not None:
        made.equity_observed(NOON, Decimal(equity))
    return made


def money(*values: int) -> tuple[Decimal, ...]:
    return tuple(Decimal(value) for value in values)


def entry(symbol: str = "BTCUSDT", **changes: Any) -> EntryPlan:
    return plan(symbol=symbol, decision_id=f"decision {symbol}", **changes)


def code(of: AccountLedger, wanted: EntryPlan, now_ms: int = NOON) -> RejectCode | None:
    denial = of.reserve(wanted, now_ms)
    return None if denial is None else denial.code


def close(
    of: AccountLedger, number: int, net: Decimal = LOSS, reason: CloseReason = CloseReason.TP_HIT, at_ms: int = NOON
) -> None:
    of.closed(trade(f"trade-{number}"), net, reason, at_ms)


# ------------------------------------------------------------------------------------------------------- the UTC day


def test_the_first_observation_of_the_utc_day_is_its_start() -> None:
    made = ledger()
    made.equity_observed(NOON + 1, Decimal(9_900))
    assert made.view(NOON).daily_pnl_usdt == -100
    made.equity_observed(MIDNIGHT + DAY_MS, Decimal(9_800))
    view = made.view(NOON)
    assert (view.day_start_equity_usdt, view.daily_pnl_usdt) == (Decimal(9_800), ZERO)


@pytest.mark.parametrize(
    ("equity", "latched", "flatten"),
    [("9700.01", False, False), ("9700", True, False), ("9550.01", True, False), ("9550", True, True)],
)
def test_the_guards_latch_at_their_share_of_the_days_start(equity: str, latched: bool, flatten: bool) -> None:  # noqa: FBT001  # a table
    made = ledger()
    made.equity_observed(NOON, Decimal(equity))
    view = made.view(NOON)
    assert (view.drawdown_latched, view.flatten_latched) == (latched, flatten)
    assert code(made, entry()) is (RejectCode.DRAWDOWN if latched else None)


def test_a_latch_survives_a_recovery_and_a_restart_but_not_the_day() -> None:
    made = ledger()
    made.equity_observed(NOON, Decimal(9_600))
    made.equity_observed(NOON, Decimal(10_100))
    again = AccountLedger(RiskParams())
    again.restore(made.dump())
    assert again.view(NOON).drawdown_latched
    again.equity_observed(NOON, Decimal(10_050))
    assert again.view(NOON).daily_pnl_usdt == 50
    assert again.view(MIDNIGHT + DAY_MS).drawdown_latched, "no observation of the new day yet"
    again.equity_observed(MIDNIGHT + DAY_MS, Decimal(10_050))
    assert not again.view(NOON).drawdown_latched


def test_a_clock_that_steps_back_over_midnight_does_not_start_the_day_anew() -> None:
    made = ledger()
    made.equity_observed(MIDNIGHT - 1, Decimal(9_000))
    assert made.view(NOON).daily_pnl_usdt == -1_000


def test_a_transfer_is_no_profit() -> None:
    made = ledger()
    for _ in range(2):  # told twice, moved once
        made.transferred(NOON, Decimal(-500))
    made.equity_observed(NOON, Decimal(9_500))
    assert made.view(NOON).daily_pnl_usdt == 0


def test_the_owners_daily_loss_latches_too() -> None:
    made = ledger(max_daily_loss_usdt=20.0)
    made.equity_observed(NOON, Decimal(9_980))
    assert code(made, entry()) is RejectCode.DRAWDOWN


# ------------------------------------------------------------------------------------------------------- reservations


def test_without_equity_nothing_is_granted() -> None:
    assert code(ledger(None), entry()) is RejectCode.STALE_DATA


def test_a_reservation_holds_its_share_until_it_expires() -> None:
    made = ledger()
    assert code(made, entry()) is None
    assert code(made, entry(), NOON + 9_999) is RejectCode.PENDING_ENTRY
    assert code(made, entry(), NOON + 10_000) is None


def test_an_open_trade_does_not_expire_and_counts_once() -> None:
    made = ledger()
    made.reserve(entry(), NOON)
    for _ in range(2):
        made.opened(trade(decision_id="decision BTCUSDT"), NOON)
    assert code(made, entry(), NOON + DAY_MS // 4) is RejectCode.POSITION_EXISTS
    view = made.view(NOON)
    assert view.trades_today == 1
    exposure = view.exposures["BTCUSDT"]
    assert (exposure.notional_usdt, exposure.margin_usdt, exposure.risk_usdt) == money(6_000, 300, 15)


def test_a_partial_fill_uses_its_part_of_the_risk() -> None:
    made = ledger()
    made.opened(msgspec.structs.replace(trade(), quantity=Decimal("0.04")), NOON)
    exposure = made.view(NOON).exposures["BTCUSDT"]
    assert (exposure.notional_usdt, exposure.margin_usdt, exposure.risk_usdt) == money(2_400, 120, 6)


def test_a_failed_entry_releases_its_own_reservation_and_cools_down() -> None:
    made = ledger()
    made.reserve(entry(), NOON)
    made.failed(entry(), NOON)
    assert not made.view(NOON).exposures
    assert code(made, entry(), NOON + 299_999) is RejectCode.COOLDOWN
    assert code(made, entry(), NOON + 300_000) is None


def test_a_late_failure_does_not_release_another_entry() -> None:
    made = ledger()
    made.reserve(entry(), NOON)
    made.failed(plan(decision_id="an older one"), NOON)
    assert "BTCUSDT" in made.view(NOON).exposures


def test_the_exchanges_truth_releases_an_exposure_whose_end_was_never_told() -> None:
    book = ledger()
    book.opened(trade("trade-1"), NOON)
    book.reconciled("BTCUSDT", "trade-1")
    assert book.view(NOON).exposures["BTCUSDT"].trade_id == "trade-1"
    book.reconciled("ETHUSDT", None)
    book.reconciled("BTCUSDT", None)
    assert book.view(NOON).exposures == {}


def test_a_reservation_is_not_released_because_the_symbol_is_still_flat() -> None:
    book = ledger()
    assert book.reserve(entry(), NOON) is None
    book.reconciled("BTCUSDT", None)
    assert "BTCUSDT" in book.view(NOON).exposures


def test_two_symbols_cannot_pass_the_same_limit_at_once() -> None:
    made = ledger(max_positions=5, max_same_direction=5)
    wanted = {"risk_usdt": Decimal(110)}
    assert code(made, entry("A", **wanted)) is None
    assert code(made, entry("B", **wanted)) is RejectCode.EXPOSURE_CAP
    assert code(made, entry("B", notional_usdt=Decimal(95_000))) is RejectCode.EXPOSURE_CAP
    assert code(made, entry("B", margin_usdt=Decimal(9_701))) is RejectCode.INSUFFICIENT_MARGIN
    assert code(made, entry("B", margin_usdt=Decimal(9_700))) is None


def test_a_denial_carries_its_figures() -> None:
    denial = ledger().reserve(entry(risk_usdt=Decimal("200.5")), NOON)
    assert denial is not None
    assert denial.details == {"risk_usdt": "200.5", "room_usdt": "200"}


def test_positions_are_limited_in_all_and_in_one_direction() -> None:
    made = ledger()
    assert [code(made, entry(symbol)) for symbol in "ABC"] == [None, None, RejectCode.MAX_POSITIONS]
    assert code(made, entry("C", side=Side.SHORT)) is None
    assert code(made, entry("D", side=Side.SHORT)) is RejectCode.MAX_POSITIONS


def test_the_owners_limits_of_notional_and_trades() -> None:
    made = ledger(max_notional_usdt=10_000.0, max_trades_per_day=2)
    assert code(made, entry("A")) is None
    assert code(made, entry("B")) is RejectCode.EXPOSURE_CAP
    made.opened(trade(), NOON)
    assert code(made, entry("B", side=Side.SHORT, notional_usdt=Decimal(1))) is RejectCode.MAX_TRADES


def test_what_the_exchange_calls_available_counts_less_what_was_granted_since() -> None:
    made = ledger()
    made.equity_observed(NOON, Decimal(10_000), available=Decimal(1_000))
    made.reserve(entry("A"), NOON + 1)
    assert made.view(NOON + 1).available_usdt == 700
    made.equity_observed(NOON + 2, Decimal(10_000), available=Decimal(690))
    assert made.view(NOON + 2).available_usdt == 690
    made.equity_observed(NOON + 3, Decimal(900), available=Decimal(690))
    assert made.view(NOON + 3).available_usdt == 600


# -------------------------------------------------------------------------------------------------- cooldowns, governor


@pytest.mark.parametrize(
    ("reason", "seconds", "cause"), [(CloseReason.TP_HIT, 30, "CLOSE"), (CloseReason.SL_HIT, 180, "SL_HIT")]
)
def test_a_close_cools_its_symbol_down(reason: CloseReason, seconds: int, cause: str) -> None:
    made = ledger()
    close(made, 1, WIN, reason)
    cooldown = made.view(NOON).cooldowns["BTCUSDT"]
    assert (cooldown.until_ms, cooldown.cause) == (NOON + seconds * 1_000, cause)
    assert code(made, entry(), cooldown.until_ms - 1) is RejectCode.COOLDOWN
    assert code(made, entry("ETHUSDT"), cooldown.until_ms - 1) is None
    assert code(made, entry(), cooldown.until_ms) is None


def test_when_the_clock_was_set_back_what_lies_in_the_future_lasts_from_now() -> None:
    made = ledger(governor_entries_per_min=2)
    later_ms = NOON + 3_600_000
    assert code(made, entry("ETHUSDT"), later_ms) is None
    close(made, 1, WIN, CloseReason.SL_HIT, at_ms=later_ms)
    view = made.view(NOON)
    assert (view.cooldowns["BTCUSDT"].until_ms, view.exposures["ETHUSDT"].since_ms) == (NOON + 180_000, NOON)
    assert code(made, entry("ETHUSDT"), NOON + 9_999) is RejectCode.PENDING_ENTRY
    assert code(made, entry(), NOON + 179_999) is RejectCode.COOLDOWN
    for symbol in ("ETHUSDT", "BTCUSDT"):
        assert code(made, entry(symbol), NOON + 180_000) is None, "the grant of the future is older than a minute"


def test_three_net_losses_in_a_row_cool_down_for_long() -> None:
    made = ledger()
    for number, net in enumerate([LOSS, LOSS, WIN, LOSS, Decimal(0), LOSS]):
        close(made, number, net)
    assert made.view(NOON).cooldowns["BTCUSDT"].cause == "CLOSE"
    close(made, 6)
    cooldown = made.view(NOON).cooldowns["BTCUSDT"]
    assert (cooldown.until_ms, cooldown.cause) == (NOON + 1_800_000, "CONSECUTIVE_LOSSES")


def test_a_shorter_cooldown_does_not_end_a_longer_one() -> None:
    made = ledger()
    close(made, 1, WIN, CloseReason.SL_HIT)
    close(made, 2, WIN, at_ms=NOON + 1_000)
    assert made.view(NOON).cooldowns["BTCUSDT"].cause == "SL_HIT"


def test_a_new_day_forgets_losses_and_zero_turns_the_rule_off() -> None:
    made, off = ledger(), ledger(consecutive_losses=0)
    for number in range(2):
        close(made, number)
    made.equity_observed(MIDNIGHT + DAY_MS, Decimal(10_000))
    close(made, 2)
    for number in range(5):
        close(off, number)
    assert made.view(NOON).cooldowns["BTCUSDT"].cause == off.view(NOON).cooldowns["BTCUSDT"].cause == "CLOSE"


def test_a_repeated_close_counts_once_also_after_a_restart() -> None:
    made = ledger(consecutive_losses=2)
    close(made, 1)
    again = AccountLedger(RiskParams(consecutive_losses=2))
    again.restore(made.dump())
    close(again, 1)
    assert again.view(NOON).cooldowns["BTCUSDT"].cause == "CLOSE"
    close(again, 2)
    assert again.view(NOON).cooldowns["BTCUSDT"].cause == "CONSECUTIVE_LOSSES"


def test_one_entry_too_many_within_a_minute_trips_the_governor_for_good() -> None:
    made = ledger(governor_entries_per_min=3, reservation_s=1)
    times = [NOON, NOON + 20_000, NOON + 40_000, NOON + 59_999]
    assert [code(made, entry(), at_ms) for at_ms in times] == [None, None, None, RejectCode.HALTED]
    assert made.view(NOON).governor_tripped == "more than 3 entries within a minute"
    assert code(made, entry(), NOON + 3_600_000) is RejectCode.HALTED
    made.reset_governor()
    assert code(made, entry(), NOON + 3_600_000) is None


def test_a_request_that_is_denied_anyway_does_not_trip_the_governor() -> None:
    made = ledger(governor_entries_per_min=1)
    assert [code(made, entry()) for _ in range(2)] == [None, RejectCode.PENDING_ENTRY]
    assert made.view(NOON).governor_tripped is None


def test_an_empty_account_has_lost_nothing() -> None:
    assert not ledger("0").view(NOON).drawdown_latched


def test_entries_spread_over_more_than_a_minute_do_not_trip_it() -> None:
    made = ledger(governor_entries_per_min=3, reservation_s=1)
    assert [code(made, entry(), NOON + 20_000 * step) for step in range(8)] == [None] * 8


def test_one_losing_trade_too_many_within_an_hour_trips_the_governor() -> None:
    made = ledger(governor_losing_trips_per_hour=3)
    for number in range(3):
        close(made, number, at_ms=NOON + number)
    assert made.view(NOON).governor_tripped is None
    close(made, 3, at_ms=NOON + 3_600_000)
    assert made.view(NOON).governor_tripped is None, "the first has left the hour"
    close(made, 4, at_ms=NOON + 3_600_000)
    assert made.view(NOON).governor_tripped == "4 losing trades within an hour"


# ------------------------------------------------------------------------------------------------------------- restart


def test_everything_but_the_equity_survives_a_restart() -> None:
    made = ledger()
    made.reserve(entry("ETHUSDT"), NOON)
    made.opened(trade(), NOON)
    close(made, 9)
    made.opened(trade(), NOON)
    again = AccountLedger(RiskParams())
    again.restore(made.dump())
    assert again.dump() == made.dump()
    assert again.view(NOON).equity_usdt is None
    again.equity_observed(NOON, Decimal(10_000))
    assert again.view(NOON) == made.view(NOON)


def test_an_observation_without_news_changes_nothing_that_must_be_kept() -> None:
    made = ledger()
    before = made.dump()
    made.equity_observed(NOON + 5_000, Decimal(10_001))
    assert made.dump() == before


def test_a_foreign_dump_is_refused() -> None:
    with pytest.raises(msgspec.DecodeError):
        ledger().restore(b"not ours")


def test_an_account_that_shows_nothing_has_lost_nothing_and_enters_nothing() -> None:
    made = ledger()
    made.equity_observed(NOON, Decimal(0))
    view = made.view(NOON)
    assert (view.equity_usdt, view.drawdown_latched, view.flatten_latched) == (None, False, False)
    denied = made.reserve(plan(), NOON)
    assert denied is not None
    assert denied.code is RejectCode.STALE_DATA
    made.equity_observed(NOON + 1, Decimal(9_990))
    assert made.view(NOON).daily_pnl_usdt == -10
