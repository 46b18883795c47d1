from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from tests.domain.builders import mark as mark_at
from tests.domain.money_builders import NOW, SYMBOL, book, plan, trade
from tests.kit.builders import LABELS, SELL, SETUP, fill
from tests.kit.probe import Probe
from tests.kit.runtime import ManualContext
from vortex.actors.monitor import LOOK_MS, MonitorActor
from vortex.domain.order import ZERO, Side
from vortex.domain.pnl import closed_row, failed_row, open_row
from vortex.domain.position import MonitorParams
from vortex.domain.trade import CloseReason, OpenTrade, TradeStatus
from vortex.messages import (
    ClosePosition,
    EntryFailed,
    Mirror,
    PositionClosed,
    PositionOpened,
    PositionProtected,
    RecordTrade,
    SymbolReconciled,
)

TRADE = trade()
KEY = f"position:{SYMBOL}"


class Rig:
    def __init__(self) -> None:
        self.exchange, self.storage, self.hot_store = Probe("exchange"), Probe("storage"), Probe("hot_store")
        self.actor = MonitorActor(
            symbol=SYMBOL, exchange=self.exchange, storage=self.storage, hot_store=self.hot_store,
            params=MonitorParams(), labels=LABELS,
        )  # fmt: skip
        self.context = ManualContext(self.actor, path=f"{SYMBOL}/monitor", now_ms=NOW)
        self.actor.started()

    def opened(self, open_trade: OpenTrade = TRADE) -> Rig:
        self.actor.receive(PositionOpened(trade=open_trade))
        self.storage.unread()
        self.hot_store.unread()
        return self

    def books(self, bid: float, ask: float) -> None:
        at_ms = self.context.clock.now_ms()
        self.actor.receive(book(bids=((bid, 1.0),), asks=((ask, 1.0),), at_ms=at_ms))

    def marks(self, price: float) -> None:
        self.actor.receive(mark_at(self.context.clock.now_ms(), price))

    def mirrored(self) -> dict[str, object] | None:
        """The newest mirror of the position."""
        message = self.hot_store.told(Mirror)[-1]
        assert message.key == KEY
        return message.value  # type: ignore[no-any-return]  # a mirror carries any value


@pytest.fixture
def rig() -> Rig:
    return Rig()


# --------------------------------------------------------------------------------------------------------------- rows


def test_an_opened_trade_has_its_open_row(rig: Rig) -> None:
    rig.actor.receive(PositionOpened(trade=TRADE))
    row = rig.storage.expect(RecordTrade).row
    assert row == open_row(TRADE, LABELS)
    assert (row.status, row.revision) == (TradeStatus.OPEN, 1)


def test_a_closed_trade_has_its_final_row_from_the_fills(rig: Rig) -> None:
    rig.opened()
    fills = ((fill(1, fee="3"),), (fill(2, side=SELL, price="60100", at_ms=NOW + 5_000, fee="3.005"),))
    rig.actor.receive(
        PositionClosed(
            trade=TRADE, entry_fills=fills[0], exit_fills=fills[1], reason=CloseReason.TP_HIT, funding_usdt=ZERO
        )
    )
    row = rig.storage.expect(RecordTrade).row
    assert row == closed_row(
        TRADE, LABELS, entry_fills=fills[0], exit_fills=fills[1], reason=CloseReason.TP_HIT, funding_usdt=ZERO
    )
    assert (row.status, row.revision, row.pnl_net_usdt) == (TradeStatus.CLOSED, 2, Decimal("3.99500000"))
    assert rig.mirrored() is None


def test_a_failed_entry_has_its_final_row_and_leaves_an_open_trade_alone(rig: Rig) -> None:
    rig.opened()
    reason = CloseReason.ORDER_EXPIRED
    rig.actor.receive(EntryFailed(trade_id="trade-0", plan=plan(), reason=reason, detail="too old", ts_ms=NOW))
    row = rig.storage.expect(RecordTrade).row
    assert row == failed_row(plan(), LABELS, trade_id="trade-0", reason=reason, ts_ms=NOW)
    rig.books(60_300.0, 60_300.1)
    rig.exchange.expect(ClosePosition)


def test_an_older_trades_ending_told_again_leaves_the_open_one_alone(rig: Rig) -> None:
    rig.opened()
    older = PositionClosed(
        trade=trade("trade-0"), entry_fills=(fill(1),), exit_fills=(fill(2, side=SELL),), reason=CloseReason.SL_HIT,
        funding_usdt=ZERO,
    )  # fmt: skip
    rig.actor.receive(older)
    assert rig.storage.expect(RecordTrade).row.id == "trade-0"
    position = rig.mirrored()
    assert position is not None
    assert position["trade_id"] == "trade-1"


# -------------------------------------------------------------------------------------------------------------- exits


@pytest.mark.parametrize(
    ("bid", "reason"),
    [(60_253.8, CloseReason.TP_HIT), (60_253.7, None), (59_915.5, None), (59_915.4, CloseReason.SL_HIT)],
)
def test_a_book_at_a_target_closes(rig: Rig, bid: float, reason: CloseReason | None) -> None:
    rig.opened().books(bid, bid + 0.1)
    told = [message.reason for message in rig.exchange.told(ClosePosition)]
    assert told == ([] if reason is None else [reason])


def test_without_a_trade_nothing_closes(rig: Rig) -> None:
    rig.books(1.0, 1.1)
    rig.marks(1.0)
    rig.context.advance(60_000)
    assert rig.exchange.messages == []


def test_time_closes_without_any_market_data(rig: Rig) -> None:
    rig.opened(trade(max_hold_s=30))
    rig.context.advance(29_999)
    assert rig.exchange.messages == []
    rig.context.advance(1)
    message = rig.exchange.expect(ClosePosition)
    assert (message.symbol, message.trade_id, message.reason) == (SYMBOL, "trade-1", CloseReason.TIME_EXIT)


def test_a_silent_book_gives_way_to_the_mark_price(rig: Rig) -> None:
    rig.opened().books(60_000.0, 60_000.1)
    rig.context.advance(2_500)
    rig.marks(59_000.0)
    assert rig.exchange.messages == []
    rig.context.advance(1_500)  # the next look
    assert rig.exchange.expect(ClosePosition).reason is CloseReason.SL_HIT


def test_a_mark_near_the_liquidation_is_an_emergency(rig: Rig) -> None:
    rig.opened().marks(57_340.0)
    assert rig.exchange.expect(ClosePosition).reason is CloseReason.EMERGENCY


def test_a_close_is_asked_for_once_and_again_when_the_trade_stays_open(rig: Rig) -> None:
    rig.opened()
    for _ in range(5):
        rig.books(60_300.0, 60_300.1)
    assert len(rig.exchange.messages) == 1
    rig.context.advance(LOOK_MS)
    assert len(rig.exchange.messages) == 2
    rig.context.advance(LOOK_MS // 2)
    assert len(rig.exchange.messages) == 2


def test_the_next_trade_starts_with_no_close_asked_for(rig: Rig) -> None:
    rig.opened().books(60_300.0, 60_300.1)
    rig.opened(trade("trade-2")).books(60_300.0, 60_300.1)
    assert [message.trade_id for message in rig.exchange.told(ClosePosition)] == ["trade-1", "trade-2"]


# ------------------------------------------------------------------------------------------------ truth and its mirror


def test_the_exchanges_truth_brings_a_trade_and_takes_it(rig: Rig) -> None:
    rig.actor.receive(SymbolReconciled(symbol=SYMBOL, setup=SETUP, trade=TRADE))
    assert rig.storage.messages == []  # its row was written when it opened, or is told with PositionOpened
    rig.books(60_300.0, 60_300.1)
    rig.exchange.expect(ClosePosition)
    rig.actor.receive(SymbolReconciled(symbol=SYMBOL, setup=SETUP, trade=None))
    assert rig.mirrored() is None
    rig.context.advance(LOOK_MS)
    assert rig.exchange.unread() == []


def test_the_mirror_shows_the_position_at_the_mark_price(rig: Rig) -> None:
    rig.actor.receive(PositionOpened(trade=TRADE))
    position = rig.mirrored()
    assert position is not None
    assert (position["mark_price"], position["upnl_usdt"], position["protected"]) == (None, None, False)
    rig.marks(60_010.0)
    position = rig.mirrored()
    assert position is not None
    assert (position["mark_price"], position["upnl_usdt"]) == (Decimal("60010.0"), Decimal("1.00"))
    assert set(position) == {
        "trade_id", "side", "quantity", "entry_price", "mark_price", "liq_price", "sl_price", "tp_price", "leverage",
        "strategy", "opened_ms", "upnl_usdt", "protected", "row",
    }  # fmt: skip
    assert position["row"] == open_row(TRADE, LABELS)


def test_the_mirror_follows_the_stop_of_this_trade_only(rig: Rig) -> None:
    rig.opened()
    for trade_id, protected in (("trade-0", True), ("trade-1", True), ("trade-1", False)):
        rig.actor.receive(PositionProtected(symbol=SYMBOL, trade_id=trade_id, protected=protected))
    values = [message.value["protected"] for message in rig.hot_store.told(Mirror)[-2:]]
    assert values == [True, False]
    assert len(rig.hot_store.unread()) == 2


def test_the_liquidation_price_comes_after_the_trade_and_is_kept_away_from(rig: Rig) -> None:
    rig.opened(replace(trade(), liquidation_price=None)).marks(59_990.0)
    assert rig.exchange.unread() == []
    price = Decimal("59989.9")
    news = PositionProtected(symbol=SYMBOL, trade_id="trade-1", protected=True, liquidation_price=price)
    rig.actor.receive(news)
    assert rig.exchange.expect(ClosePosition).reason is CloseReason.EMERGENCY
    position = rig.mirrored()
    assert position is not None
    assert position["liq_price"] == price


def test_a_short_gains_when_the_mark_falls(rig: Rig) -> None:
    short = trade(side=Side.SHORT, sl_price=Decimal(61_000), tp_price=Decimal(59_000))
    rig.opened(replace(short, liquidation_price=None)).marks(59_990.0)
    position = rig.mirrored()
    assert position is not None
    assert position["upnl_usdt"] == Decimal("1.00")
    rig.books(58_999.8, 58_999.9)
    assert rig.exchange.expect(ClosePosition).reason is CloseReason.TP_HIT
