"""The exchange, its market and a person do to an open position what they like (F25, F31, F33 to F36, F38)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import pytest

from tests.kit.invariants import trade_id
from tests.kit.ledger import lasted_ms, naked_spans, trades_of
from tests.kit.processes import eventually
from tests.kit.stand import LOAD_MS, ORDER, SOON_S, TIMEOUT_MS, Play, Played, Trial, played, sampled
from vortex.domain.trade import TradeRow

pytestmark = pytest.mark.e2e

SYMBOLS = 8
SEEN_MS = 5_000
"""Whatever somebody else does to a position is known within this."""
CLOSED = "closed"


def held(trial: Trial) -> dict[str, Any]:
    """A protected position, and no entry after it."""
    trial.resume()
    position = trial.opened()
    trial.paused()
    return dict(position)


def liquidable(trial: Trial) -> dict[str, Any]:
    """The same, with the price at which the exchange ends it."""
    held(trial)

    def priced(shown: Mapping[str, Any]) -> dict[str, Any] | None:
        position = shown["position"]
        return dict(position) if position and position["liq_price"] else None

    found = trial.until(priced, "liq_price")
    assert found is not None
    return found


def sign(position: dict[str, Any]) -> int:
    return 1 if position["side"] == "LONG" else -1


def beyond(position: dict[str, Any], key: str) -> str:
    """A price that is just beyond this one, on the losing side."""
    return f"{Decimal(position[key]) * (1 - sign(position) * Decimal('0.0005')):.1f}"


def closes_as(trial: Trial, position: dict[str, Any], *reasons: str) -> None:
    assert trial.ended(position["trade_id"]).close_reason in reasons


def seen_in_time(trial: Trial) -> None:
    """The symbol is free of its last trade soon after the exchange closed it."""
    trial.until(lambda shown: shown["position"] is None, CLOSED)
    seen_ms = trial.stand.now_ms()
    closed_ms = trades_of(trial.ledger(), trial.symbol)[-1].closed_ms
    assert closed_ms is not None
    assert lasted_ms(closed_ms, seen_ms, trial.stand.outages()) <= SEEN_MS + LOAD_MS


# ------------------------------------------------------------------------------------------------- conditional orders


def f33_stuck_triggering(trial: Trial) -> None:
    position = held(trial)
    trial.do("algo", "stuck_triggering")
    closes_as(trial, position, "PROTECTION_FAILED")


def f33_vanished(trial: Trial) -> None:
    trial.cost_ms = 3_000  # no event tells of it: the stop is asked for every 3 s
    position = held(trial)
    trial.do("algo", "vanish")
    closes_as(trial, position, "TIME_EXIT", "PROTECTION_FAILED")
    naked_ms = max(end_ms - start_ms for start_ms, end_ms in naked_spans(trial.ledger(), trial.symbol))
    assert naked_ms <= trial.cost_ms + 1_000 + LOAD_MS // 2


def f33_expired(trial: Trial) -> None:
    position = held(trial)
    trial.do("algo", "expire")
    closes_as(trial, position, "TIME_EXIT", "PROTECTION_FAILED")


def f33_rejected_on_trigger(trial: Trial) -> None:
    trial.recovering = False  # a market that jumped is not entered for minutes
    position = held(trial)
    trial.do("algo", "reject_on_trigger")
    trial.do("market", "price", to=beyond(position, "sl_price"))
    closes_as(trial, position, "SL_HIT", "PROTECTION_FAILED")


def f34_stop_and_exit_at_once(trial: Trial) -> None:
    trial.recovering = False
    position = held(trial)
    trial.do("market", "price", to=beyond(position, "sl_price"))
    trial.stand.command("flatten", symbol=trial.symbol)
    closes_as(trial, position, "SL_HIT", "MANUAL")
    rows = trial.stand.rows(trial.symbol, trial.since_ms)
    assert len([row for row in rows if row.status != "FAILED"]) == 1


# ----------------------------------------------------------------------------------------------------- the exchange


def f35_liquidated(trial: Trial) -> None:
    trial.recovering = False
    position = liquidable(trial)
    trial.do("algo", "reject_on_trigger")
    trial.do("market", "price", to=beyond(position, "liq_price"))
    closes_as(trial, position, "LIQUIDATED", "SL_HIT", "EMERGENCY", "PROTECTION_FAILED")
    seen_in_time(trial)
    closing = next(fill for fill in reversed(trial.ledger()["fills"]))
    row = trial.ended(position["trade_id"])
    assert (row.close_reason == "LIQUIDATED") == closing["client_id"].startswith("autoclose-")


def f35_liquidated_by_a_shock(trial: Trial) -> None:
    trial.recovering = False
    position = liquidable(trial)
    trial.do("algo", "stuck_triggering")
    away = 10_000 * abs(Decimal(position["liq_price"]) / Decimal(position["entry_price"]) - 1) + 20
    trial.do("market", "shock", bps=str(round(-sign(position) * away)), over_ms=200)
    trial.until(lambda shown: shown["position"] is None, CLOSED)
    row = trial.ended(position["trade_id"])
    closing = trial.ledger()["fills"][-1]
    assert (row.close_reason == "LIQUIDATED") == closing["client_id"].startswith("autoclose-")


def f35_deleveraged(trial: Trial) -> None:
    position = held(trial)
    trial.do("market", "adl", quantity=position["quantity"])
    closes_as(trial, position, "ADL")


def f35_deleveraged_in_part(trial: Trial) -> None:
    position = held(trial)
    trial.do("market", "adl", quantity="0.001")
    closes_as(trial, position, "TIME_EXIT")


# ---------------------------------------------------------------------------------------------------------- a person


def f36_closed_by_a_person(trial: Trial) -> None:
    position = held(trial)
    trial.do("user", "close")
    closes_as(trial, position, "EXTERNAL")
    seen_in_time(trial)


def f36_increased_by_a_person(trial: Trial) -> None:
    """His part is left to him: no entry beside it until he has closed it."""
    trial.mixed = True
    position = held(trial)
    trial.do("user", "increase", quantity="0.002")
    closes_as(trial, position, "TIME_EXIT")
    row = trial.ended(position["trade_id"])
    assert row.quantity == Decimal(position["quantity"])
    trial.resume()
    trial.stand.gate_closed("exchange", trial.symbol)
    trial.do("user", "close")


def f36_flipped_by_a_person(trial: Trial) -> None:
    trial.mixed = True
    position = held(trial)
    other = "SHORT" if position["side"] == "LONG" else "LONG"
    trial.do("user", "open", side=other, quantity=str(2 * Decimal(position["quantity"])))
    closes_as(trial, position, "EXTERNAL")
    trial.stand.gate_closed("exchange", trial.symbol)
    assert len([each for each in trial.ledger()["orders"] if each["client_id"].endswith("E")]) == 1
    trial.do("user", "close")


def f36_opened_by_a_person(trial: Trial) -> None:
    """A symbol that a person trades is left alone."""
    trial.mixed = True
    trial.do("user", "open", side="LONG", quantity="0.003")
    trial.stand.gate_closed("exchange", trial.symbol)
    trial.resume()
    trial.stand.pass_ms(3_000)
    ledger = trial.ledger()
    assert [each["client_id"][:4] for each in ledger["orders"]] == ["web_"]
    assert ledger["algo_orders"] == []
    trial.do("user", "close")


def f36_stop_cancelled_by_a_person(trial: Trial) -> None:
    position = held(trial)
    trial.do("user", "cancel_stop")
    closes_as(trial, position, "TIME_EXIT", "PROTECTION_FAILED")


def f36_leverage_changed_by_a_person(trial: Trial) -> None:
    """Each entry sets its own, which follows the market; the person's is more than any entry would take."""
    position = held(trial)
    trial.do("user", "leverage", leverage=40)
    closes_as(trial, position, "TIME_EXIT")
    trial.resume()
    again = trial.opened(after_ms=position["opened_ms"])
    assert position["leverage"] <= 30
    assert again["leverage"] <= 30


# --------------------------------------------------------------------------------------------------------- the market


def outrun(trial: Trial, quantity: str) -> tuple[Mapping[str, Any], TradeRow]:
    """The entry finds only this much, and its rest expires; the order and the row of its trade when that is over."""
    trial.do("market", "outrun", quantity=quantity)
    trial.resume()
    entry = trial.seen("orders", lambda order: order["status"] == "EXPIRED", "an expired entry")
    trial.paused()
    assert Decimal(entry["qty"]) > Decimal(entry["executed_qty"]) == Decimal(quantity)
    return entry, trial.ended(trade_id("main", trial.symbol, entry["client_id"]))


def f31_a_part_of_the_entry(trial: Trial) -> None:
    """What is open is protected, closed, and in its row as it was executed."""
    entry, row = outrun(trial, "0.002")
    assert (row.close_reason, row.quantity) == ("TIME_EXIT", Decimal("0.002"))
    resting = [each for each in trial.ledger()["algo_orders"] if each["client_id"][:-1] == entry["client_id"][:-1]]
    assert {each["type"] for each in resting} == {"STOP_MARKET", "TAKE_PROFIT_MARKET"}
    assert all(each["close_position"] or Decimal(each["qty"]) == row.quantity for each in resting)


def f31_a_part_of_the_entry_and_no_word_of_it(trial: Trial) -> None:
    """The same when the answer to the order is lost."""
    trial.cost_ms = TIMEOUT_MS
    lost = trial.rule("POST", ORDER, "timeout_after_apply")
    f31_a_part_of_the_entry(trial)
    trial.fired(lost)


def f31_nothing_of_the_entry(trial: Trial) -> None:
    """Accepted, and expired without any execution: nothing was open, and its row says so."""
    entry, row = outrun(trial, "0")
    assert (row.status, row.close_reason) == ("FAILED", "ORDER_EXPIRED")
    assert [state["status"] for state in entry["states"]] == ["NEW", "EXPIRED"]


def f31_no_liquidity_at_the_exit(trial: Trial) -> None:
    position = held(trial)
    trial.do("market", "empty", for_ms=4_000)
    trial.stand.command("flatten", symbol=trial.symbol)
    closes_as(trial, position, "MANUAL")


def f25_crossed_books(trial: Trial) -> None:
    quiet(trial, "crossed")


def f25_empty_books(trial: Trial) -> None:
    quiet(trial, "empty")


def f25_frozen_market(trial: Trial) -> None:
    quiet(trial, "freeze")


def quiet(trial: Trial, what: str) -> None:
    """No entry on books that cannot be traded."""
    began_ms = trial.stand.now_ms()  # before it: what is wrong lasts until 6 s after this at least
    trial.do("market", what, for_ms=6_000)
    trial.resume()
    trial.stand.pass_ms(began_ms + 5_500 - trial.stand.now_ms())
    late = [each for each in trial.ledger()["orders"] if began_ms + 1_000 <= each["received_ms"] < began_ms + 5_500]
    assert late == [], "at most one that was on its way"
    trial.opened()


def f25_frozen_while_open(trial: Trial) -> None:
    """Without books and marks it is still closed in time."""
    position = held(trial)
    trial.do("market", "freeze", for_ms=8_000)
    closes_as(trial, position, "TIME_EXIT")


def f38_a_break_while_open(trial: Trial) -> None:
    stopped(trial, "BREAK")


def f38_settling_while_open(trial: Trial) -> None:
    stopped(trial, "SETTLING")


def stopped(trial: Trial, status: str) -> None:
    """Exits are tried, not in a storm, the stop rests, and what is open is closed when trading goes on."""
    position = held(trial)
    trial.do("market", "status", to=status)
    began_ms = trial.stand.now_ms()
    trial.stand.pass_ms(20_000)
    tried = [each for each in trial.ledger()["orders"] if 0 <= each["received_ms"] - began_ms <= 20_000]
    assert 1 <= len(tried) <= 7, "one a second, then one every 5 s"
    trial.do("market", "status", to="TRADING")
    closes_as(trial, position, "TIME_EXIT")


def f38_a_break_while_flat(trial: Trial) -> None:
    """At most one probe in 10 s."""
    trial.do("market", "status", to="BREAK")
    began_ms = trial.stand.now_ms()
    trial.resume()
    trial.stand.pass_ms(25_000)
    probes = [each["received_ms"] for each in trial.ledger()["orders"]]
    lasted_ms = trial.stand.now_ms() - began_ms
    trial.do("market", "status", to="TRADING")
    assert len(probes) <= 1 + lasted_ms / 10_000, probes  # by number: one that is late is nearer to the next


def f38_ticks_change_while_open(trial: Trial) -> None:
    position = held(trial)
    trial.do("market", "filter", tick_size="10")
    closes_as(trial, position, "TIME_EXIT")
    trial.resume()

    def on_new_ticks() -> bool:
        placed = [each for each in trial.ledger()["algo_orders"] if Decimal(each["trigger_price"]) % 10 == 0]
        return any(each["status"] != "REJECTED" for each in placed)

    eventually(on_new_ticks, 2 * SOON_S, "a stop on the new ticks")


PLAYS: dict[str, Play] = {name: play for name, play in globals().items() if name[:1] == "f" and name[1:3].isdigit()}


@pytest.fixture(scope="module")
def outcomes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    with played(request, tmp_path_factory.mktemp("hands") / "data", PLAYS, SYMBOLS) as found:
        yield found


@pytest.mark.parametrize("name", sampled(PLAYS, 2))
def test_one_symbol(name: str, outcomes: Played) -> None:
    outcomes[name].result()
