"""What the system says of itself: every field, in one pass, in a bounded time, whoever is silent."""

from __future__ import annotations

import time
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from threading import Event, Thread
from typing import Any

import msgspec
import pytest
from msgspec import structs

from tests.app.kit import LABELS, SYMBOLS, TIMEOUT_S, exchange_status, replies, running, symbol_status
from tests.domain.money_builders import trade
from tests.kit.processes import eventually
from tests.kit.virtual import VirtualRun, virtual_run
from vortex.actors.monitor import position_view
from vortex.app.api.status import ASK_S, StatusReader
from vortex.config import load
from vortex.domain.market import MarkPrice
from vortex.domain.operation import Gate
from vortex.domain.risk.view import AccountView
from vortex.messages import GateClosed, RemoveSymbol
from vortex.queries import GetAccount, GetExchange, GetFeedAges, GetMirror, GetOutbox, GetSymbolStatus
from vortex.runtime import ActorState

PAPER = Path(__file__).parents[3] / "config" / "paper.toml"
TOP = {
    "mode", "profile", "market_source", "simulated", "uptime_s", "ready", "gates", "account", "symbols", "outbox",
    "hot_store", "exchange", "now_ms",
}  # fmt: skip
FEEDS = {"depth20", "aggTrade", "kline_1m", "kline_15m", "markPrice", "forceOrder", "user", "sentiment"}
POSITION = {
    "trade_id", "side", "quantity", "entry_price", "mark_price", "liq_price", "sl_price", "tp_price", "leverage",
    "strategy", "opened_ms", "upnl_usdt",
}  # fmt: skip


def as_sent(value: object) -> Any:
    """What a client decodes."""
    return msgspec.json.decode(msgspec.json.encode(value))


def reader_of(run: VirtualRun) -> StatusReader:
    pairs = load([PAPER], {}).config.trading_pairs
    return StatusReader(
        system=run.system, pairs=lambda: pairs, clock=run.dispatcher, labels=LABELS, simulated=True,
        hot_store=run.hot_store.status,
    )  # fmt: skip


def test_a_whole_system_fills_every_field(tmp_path: Path) -> None:
    """The product's own tree on the simulator's core, in virtual time, until it holds a position."""
    config = load([PAPER], {}).config
    run = virtual_run(config, tmp_path)
    reader = reader_of(run)
    assert reader.unready()
    status: dict[str, Any] = {}
    for _ in range(120):
        run.run_for(1.0)
        status = as_sent(reader.status())
        if all(each["protected"] for each in status["symbols"].values()):
            break
    assert set(status) == TOP
    assert (status["mode"], status["profile"], status["market_source"]) == ("paper", "tiny profile", "nothing at all")
    assert status["ready"] is True
    assert status["uptime_s"] >= 1
    assert reader.unready() == []
    assert Decimal(status["account"]["equity_usdt"]) > 9_000
    assert status["account"]["drawdown_latched"] is False
    assert set(status["outbox"]) == {"pending", "oldest_s", "parked", "paused", "dropped_rejections"}
    assert status["exchange"]["orders_1m"] >= 3
    for each in status["symbols"].values():
        assert set(each) == {"state", "position", "protected", "decision", "feeds", "engines"}
        assert each["state"] == "READY"
        assert set(each["position"]) == POSITION
        assert each["position"]["side"] in ("LONG", "SHORT")
        assert each["protected"] is True
        assert set(each["decision"]) == {
            "id", "action", "strategy", "confidence", "final_score", "reasons", "ts_ms"
        }  # fmt: skip
        assert set(each["feeds"]) == FEEDS
        assert each["feeds"]["depth20"] < 1_000
        assert each["feeds"]["markPrice"] < 2_500
        assert each["feeds"]["user"] is not None
        assert each["feeds"]["sentiment"] is not None
        assert each["feeds"]["forceOrder"] is None
        assert set(each["engines"]) == {"E1", "E2", "E3", "E4", "E5"}
        assert {"score", "quality", "weight", "age_ms"} <= set(each["engines"]["E1"])


def test_before_the_first_answer_everything_is_absent() -> None:
    with running({}) as (_, reader, _):
        status = as_sent(reader.status())
        assert reader.unready()[-2:] == [f"{symbol} is STARTING" for symbol in SYMBOLS]
    assert set(status) == TOP
    assert status["ready"] is False
    assert status["account"] == {"equity_usdt": None, "daily_pnl_usdt": None, "drawdown_latched": None}
    assert status["outbox"] == dict.fromkeys(("pending", "oldest_s", "parked", "paused", "dropped_rejections"))
    assert status["exchange"] == {"weight_used_1m": None, "orders_1m": None, "unknown_orders": None}
    for each in status["symbols"].values():
        assert each["state"] == "STARTING"
        assert (each["position"], each["protected"], each["decision"]) == (None, None, None)
        assert each["feeds"] == dict.fromkeys(FEEDS)
        assert each["engines"]["E5"] == {
            "score": None, "quality": None, "weight": None, "age_ms": None, "reasons": []
        }  # fmt: skip
    closed = {gate["gate"]: gate["detail"] for gate in status["gates"]}
    assert closed == {"exchange": "does not answer", "account": "does not answer"}


def test_hung_actors_cost_their_own_fields_and_one_second_together() -> None:
    hung = {"exchange": GetExchange, "hot_store": GetMirror, "BTCUSDT": GetSymbolStatus, "storage": GetOutbox,
            "feed": GetFeedAges}  # fmt: skip
    actors = replies() | {path: {query: Event()} for path, query in hung.items()}
    with running(actors) as (_, reader, _):
        began_s = time.monotonic()
        status = as_sent(reader.status())
        assert time.monotonic() - began_s < (len(hung) - 1) * ASK_S, "one after another"
    assert status["exchange"]["orders_1m"] is None
    assert status["symbols"]["BTCUSDT"]["state"] is None
    assert status["symbols"]["ETHUSDT"]["state"] == "READY"
    assert status["account"]["equity_usdt"] == "9999.5"
    assert status["ready"] is False


def test_a_symbol_that_hangs_does_not_answer_however_long_it_does() -> None:
    """Also once the watchdog shows it as hung, which is no start."""
    with running(replies() | {"BTCUSDT": {GetSymbolStatus: Event()}}) as (system, reader, _):
        assert reader.unready() == ["BTCUSDT does not answer"]
        address = system.find("BTCUSDT")
        assert address is not None
        eventually(lambda: address.state is ActorState.HUNG, TIMEOUT_S, "a symbol that is shown as hung")
        assert reader.unready() == ["BTCUSDT does not answer"]
        assert as_sent(reader.status())["symbols"]["BTCUSDT"]["state"] is None


def test_many_readers_of_a_hung_system_wait_together() -> None:
    actors = replies() | {"exchange": {GetExchange: Event()}}
    with running(actors) as (_, reader, _):
        readers = [Thread(target=reader.status) for _ in range(8)]
        began_s = time.monotonic()
        for thread in readers:
            thread.start()
        for thread in readers:
            thread.join()
        assert time.monotonic() - began_s < 6 * ASK_S, "one after another"


def test_a_gate_of_the_whole_account_is_shown_once() -> None:
    gates = (
        GateClosed(gate=Gate.USER_STREAM, since_ms=5, detail="lost"),
        GateClosed(gate=Gate.ENGINES, since_ms=6, detail="E1_MISSING"),
    )
    with running(replies(gates)) as (_, reader, _):
        shown = as_sent(reader.status())["gates"]
    assert shown == [
        {"gate": "user_stream", "symbol": None, "since_ms": 5, "detail": "lost"},
        *({"gate": "engines", "symbol": symbol, "since_ms": 6, "detail": "E1_MISSING"} for symbol in SYMBOLS),
    ]


@pytest.mark.parametrize(
    ("view", "details"),
    [
        (AccountView(ts_ms=1), ["equity unknown"]),
        (AccountView(ts_ms=1, equity_usdt=Decimal(1)), []),
        (AccountView(ts_ms=1, equity_usdt=Decimal(1), drawdown_latched=True), ["the day's loss limit is reached"]),
        (AccountView(ts_ms=1, equity_usdt=Decimal(1), governor_tripped="31 entries"), ["31 entries"]),
    ],
)
def test_what_closes_the_account_is_said(view: AccountView, details: Sequence[str]) -> None:
    with running(replies() | {"account": {GetAccount: view}}) as (_, reader, _):
        gates = as_sent(reader.status())["gates"]
    assert [gate["detail"] for gate in gates if gate["gate"] == "account"] == details
    assert all(gate["symbol"] is None for gate in gates)


@pytest.mark.parametrize(
    ("own", "halted", "flattening", "shown", "ready"),
    [
        ("STARTING", False, False, "STARTING", False),
        ("RECONCILING", False, False, "RECONCILING", False),
        ("RECONCILING", True, True, "RECONCILING", False),
        ("WARMING", False, False, "WARMING", True),
        ("WARMING", True, False, "HALTED", True),
        ("READY", False, False, "READY", True),
        ("READY", True, False, "HALTED", True),
        ("READY", False, True, "FLATTENING", True),
        ("PAUSED", False, False, "PAUSED", True),
        ("PAUSED", True, True, "FLATTENING", True),
        ("HALTED", True, False, "HALTED", True),
        ("LEAVING", False, False, "LEAVING", True),
        ("LEAVING", True, False, "LEAVING", True),
        (None, False, False, None, False),
        (None, True, False, "HALTED", True),
        (None, True, True, "FLATTENING", True),
    ],
)
def test_a_symbol_s_state_is_what_was_ordered_and_what_its_tree_says(
    own: str | None, *, halted: bool, flattening: bool, shown: str | None, ready: bool
) -> None:
    symbols = ("BTCUSDT",)
    exchange = exchange_status(halted=symbols if halted else (), flattening=symbols if flattening else ())
    actors = replies() | {"exchange": {GetExchange: exchange}}
    actors["BTCUSDT"] = symbol_status("BTCUSDT", own) if own is not None else {GetSymbolStatus: Event()}
    with running(actors) as (_, reader, _):
        status = as_sent(reader.status())
        assert (reader.unready() == []) is ready
    assert status["symbols"]["BTCUSDT"]["state"] == shown
    assert status["symbols"]["ETHUSDT"]["state"] == "READY"
    assert status["ready"] is ready


def test_a_symbol_that_leaves_is_shown_until_its_tree_has_stopped() -> None:
    actors = replies() | {"SOLUSDT": symbol_status("SOLUSDT", "LEAVING")}
    with running(actors) as (system, reader, _):
        assert reader.symbols() == (*SYMBOLS, "SOLUSDT")
        assert as_sent(reader.status())["symbols"]["SOLUSDT"]["state"] == "LEAVING"
        assert reader.unready() == []
        root = system.find("root")
        assert root is not None
        root.tell(RemoveSymbol(symbol="SOLUSDT"))
        eventually(lambda: reader.symbols() == SYMBOLS, TIMEOUT_S, "SOLUSDT gone")
        assert list(as_sent(reader.status())["symbols"]) == list(SYMBOLS)


def test_the_kill_switch_is_shown_once_and_each_symbol_s_own_gates_with_it() -> None:
    gates = tuple(
        GateClosed(gate=gate, since_ms=5, detail=gate) for gate in (Gate.KILL_SWITCH, Gate.PAUSED, Gate.HALTED)
    )
    with running(replies(gates)) as (_, reader, _):
        shown = as_sent(reader.status())["gates"]
    assert [(gate["gate"], gate["symbol"]) for gate in shown] == [
        ("kill_switch", None),
        *((gate, symbol) for symbol in SYMBOLS for gate in ("paused", "halted")),
    ]


def test_a_halted_symbol_without_a_tree_shows_its_gate() -> None:
    actors = replies() | {"exchange": {GetExchange: exchange_status(halted=("BTCUSDT",))}}
    actors["BTCUSDT"] = {}
    with running(actors) as (_, reader, _):
        shown = as_sent(reader.status())["gates"]
    assert [(gate["gate"], gate["symbol"], gate["since_ms"]) for gate in shown] == [("halted", "BTCUSDT", None)]


MARKED = MarkPrice(
    symbol="BTCUSDT", ts_ms=1, recv_ms=1, mark_price=60_100.0, index_price=60_100.0, funding_rate=0.0, next_funding_ms=2
)


@pytest.mark.parametrize(
    ("mirrored", "truth", "shown", "upnl", "protected"),
    [
        (None, None, None, None, None),
        ("t-1", "t-1", "t-1", "10.00", True),
        ("t-1", None, None, None, None),  # closed while the monitor was down
        (None, "t-1", "t-1", None, True),  # opened while it was
        ("t-0", "t-1", "t-1", None, True),
    ],
)
def test_the_exchange_actor_knows_best_what_is_open(
    mirrored: str | None, truth: str | None, shown: str | None, upnl: str | None, *, protected: bool | None
) -> None:
    trades = [structs.replace(trade(truth), protected=True)] if truth is not None else []
    mirror = {"position:BTCUSDT": position_view(trade(mirrored), MARKED)} if mirrored is not None else {}
    actors = replies() | {
        "exchange": {GetExchange: exchange_status(trades=trades)},
        "hot_store": {GetMirror: mirror},
    }
    with running(actors) as (_, reader, _):
        symbol = as_sent(reader.status())["symbols"]["BTCUSDT"]
    position = symbol["position"] or {"trade_id": None, "upnl_usdt": None}
    assert (position["trade_id"], position["upnl_usdt"], symbol["protected"]) == (shown, upnl, protected)


def test_without_the_exchange_actor_the_mirror_is_all_there_is() -> None:
    mirror = {"position:BTCUSDT": position_view(trade("t-1"), MARKED)}
    actors = replies() | {"exchange": {GetExchange: Event()}, "hot_store": {GetMirror: mirror}}
    with running(actors) as (_, reader, _):
        symbol = as_sent(reader.status())["symbols"]["BTCUSDT"]
    assert set(symbol["position"]) == POSITION
    assert symbol["protected"] is False
