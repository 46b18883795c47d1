"""What happens in a run so that a message comes which otherwise would not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TypeAlias

import pytest

from tests.chaos.profile import BTC, ETH
from tests.chaos.stage import Setting, Stage
from tests.kit.crashing import CrashPoint, Strike
from vortex.adapters.sqlite.outbox import SqliteOutbox
from vortex.domain.market import Liquidation, MarketValue, MinuteVolume, Sentiment, TradeHistory, VolumeHistory
from vortex.domain.operation import OperatorAction
from vortex.domain.order import ClockMeasured, ConfigUpdate, FillAnnounced, MarginCall, OrderRole, TriggerRejected
from vortex.domain.trade import CloseReason
from vortex.messages import (
    AddSymbol,
    CloseAll,
    DiskMeasured,
    MoneyTransferred,
    Operate,
    RemoveSymbol,
    RequestHistory,
    UserStreamChanged,
)
from vortex.ports import UnwritableError
from vortex.queries import (
    GetAccount,
    GetExchange,
    GetExplanation,
    GetFeedAges,
    GetHypotheticals,
    GetMirror,
    GetOutbox,
    GetSymbolStatus,
)
from vortex.sim.core.exchange import Answer
from vortex.sim.core.types import CancelAlgoRequest, CoreRequest, NewOrder, RequestRefused

Roles: TypeAlias = frozenset[str]
Occasion: TypeAlias = Callable[[Stage, Roles], None]
"""Called with the stage and the roles that are wanted to hear of it."""

SHARED = ("exchange", "account", "storage", "hot_store", "feed")
PARTS = ("E1", "E2", "E3", "E4", "E5", "decision", "monitor")
MARGIN_MISSING = -2019
QUERIES = {
    "GetAccount": GetAccount(),
    "GetExchange": GetExchange(),
    "GetExplanation": GetExplanation(),
    "GetFeedAges": GetFeedAges(),
    "GetHypotheticals": GetHypotheticals(),
    "GetMirror": GetMirror(keys=("position:BTCUSDT",)),
    "GetOutbox": GetOutbox(),
    "GetSymbolStatus": GetSymbolStatus(),
}
RARE: Mapping[str, MarketValue] = {
    "Sentiment": Sentiment(symbol=BTC, recv_ms=0),
    "TradeHistory": TradeHistory(symbol=BTC, trades=()),
    "VolumeHistory": VolumeHistory(symbol=BTC, minutes=(MinuteVolume(0, 1.0, 0.5),)),
    "Liquidation": Liquidation(symbol=BTC, ts_ms=0, recv_ms=0, long=True, price=1.0, quantity=1.0),
}
"""Market values that the simulated market does not tell, or not twice in the time of a run."""
SELDOM: Mapping[str, tuple[str, object]] = {
    "ClockMeasured": ("exchange", ClockMeasured(ts_ms=0, offset_ms=3.0, round_trip_ms=20.0)),
    "ConfigUpdate": ("exchange", ConfigUpdate(ts_ms=0, symbol=BTC, leverage=3)),
    "DiskMeasured": ("exchange", DiskMeasured(room_bytes=2**40)),
    "FillAnnounced": (
        "exchange",
        FillAnnounced(symbol=BTC, client_id="V7-of-another-E", order_id=1, fill_id=1, ts_ms=0),
    ),
    "MarginCall": ("exchange", MarginCall(ts_ms=0, symbols=(BTC,))),
    "MoneyTransferred": ("account", MoneyTransferred(ts_ms=0, amount_usdt=Decimal("0.01"))),
    "TriggerRejected": ("exchange", TriggerRejected(symbol=BTC, order_id=1, reason="the matrix", ts_ms=0)),
}
"""What a quiet exchange does not say: whom it reaches, and what it is."""


def rare_value(name: str) -> Occasion:
    def occasion(stage: Stage, roles: Roles) -> None:
        """The market tells what it seldom tells."""
        for path in stage.paths(roles):
            stage.tell(path, RARE[name])

    return occasion


def seldom_said(name: str) -> Occasion:
    def occasion(stage: Stage, _roles: Roles) -> None:
        """The exchange, or the machine, says what it seldom says."""
        stage.tell(*SELDOM[name])

    return occasion


def query(name: str) -> Occasion:
    def occasion(stage: Stage, roles: Roles) -> None:
        """Somebody outside asks how it is."""
        for path in stage.paths(roles):
            stage.ask(path, QUERIES[name])

    return occasion


def user_stream_is_lost(stage: Stage, _roles: Roles) -> None:
    """For a while no report of an order arrives, and nothing says that it will."""
    world, now_ms = stage.run.world, stage.dispatcher.now_ms
    sink, world.user_sink = world.user_sink, lambda _event: None
    stage.tell("exchange", UserStreamChanged(up=False, ts_ms=now_ms(), detail="lost"))
    stage.pass_s(0.8)
    world.user_sink = sink
    stage.tell("exchange", UserStreamChanged(up=True, ts_ms=now_ms()))


def entry_is_refused(stage: Stage, _roles: Roles) -> None:
    """The exchange refuses the next entry."""
    world = stage.run.world
    request = world.request
    refused: list[NewOrder] = []

    def refusing(now_ms: int, order: CoreRequest, on_reply: Callable[[Answer | RequestRefused], None]) -> None:
        if isinstance(order, NewOrder) and order.client_id.endswith(OrderRole.ENTRY) and not refused:
            refused.append(order)
            refusal = RequestRefused(MARGIN_MISSING, "Margin is insufficient.")
            stage.dispatcher.after(60.0, lambda: on_reply(refusal))
        else:
            request(now_ms, order, on_reply)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world, "request", refusing)
        stage.pass_until(lambda: bool(refused), 5.0)


def stop_is_cancelled(stage: Stage, _roles: Roles) -> None:
    """A person cancels the stop of an open position in the exchange's own app."""
    if not stage.pass_until(lambda: bool(stage.resting()), 5.0):
        return
    world = stage.run.world
    world.request(stage.dispatcher.now_ms(), CancelAlgoRequest(client_id=stage.resting()[0]), lambda _: None)
    stage.pass_s(0.2)


def everything_is_closed(stage: Stage, _roles: Roles) -> None:
    """The account orders every position closed."""
    stage.pass_until(lambda: stage.open_symbol() is not None, 5.0)
    stage.tell("exchange", CloseAll(reason=CloseReason.DRAWDOWN_FLATTEN))
    stage.pass_s(0.4)


def person_operates(stage: Stage, roles: Roles) -> None:
    """A pause and its end; a close; a halt and its end: each said until it is heard."""
    order, undo = stage.random.choice(
        [
            (OperatorAction.PAUSE, OperatorAction.RESUME),
            (OperatorAction.FLATTEN, None),
            (OperatorAction.HALT, OperatorAction.UNHALT),
        ]
    )
    symbol = stage.random.choice([*stage.symbols, None])
    for action in (order, undo):
        if action is not None:
            operation = Operate(action=action, symbol=symbol, why="the matrix")
            stage.insist("exchange", operation)
            if "root" in roles:
                stage.tell("root", operation)
            stage.pass_s(0.6)


def everything_is_halted(stage: Stage, _roles: Roles) -> None:
    """The kill switch, and its end."""
    for action in (OperatorAction.HALT, OperatorAction.UNHALT):
        stage.insist("exchange", Operate(action=action, symbol=None, why="the matrix"))
        stage.pass_s(0.6)


def disk_takes_no_rows(stage: Stage, _roles: Roles) -> None:
    """The disk is full when a row is to be kept, and has room again a while later."""
    refused: list[object] = []

    def append(_outbox: SqliteOutbox, row: object) -> None:
        refused.append(row)
        raise UnwritableError("no space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SqliteOutbox, "append", append)
        stage.pass_until(lambda: bool(refused), 8.0)
        stage.pass_s(0.2)
    stage.pass_s(2.0)


def candles_are_missed(stage: Stage, _roles: Roles) -> None:
    """An engine wants their history again."""
    stage.tell("feed", RequestHistory(symbol=BTC))


def symbol_leaves_and_comes(stage: Stage, _roles: Roles) -> None:
    """The second symbol is removed, and added again."""
    stage.moved.add(ETH)
    stage.insist("root", RemoveSymbol(symbol=ETH))
    stage.pass_s(stage.random.choice((0.3, 3.0)))
    stage.insist("root", AddSymbol(symbol=ETH))
    stage.pass_s(1.0)


def symbol_comes_while_it_leaves(stage: Stage, _roles: Roles) -> None:
    """The second symbol is added again while its last tree, which hangs over it, still stops."""
    point = CrashPoint("*", "Stop", "before")
    stage.dispatcher.order(Strike(point=point, nth=1, from_ms=0, how="hang"))
    stage.moved.add(ETH)
    stage.insist("root", RemoveSymbol(symbol=ETH))
    stage.pass_until(lambda: any(path == ETH for path, *_ in stage.dispatcher.hangs), 10.0)
    stage.insist("root", AddSymbol(symbol=ETH))
    stage.pass_s(1.0)


def peer_crashes(stage: Stage, _roles: Roles) -> None:
    """A shared actor crashes."""
    stage.crash(stage.random.choice(SHARED))
    stage.pass_s(0.6)


def part_crashes(stage: Stage, _roles: Roles) -> None:
    """An actor of a symbol crashes."""
    stage.crash(f"{stage.symbols[0]}/{stage.random.choice(PARTS)}")
    stage.pass_s(0.6)


TWO = Setting(symbols=("BTCUSDT", ETH))
TWINS = Setting(symbols=("BTCUSDT", ETH), twins=True)
PROVOKED: Mapping[str, tuple[Occasion | None, Setting | None]] = {
    **{name: (query(name), None) for name in QUERIES},
    **{name: (rare_value(name), None) for name in RARE},
    **{name: (seldom_said(name), None) for name in SELDOM},
    "UserStreamChanged": (user_stream_is_lost, None),
    "GateClosed": (user_stream_is_lost, None),
    "GateOpened": (user_stream_is_lost, None),
    "EntryFailed": (entry_is_refused, None),
    "PositionProtected": (stop_is_cancelled, None),
    "_Write": (disk_takes_no_rows, None),
    "RequestHistory": (candles_are_missed, None),
    "CloseAll": (everything_is_closed, None),
    "Operate": (person_operates, None),
    "PeerFailed": (peer_crashes, None),
    "PeerStarted": (peer_crashes, None),
    "RiskDenied": (None, TWINS),
    "RecordRejection": (None, TWINS),
    **dict.fromkeys(
        (
            "AddSymbol", "RemoveSymbol", "Leave", "SymbolLeft", "SymbolReleased", "DeregisterSymbol", "LeaveAccount",
            "Unsubscribe",
        ),
        (symbol_leaves_and_comes, TWO),
    ),
    "_StartWhenGone": (symbol_comes_while_it_leaves, TWO),
    "ResetGovernor": (everything_is_halted, None),
}  # fmt: skip
"""By the name of a message: what makes it come, and in which setting. Others come by themselves."""


def occasion_for(role: str, message: str) -> tuple[Occasion | None, Setting | None]:
    """What to do so that this role is told this."""
    if message in ("ChildExited", "ChildDue"):
        return (part_crashes if role == "*" else peer_crashes), None
    return PROVOKED.get(message, (None, None))
