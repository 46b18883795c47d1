from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from tests.domain.money_builders import NOW, plan, trade
from tests.kit.builders import SELL, SETUP, fill
from tests.kit.probe import Probe
from tests.kit.runtime import ManualContext
from vortex.actors.account import AccountActor
from vortex.adapters.sqlite.journal import SqliteJournal
from vortex.domain.operation import OperatorAction
from vortex.domain.order import ZERO, AccountState
from vortex.domain.risk.codes import RejectCode
from vortex.domain.risk.params import RiskParams
from vortex.domain.risk.view import AccountView
from vortex.domain.trade import CloseReason
from vortex.messages import (
    AccountChanged,
    CloseAll,
    EntryFailed,
    JoinAccount,
    LeaveAccount,
    Operate,
    PositionClosed,
    PositionOpened,
    ReserveRisk,
    ResetGovernor,
    RiskDenied,
    RiskGranted,
    SymbolReconciled,
)
from vortex.queries import GetAccount


class Rig:
    """One account actor after another over the same journal."""

    def __init__(self, data_dir: Path) -> None:
        self.journal = SqliteJournal(data_dir / "journal.db", lambda: NOW)
        self.exchange = Probe("exchange")
        self.btc, self.eth = Probe("BTCUSDT"), Probe("ETHUSDT")
        self.start()

    def start(self, params: RiskParams | None = None) -> None:
        self.actor = AccountActor(
            params=params or RiskParams(), journal=self.journal, account_name="main", exchange=self.exchange
        )
        self.context = ManualContext(self.actor, path="account", now_ms=NOW)
        self.actor.started()

    def money(self, wallet: str = "10000", unrealized: str = "0") -> None:
        self.actor.receive(
            AccountState(
                ts_ms=NOW, wallet_usdt=Decimal(wallet), unrealized_usdt=Decimal(unrealized),
                available_usdt=Decimal(wallet),
            )
        )  # fmt: skip

    def view(self) -> AccountView:
        view = self.actor.receive(GetAccount())
        assert isinstance(view, AccountView)
        return view

    def joins(self) -> None:
        for symbol, probe in (("BTCUSDT", self.btc), ("ETHUSDT", self.eth)):
            self.actor.receive(JoinAccount(symbol=symbol, subscriber=probe))
            probe.unread()

    def asks(self, symbol: str = "BTCUSDT") -> None:
        probe = self.btc if symbol == "BTCUSDT" else self.eth
        self.actor.receive(ReserveRisk(plan=plan(symbol=symbol), reply_to=probe))


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.journal.close()


def closed(reason: CloseReason = CloseReason.SL_HIT) -> PositionClosed:
    """A loss of 20 before fees of 6."""
    return PositionClosed(
        trade=trade(), entry_fills=(fill(1),), exit_fills=(fill(2, side=SELL, price="59800", at_ms=NOW),),
        reason=reason, funding_usdt=ZERO,
    )  # fmt: skip


def test_who_joins_is_told_the_account_at_once(rig: Rig) -> None:
    rig.money()
    rig.actor.receive(JoinAccount(symbol="BTCUSDT", subscriber=rig.btc))
    assert rig.btc.expect(AccountChanged).view.equity_usdt == 10_000


def test_equity_is_wallet_and_open_profit_and_the_first_is_the_days_start(rig: Rig) -> None:
    rig.money("10000", "-100")
    rig.money("10000", "50")
    view = rig.view()
    assert view.equity_usdt == 10_050
    assert view.day_start_equity_usdt == 9_900
    assert view.daily_pnl_usdt == 150


def test_a_change_is_told_to_everyone_and_time_alone_to_nobody(rig: Rig) -> None:
    rig.joins()
    rig.money()
    assert [len(probe.unread()) for probe in (rig.btc, rig.eth)] == [1, 1]
    rig.context.advance(5_000)
    rig.money()
    assert [len(probe.unread()) for probe in (rig.btc, rig.eth)] == [0, 0]


def test_a_reservation_is_granted_once_and_then_denied_with_its_figures(rig: Rig) -> None:
    rig.money()
    rig.asks()
    assert rig.btc.expect(RiskGranted).plan == plan()
    rig.asks()
    denied = rig.btc.expect(RiskDenied)
    assert (denied.code, denied.details) == (RejectCode.PENDING_ENTRY, {"decision_id": "decision-1"})


def test_two_symbols_meet_in_one_ledger(rig: Rig) -> None:
    rig.money("1000")
    rig.asks()
    rig.asks("ETHUSDT")
    rig.btc.expect(RiskGranted)
    assert rig.eth.expect(RiskDenied).code == RejectCode.EXPOSURE_CAP


def test_without_known_equity_nothing_is_granted(rig: Rig) -> None:
    rig.asks()
    assert rig.btc.expect(RiskDenied).code == RejectCode.STALE_DATA


def test_a_grant_that_no_fill_follows_expires_by_itself_and_is_told(rig: Rig) -> None:
    rig.money()
    rig.asks()
    rig.joins()
    rig.context.advance(9_900)
    assert "BTCUSDT" in rig.view().exposures
    rig.context.advance(1_100)
    assert rig.btc.expect(AccountChanged).view.exposures == {}


def test_a_trade_is_exposure_from_opening_to_close(rig: Rig) -> None:
    rig.money()
    rig.asks()
    rig.actor.receive(PositionOpened(trade=trade()))
    assert rig.view().exposures["BTCUSDT"].trade_id == "trade-1"
    rig.context.advance(60_000)
    assert rig.view().exposures["BTCUSDT"].trade_id == "trade-1"
    rig.actor.receive(closed())
    assert rig.view().exposures == {}
    rig.btc.unread()
    rig.asks()
    assert rig.btc.expect(RiskDenied).details["cause"] == CloseReason.SL_HIT
    rig.context.advance(120_000)
    rig.asks()
    rig.btc.expect(RiskGranted)


def test_a_failed_entry_releases_its_reservation(rig: Rig) -> None:
    rig.money()
    rig.asks()
    failed = EntryFailed(trade_id="trade-1", plan=plan(), reason=CloseReason.ORDER_REJECTED, detail="", ts_ms=NOW)
    rig.actor.receive(failed)
    assert rig.view().exposures == {}
    assert rig.view().cooldowns["BTCUSDT"].cause == "ENTRY_FAILED"


@pytest.mark.parametrize("crash_before_close", [True, False])
def test_what_must_survive_survives(rig: Rig, crash_before_close: bool) -> None:  # noqa: FBT001  # a parameter of the test
    rig.money()
    rig.asks()
    rig.actor.receive(PositionOpened(trade=trade()))
    if crash_before_close:
        rig.start()
        assert rig.view().exposures["BTCUSDT"].trade_id == "trade-1"
    rig.actor.receive(closed())
    rig.start()
    view = rig.view()
    assert (view.exposures, view.trades_today, view.equity_usdt) == ({}, 1, None)
    assert view.cooldowns["BTCUSDT"].cause == CloseReason.SL_HIT
    rig.money("9000")
    assert rig.view().daily_pnl_usdt == -1_000  # the day's start is not the restart


def test_an_ending_told_again_after_a_restart_counts_once(rig: Rig) -> None:
    rig.money()
    rig.actor.receive(PositionOpened(trade=trade()))
    rig.actor.receive(closed())
    before = rig.journal.latest("account")
    rig.start()
    rig.actor.receive(closed())
    assert rig.journal.latest("account") == before


def test_an_exposure_whose_end_was_lost_is_released_by_the_exchanges_truth(rig: Rig) -> None:
    rig.money()
    rig.actor.receive(PositionOpened(trade=trade()))
    rig.actor.receive(SymbolReconciled(symbol="BTCUSDT", setup=SETUP, trade=trade()))
    assert "BTCUSDT" in rig.view().exposures
    rig.actor.receive(SymbolReconciled(symbol="BTCUSDT", setup=SETUP, trade=None))
    assert rig.view().exposures == {}


def test_nothing_new_is_not_written_again(rig: Rig) -> None:
    rig.money()
    written = len(rig.journal.recent(100))
    rig.money()
    rig.context.advance(10_000)
    assert len(rig.journal.recent(100)) == written


def test_the_hard_limit_closes_everything(rig: Rig) -> None:
    rig.money()
    rig.actor.receive(PositionOpened(trade=trade()))
    rig.money("9600")
    assert rig.exchange.unread() == []
    rig.money("9550")
    assert rig.exchange.expect(CloseAll).reason is CloseReason.DRAWDOWN_FLATTEN
    rig.actor.receive(closed())
    rig.exchange.unread()
    rig.context.advance(5_000)
    assert rig.exchange.unread() == []  # nothing is open any more


def test_who_left_is_told_nothing_more(rig: Rig) -> None:
    rig.joins()
    rig.actor.receive(LeaveAccount(symbol="BTCUSDT"))
    rig.actor.receive(LeaveAccount(symbol="BTCUSDT"))
    rig.money()
    assert rig.btc.unread() == []
    rig.eth.expect(AccountChanged)


def lose_twice(rig: Rig) -> None:
    """One losing trade more than the governor allows here."""
    rig.start(RiskParams(governor_losing_trips_per_hour=1))
    rig.joins()
    rig.money()
    for number in (1, 2):
        lost = closed()
        lost = msgspec.structs.replace(lost, trade=msgspec.structs.replace(lost.trade, trade_id=f"trade-{number}"))
        rig.actor.receive(lost)


def test_the_governor_orders_the_kill_switch_once_and_again_in_a_new_incarnation(rig: Rig) -> None:
    lose_twice(rig)
    halt = Operate(action=OperatorAction.HALT, symbol=None, why="governor: 2 losing trades within an hour")
    assert rig.exchange.told(Operate) == [halt]
    rig.money()
    rig.context.advance(5_000)
    assert rig.exchange.told(Operate) == [halt]
    rig.start(RiskParams(governor_losing_trips_per_hour=1))
    rig.money()
    assert rig.exchange.told(Operate) == [halt, halt]
    rig.actor.receive(ResetGovernor())
    rig.context.advance(5_000)
    assert rig.exchange.told(Operate) == [halt, halt]


def test_a_person_lifts_the_governors_halt_and_not_the_days(rig: Rig) -> None:
    lose_twice(rig)
    rig.money("9600")
    assert rig.view().governor_tripped is not None
    rig.btc.unread()
    rig.actor.receive(ResetGovernor())
    told = rig.btc.expect(AccountChanged).view
    assert (told.governor_tripped, told.drawdown_latched) == (None, True)
    rig.start()
    assert (rig.view().governor_tripped, rig.view().drawdown_latched) == (None, True)


def test_an_incarnation_that_is_over_neither_writes_nor_tells(rig: Rig) -> None:
    rig.money()
    rig.joins()
    before = rig.journal.recent(100)
    rig.context.over = True
    rig.actor.receive(PositionOpened(trade=trade()))
    rig.context.advance(60_000)
    assert rig.journal.recent(100) == before
    assert rig.btc.unread() == []
