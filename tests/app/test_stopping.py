"""The stop in order: what is closed, what stays, and what a person is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from queue import SimpleQueue
from typing import Any

import pytest
from loguru import logger
from msgspec.structs import replace

from tests.app.kit import exchange_status, replies, running
from tests.domain.money_builders import NOW, SYMBOL, plan
from tests.kit.living_tree import BTC, LivingTree, in_memory
from tests.kit.probe import Probe
from vortex.app import stopping
from vortex.app.stopping import BLIND, OnExit, settle
from vortex.domain.notify.kinds import Kind, Notification
from vortex.domain.trade import CloseReason, OpenTrade
from vortex.messages import CloseAll, Shutdown
from vortex.queries import GetExchange

TRADE = OpenTrade(
    trade_id="trade-1", plan=plan(), quantity=Decimal("0.1"), entry_price=Decimal(60_000), open_fee_usdt=Decimal(3),
    opened_ms=NOW, protected=True,
)  # fmt: skip
KEPT = (
    f"{SYMBOL} trade-1: stays open, LONG 0.1, stop at 59915.4 rests on the exchange; "
    "time exits do not run while stopped"
)
NAKED = KEPT.replace("rests on the exchange", "IS NOT CONFIRMED")
FAILED = KEPT.replace("stays open", "COULD NOT BE CLOSED IN TIME and stays open")


@contextmanager
def warnings() -> Iterator[list[str]]:
    said: list[str] = []
    sink = logger.add(lambda message: said.append(message.record["message"]), level="WARNING")
    try:
        yield said
    finally:
        logger.remove(sink)


def settled(exchange: dict[type, Any], on_exit: OnExit) -> tuple[str, list[object]]:
    """What people are told, and what the exchange actor was."""
    told: SimpleQueue[object] = SimpleQueue()
    actors = {**replies(), "exchange": {**exchange, CloseAll: lambda message: told.put(message)}}  # noqa: PLW0108  # only functions are called
    probe = Probe()
    with running(actors) as tiny:
        settle(tiny.system, tiny.reader, on_exit, probe, "SIGTERM")
    return probe.expect(Notification).text, [told.get_nowait() for _ in range(told.qsize())]


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "SETTLE_S", {"keep": 0.2, "flatten": 0.2})


@pytest.mark.parametrize(
    ("on_exit", "trade", "line"),
    [
        ("keep", TRADE, KEPT),
        ("keep", replace(TRADE, protected=False), NAKED),
        ("flatten", TRADE, FAILED),
    ],
)
def test_what_stays_open_is_said_with_its_stop(on_exit: OnExit, trade: OpenTrade, line: str) -> None:
    with warnings() as said:
        text, _ = settled({GetExchange: exchange_status(trades=[trade])}, on_exit)
    assert text == f"SIGTERM\n{line}"
    assert said == [line]


@pytest.mark.parametrize(("on_exit", "ordered"), [("keep", []), ("flatten", [CloseAll(reason=CloseReason.SHUTDOWN)])])
def test_only_a_flatten_orders_to_close(on_exit: OnExit, ordered: list[object]) -> None:
    text, told = settled({GetExchange: exchange_status()}, on_exit)
    assert told == ordered
    assert text == "SIGTERM\nno position is open"


def test_a_flatten_waits_until_it_is_flat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "SETTLE_S", {"flatten": 60.0})
    left = [exchange_status(trades=[TRADE]), exchange_status(flattening=(SYMBOL,)), exchange_status()]

    def answer(_question: object) -> object:
        return left.pop(0) if len(left) > 1 else left[0]

    text, _ = settled({GetExchange: answer}, "flatten")
    assert text.endswith("no position is open")


def test_orders_still_under_way_and_a_silent_exchange_are_said() -> None:
    under_way = replace(exchange_status(), unsettled=(SYMBOL,))
    assert settled({GetExchange: under_way}, "keep")[0].endswith("AN ORDER WAS STILL UNDER WAY; look at the exchange")
    assert settled({}, "keep")[0] == f"SIGTERM\n{BLIND}"


def test_flatten_closes_the_position_and_writes_its_row_in_virtual_time() -> None:
    with in_memory() as folder:
        tree = LivingTree(folder, BTC, settings={"VORTEX__RISK__A__MAX_HOLD_S": "600"})
        tree.until_trade(BTC)
        tree.address("root").tell(Shutdown())
        tree.address("exchange").tell(CloseAll(reason=CloseReason.SHUTDOWN))
        took_s = tree.until(lambda: not tree.exchange().trades and not tree.exchange().unsettled)
        assert took_s < 2.0
        assert tree.position(BTC) == 0
        tree.until(lambda: tree.run.cold_store.recent_trades(1)[0].close_reason is CloseReason.SHUTDOWN)
        entries = tree.entries(BTC)
        tree.run.run_for(30)
        assert tree.entries(BTC) == entries
        tree.judge((BTC,))


def test_the_kind_is_stop() -> None:
    probe = Probe()
    with running(replies()) as tiny:
        settle(tiny.system, tiny.reader, "keep", probe, "60 s are over")
    assert probe.expect(Notification).kind is Kind.STOP
