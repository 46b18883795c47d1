"""What people are told, and when: in time that is an argument."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from msgspec.structs import replace

from tests.domain.money_builders import NOW, account, plan
from tests.kit.builders import SELL, fill
from vortex.domain.notify.day import Day
from vortex.domain.notify.kinds import Kind, Notification
from vortex.domain.notify.teller import AGAIN_MS, Teller, TellingRules
from vortex.domain.notify.watch import ClosedGate
from vortex.domain.notify.words import DAY_MS, date_of, lasting, time_of, usdt
from vortex.domain.operation import Gate
from vortex.domain.order import ZERO
from vortex.domain.trade import CloseReason, OpenTrade

pytestmark = pytest.mark.usefixtures("rounding_of_others")

S = 1_000
OPENED = NOW + 60 * S
MIDNIGHT = (NOW // DAY_MS + 1) * DAY_MS
ENTRY, EXIT = (fill(1, at_ms=OPENED),), (fill(2, side=SELL, price="60100", at_ms=OPENED + 65 * S),)


def trade(number: int = 1, *, protected: bool = True, opened_ms: int = OPENED, price: str = "60001") -> OpenTrade:
    return OpenTrade(
        trade_id=f"trade-{number}", plan=plan(), quantity=Decimal("0.1"), entry_price=Decimal(price),
        open_fee_usdt=Decimal(3), opened_ms=opened_ms, protected=protected,
    )  # fmt: skip


def teller(*mute: Kind, day: Day | None = None, now_ms: int = NOW) -> Teller:
    return Teller(TellingRules(mute=frozenset(mute)), now_ms, day)


def texts(found: list[Notification]) -> list[str]:
    return [str(each) for each in found]


def kinds(found: list[Notification]) -> list[Kind]:
    return [each.kind for each in found]


def close(told: Teller, number: int = 1, reason: CloseReason = CloseReason.TP_HIT, now_ms: int = OPENED) -> None:
    told.closed(trade(number), ENTRY, EXIT, reason, ZERO, now_ms)


# --------------------------------------------------------------------------------------------------------------- trades


def test_entry_and_exit_are_told_once_with_what_was_earned() -> None:
    told = teller()
    for _ in range(2):  # an actor that crashed is told again
        told.opened(trade(), OPENED)
    close(told)
    assert texts(told.take(OPENED)) == [
        "entry: BTCUSDT LONG 0.1 at 60001, stop 59915.4, take-profit 60253.8, x20, strategy A",
        "exit: BTCUSDT LONG TP_HIT: net +4 USDT (+1.33 % of margin), fees 6, 60000 to 60100, held 1 min 5 s",
    ]


def test_what_was_open_before_the_start_is_found_not_entered() -> None:
    told = teller()
    told.opened(trade(opened_ms=NOW - 1, price="60500"), NOW + 5)
    (found,) = told.take(NOW + 5)
    assert str(found).startswith("entry: found open: BTCUSDT LONG 0.1 at 60500")
    assert told.day.slippage_usdt == 0


def test_what_is_muted_is_counted_and_not_told() -> None:
    told = teller(Kind.ENTRY, Kind.EXIT)
    told.opened(trade(), OPENED)
    close(told)
    assert told.take(OPENED) == []
    assert told.day.trades == 1


# ---------------------------------------------------------------------------------------------------------------- stops


def test_a_stop_that_comes_in_time_is_not_worth_a_word() -> None:
    told = teller(Kind.ENTRY)
    told.opened(trade(protected=False), OPENED)
    assert told.take(OPENED + 2 * S) == []
    told.guarded("trade-1", "BTCUSDT", OPENED + 2 * S, protected=True)
    assert told.take(OPENED + 60 * S) == []
    assert told.day.unprotected_ms == 2 * S


def test_a_late_stop_is_told_once_and_a_missing_one_again() -> None:
    told = teller(Kind.ENTRY)
    told.opened(trade(protected=False), OPENED)
    assert texts(told.take(OPENED + 2_001)) == ["stop_late: BTCUSDT trade-1: no confirmed stop for 2.0 s"]
    assert told.take(OPENED + 4 * S) == []
    assert kinds(told.take(OPENED + 5_001)) == [Kind.STOP_FAILED]
    assert told.take(OPENED + 60 * S) == []


def test_a_lost_stop_counts_from_its_loss() -> None:
    told = teller(Kind.ENTRY)
    told.opened(trade(), OPENED)
    told.guarded("trade-1", "BTCUSDT", OPENED + 30 * S, protected=False)
    assert told.take(OPENED + 31 * S) == []
    assert kinds(told.take(OPENED + 33 * S)) == [Kind.STOP_LATE]


def test_a_position_closed_for_want_of_a_stop_is_urgent() -> None:
    told = teller(Kind.ENTRY)
    told.opened(trade(protected=False), OPENED)
    close(told, reason=CloseReason.PROTECTION_FAILED, now_ms=OPENED + 3 * S)
    assert kinds(told.take(OPENED + 3 * S)) == [Kind.EXIT, Kind.STOP_FAILED]
    assert told.take(OPENED + 60 * S) == []


# -------------------------------------------------------------------------------------------------------------- account


def test_limits_are_told_when_they_are_reached() -> None:
    told = teller()
    told.account(account(daily_pnl_usdt=Decimal("-299.999")), NOW)
    assert told.take(NOW) == []
    lost = account(daily_pnl_usdt=Decimal("-300.5"), drawdown_latched=True)
    for _ in range(2):
        told.account(lost, NOW)
    assert texts(told.take(NOW)) == ["drawdown: -300.5 USDT today: no entries for the rest of the UTC day"]
    told.account(replace(lost, flatten_latched=True), NOW)
    assert texts(told.take(NOW)) == ["drawdown: -300.5 USDT today: every position is closed"]


def test_what_stays_bad_is_told_again_after_an_hour_or_after_somebody_acted() -> None:
    told, halt = teller(), Notification(kind=Kind.HALT, text="BTCUSDT: its tree crashed too often")
    told.hear(halt, NOW)
    told.hear(halt, NOW + AGAIN_MS - 1)
    assert told.take(NOW) == [halt]
    told.hear(halt, NOW + AGAIN_MS)
    assert told.take(NOW) == [halt]
    told.hear(Notification(kind=Kind.OPERATION, text="unhalt BTCUSDT: control API"), NOW + AGAIN_MS + 1)
    told.hear(halt, NOW + AGAIN_MS + 2)
    assert kinds(told.take(NOW)) == [Kind.OPERATION, Kind.HALT]


# ----------------------------------------------------------------------------------------------------------- what lasts


def closed_gate(symbol: str, gate: Gate = Gate.BOOK, since_ms: int = NOW) -> ClosedGate:
    return ClosedGate(symbol=symbol, gate=gate, since_ms=since_ms, detail="old")


def test_a_feed_that_stays_away_is_told_with_its_symbols_and_so_is_its_return() -> None:
    told, both = teller(), ("A", "B")
    told.gates([closed_gate("A"), closed_gate("B")], both, NOW + 9_999)
    assert told.take(NOW) == []
    for later in (10, 15):
        told.gates([closed_gate("A"), closed_gate("B")], both, NOW + later * S)
    assert texts(told.take(NOW)) == ["stale_feed: gate book is closed: old; no entries of A, B"]
    told.gates([], (), NOW + 20 * S)  # nobody answered: nothing is known
    assert told.take(NOW) == []
    told.gates([closed_gate("B")], both, NOW + 32 * S)
    assert texts(told.take(NOW)) == ["stale_feed: gate book is open again after 32.0 s: A"]


@pytest.mark.parametrize(
    ("gate", "kind"),
    [(Gate.USER_STREAM, Kind.STALE_FEED), (Gate.DISK, Kind.GATE), (Gate.JOURNAL, Kind.GATE), (Gate.CLOCK, Kind.GATE)],
)
def test_gates_of_the_machine_have_a_kind_of_their_own(gate: Gate, kind: Kind) -> None:
    told = teller()
    told.gates([closed_gate("A", gate), closed_gate("A", Gate.PAUSED)], ("A",), NOW + 10 * S)
    assert kinds(told.take(NOW)) == [kind]


def test_rows_that_wait_are_told_once_until_they_do_not() -> None:
    told = teller()
    told.outbox(3, NOW, 0, NOW + 60 * S)
    assert told.take(NOW) == []
    for later in (61, 90):
        told.outbox(5, NOW, 0, NOW + later * S)
    told.outbox(0, None, 1, NOW + 100 * S)
    assert texts(told.take(NOW)) == [
        "outbox_lag: 5 rows wait for the ledger, the oldest for 1 min 1 s; they are on disk",
        "outbox_lag: the ledger takes rows again, 0 wait",
        "outbox_lag: 1 rows are refused by the ledger and set aside",
    ]


# -------------------------------------------------------------------------------------------------------------- the day


def test_the_day_is_told_at_five_past_midnight() -> None:
    told = teller(Kind.ENTRY, Kind.EXIT, Kind.RESTART)
    told.opened(trade(protected=False), OPENED)
    told.guarded("trade-1", "BTCUSDT", OPENED + 150, protected=True)
    close(told)
    told.hear(Notification(kind=Kind.RESTART, text="BTCUSDT/E1"), OPENED)
    told.account(account("10003", daily_pnl_usdt=Decimal(3), ts_ms=OPENED), OPENED)
    told.account(account("10500", daily_pnl_usdt=Decimal(500), ts_ms=MIDNIGHT + 1), MIDNIGHT + 1)
    assert told.take(MIDNIGHT + 299 * S) == []
    (summary,) = told.take(MIDNIGHT + 300 * S)
    assert summary.kind is Kind.DAILY_SUMMARY
    assert summary.text.splitlines() == [
        "2023-11-14 UTC, counted since 22:13 UTC",
        "trades 1, won 1, net +4 USDT",
        "fees 6 USDT, funding 0 USDT",
        "slippage of entries 0.1 USDT",
        "time without confirmed stop 150 ms",
        "restarts of actors 1, starts of the process 1",
        (
            "balance: equity 10003, moved +3 USDT, closed trades +4 USDT, -1 USDT apart"
            " (positions open at either end, or not counted here)"
        ),
    ]
    assert told.take(MIDNIGHT + 86_000 * S) == []
    assert kinds(told.take(MIDNIGHT + DAY_MS + 300 * S)) == [Kind.DAILY_SUMMARY]


def test_a_day_outlives_the_process_and_one_that_ended_meanwhile_is_told_at_the_start() -> None:
    first = teller(Kind.EXIT)
    close(first)
    kept = msgspec.json.decode(msgspec.json.encode(first.day), type=Day)
    second = teller(day=kept, now_ms=NOW + 3 * S)
    assert (second.day.trades, second.day.starts) == (1, 2)
    third = teller(day=second.day, now_ms=MIDNIGHT + DAY_MS)
    (summary,) = third.take(MIDNIGHT + DAY_MS)
    assert "trades 1, won 1" in summary.text
    assert (third.day.trades, third.day.starts) == (0, 1)


def test_a_clock_that_goes_back_over_midnight_loses_nothing() -> None:
    told = teller(now_ms=MIDNIGHT)
    close(told)
    assert told.take(MIDNIGHT - 10 * S)
    assert told.day.trades == 1


# ---------------------------------------------------------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("day", "text"),
    [(0, "1970-01-01"), (59, "1970-03-01"), (11_016, "2000-02-29"), (19_782, "2024-02-29"), (20_785, "2026-11-28")],
)
def test_dates(day: int, text: str) -> None:
    assert date_of(day) == text


def test_figures_for_people() -> None:
    assert [lasting(each) for each in (0, 999, 12_345, 200_000, 7_500_000)] == [
        "0 ms", "999 ms", "12.3 s", "3 min 20 s", "2 h 05 min",
    ]  # fmt: skip
    assert [usdt(Decimal(each)) for each in ("12.345678", "-0.04567", "0", "-1.005")] == [
        "+12.35 USDT", "-0.04567 USDT", "0 USDT", "-1 USDT",
    ]  # fmt: skip
    assert time_of(NOW) == "22:13"
