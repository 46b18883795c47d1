"""Frames of the account's events, against recorded ones where there are any."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from tests.kit.recordings import recording
from tests.kit.sim_market import book, mark, trade
from tests.sim.core.kit import BUY, SELL, STOP, SYMBOL, algo, exchange, limit_order, market_order
from tests.sim.server.test_payloads import differences
from vortex.sim.core.commands import RejectOnTrigger, SetFunding
from vortex.sim.core.exchange import ExchangeCore
from vortex.sim.core.types import AmendOrder, ChangeAssetsMode, ChangeLeverage
from vortex.sim.server.user_frames import user_frame

SHIFT_MS = 1_000


def frames(core: ExchangeCore) -> list[Any]:
    """What a client is sent, as it arrives there."""
    sent = [user_frame(event, SHIFT_MS, Decimal(0)) for event in core.drain()]
    decoded: list[Any] = json.loads(json.dumps(sent))
    return decoded


def chosen(core: ExchangeCore, name: str) -> list[Any]:
    return [frame for frame in frames(core) if frame["e"] == name]


def orders(core: ExchangeCore) -> list[Any]:
    return [frame["o"] for frame in chosen(core, "ORDER_TRADE_UPDATE")]


def held() -> ExchangeCore:
    core = exchange()
    core.execute(1, market_order(BUY, "0.1", client_id="entry"))
    core.drain()
    return core


def test_each_execution_is_told_early_before_account_and_order() -> None:
    core = exchange(lots=60)
    core.execute(1, market_order(BUY, "0.1", client_id="entry"))
    sent = frames(core)
    assert [frame["e"] for frame in sent] == [
        "ORDER_TRADE_UPDATE",
        *["TRADE_LITE", "ACCOUNT_UPDATE", "ORDER_TRADE_UPDATE"] * 2,
    ]
    lite, full = sent[1], sent[3]["o"]
    assert {name: lite[name] for name in "scSiLltqm"} == {name: full[name] for name in "scSiLltqm"}
    assert (lite["E"], lite["p"]) == (1 + SHIFT_MS, "0")


def test_a_limit_order_shows_price_and_time_in_force() -> None:
    core = exchange()
    core.execute(1, limit_order(BUY, "0.1", "59990", "GTX"))
    core.execute(2, AmendOrder(symbol=SYMBOL, side=BUY, quantity=Decimal("0.2"), price=Decimal(59_995), client_id="o"))
    core.on_market(trade(3, 599_900))
    core.on_market(book(4, 599_900))
    told = [(o["x"], o["X"], o["o"], o["ot"], o["f"], o["p"], o["q"], o["m"]) for o in orders(core)]
    assert told == [
        ("NEW", "NEW", "LIMIT", "LIMIT", "GTX", "59990", "0.1", False),
        ("AMENDMENT", "NEW", "LIMIT", "LIMIT", "GTX", "59995", "0.2", False),
        ("TRADE", "FILLED", "LIMIT", "LIMIT", "GTX", "59995", "0.2", True),
    ]


@pytest.mark.parametrize(
    ("kind", "fields", "child"),
    [
        ("STOP_MARKET", {}, ("MARKET", "0", "MARKET")),
        (
            "STOP",
            {"price": Decimal(58_900), "quantity": Decimal("0.1"), "reduce_only": True},
            ("LIMIT", "58900", "LIMIT"),
        ),
    ],
)
def test_a_triggered_order_and_its_child(kind: str, fields: dict[str, Any], child: tuple[str, str, str]) -> None:
    core = held()
    core.execute(2, algo(SELL, kind, "59000", **fields))
    core.on_market(book(3, 590_000))
    core.on_market(mark(3, 59_000))
    sent = frames(core)
    algos = [frame["o"] for frame in sent if frame["e"] == "ALGO_UPDATE"]
    assert [row["X"] for row in algos] == ["NEW", "TRIGGERING", "TRIGGERED", "FINISHED"]
    (new, *_, last) = [frame["o"] for frame in sent if frame["e"] == "ORDER_TRADE_UPDATE"]
    assert [row["ai"] for row in algos] == ["", "", str(new["i"]), str(new["i"])]
    assert (algos[0]["p"], algos[-1]["aq"], algos[-1]["act"]) == (child[1], "0.100", child[2])
    assert (new["c"], new["o"], new["R"], new["cp"]) == ("a", child[0], True, kind == "STOP_MARKET")
    assert (last["X"], last["x"]) == ("FILLED", "TRADE")


def test_a_trailing_stop_shows_how_it_follows() -> None:
    core = held()
    trailing = {"quantity": Decimal("0.1"), "callback_rate": Decimal(1), "activation_price": Decimal(60_500)}
    core.execute(2, algo(SELL, "TRAILING_STOP_MARKET", None, reduce_only=True, **trailing))
    (new,) = [frame["o"] for frame in chosen(core, "ALGO_UPDATE")]
    assert (new["AP"], new["cr"], new["tp"], new["o"]) == ("60500", "1", "0", "TRAILING_STOP_MARKET")
    for ts_ms, price in enumerate((60_400, 59_000, 60_600, 61_000, 60_391), start=10):
        core.on_market(mark(ts_ms, price))
    assert frames(core) == []
    core.on_market(mark(20, 60_390))  # one percent below 61,000
    triggered = [frame["o"] for frame in chosen(core, "ALGO_UPDATE")]
    assert [row["X"] for row in triggered] == ["TRIGGERING", "TRIGGERED", "FINISHED"]
    assert Decimal(triggered[0]["tp"]) == 60_390


def test_what_the_exchange_does_itself_is_calculated() -> None:
    core = held()
    core.on_market(book(3, 572_000))
    core.on_market(mark(3, 57_000))
    new, done = orders(core)
    assert (new["o"], new["f"], new["x"]) == ("LIQUIDATION", "IOC", "NEW")
    assert new["c"].startswith("autoclose-")
    assert (done["x"], done["X"], done["N"]) == ("CALCULATED", "FILLED", "USDT")


def test_funding_names_position_and_change() -> None:
    core = held()
    core.obey(2, SetFunding(symbol=SYMBOL, rate=Decimal("0.001")))
    (update,) = chosen(core, "ACCOUNT_UPDATE")
    assert (update["a"]["m"], Decimal(update["a"]["B"][0]["bc"])) == ("FUNDING_FEE", Decimal(-6))
    assert update["a"]["P"][0]["s"] == SYMBOL


def test_settings_and_warnings() -> None:
    core = exchange()
    core.execute(1, ChangeLeverage(symbol=SYMBOL, leverage=10))
    core.execute(2, ChangeAssetsMode(multi_assets=True))
    leverage, mode = chosen(core, "ACCOUNT_CONFIG_UPDATE")
    assert (leverage["ac"], mode["ai"]) == ({"s": SYMBOL, "l": 10}, {"j": True})
    core = held()
    core.on_market(mark(3, 57_260))
    (call,) = frames(core)
    assert call["e"] == "MARGIN_CALL"
    (row,) = call["p"]
    assert set(row) == {"s", "ps", "pa", "mt", "iw", "mp", "up", "mm"}
    assert (row["s"], row["pa"], row["mt"], Decimal(row["mm"])) == (SYMBOL, "0.100", "ISOLATED", Decimal("22.904"))


def test_a_rejected_trigger_is_told_twice() -> None:
    core = held()
    core.execute(2, algo(SELL, STOP, "59000"))
    core.obey(3, RejectOnTrigger(symbol=SYMBOL))
    core.drain()
    core.on_market(mark(4, 59_000))
    sent = frames(core)
    assert [(frame["e"], frame.get("o", {}).get("X")) for frame in sent] == [
        ("ALGO_UPDATE", "TRIGGERING"),
        ("ALGO_UPDATE", "REJECTED"),
        ("CONDITIONAL_ORDER_TRIGGER_REJECT", None),
    ]
    assert sent[1]["o"]["rm"] == sent[2]["or"]["r"]
    assert (sent[2]["or"]["s"], sent[2]["or"]["i"]) == (SYMBOL, 1)


# --------------------------------------------------------------------------------------------------------- recordings


@pytest.fixture(scope="module")
def payloads() -> dict[str, Any]:
    lines = recording("payloads/payloads.jsonl").read_text().splitlines()
    return {row["id"]: row["payload"].get("data", row["payload"]) for row in map(json.loads, lines)
            if isinstance(row["payload"], dict)}  # fmt: skip


def a_trade() -> ExchangeCore:
    """Every kind of frame that there is a recording of."""
    core = held()
    core.execute(
        2, algo(SELL, "TAKE_PROFIT", "61000", client_id="profit", price=Decimal(61_000), quantity=Decimal("0.1"))
    )
    core.execute(2, algo(SELL, STOP, "59000", client_id="stop"))
    trailing = {"quantity": Decimal("0.1"), "callback_rate": Decimal(5), "activation_price": Decimal(61_000)}
    core.execute(2, algo(SELL, "TRAILING_STOP_MARKET", None, client_id="trail", **trailing))
    core.execute(2, limit_order(SELL, "0.05", "60100", reduce_only=True, client_id="out"))
    core.on_market(book(3, 602_000, lots=1))
    core.on_market(book(4, 602_000, lots=60))
    core.on_market(mark(5, 59_000))
    return core


RECORDED = [
    ("py_ws_messages_ws_futures_trade_lite", "TRADE_LITE", None),
    ("rs_user_data_json_trade_lite", "TRADE_LITE", None),
    ("rs_user_data_json_order_update_trade", "ORDER_TRADE_UPDATE", "FILLED"),
    ("rs_user_data_json_order_update_trade_partial", "ORDER_TRADE_UPDATE", "PARTIALLY_FILLED"),
    ("py_ws_messages_ws_futures_order_update_new_reduce_only_qty", "ORDER_TRADE_UPDATE", "NEW"),
    ("rs_user_data_json_account_update", "ACCOUNT_UPDATE", None),
    ("rs_user_data_json_algo_update_new", "ALGO_UPDATE", "NEW"),
    ("py_ws_messages_ws_futures_algo_update_triggering", "ALGO_UPDATE", "TRIGGERING"),
    ("py_ws_messages_ws_futures_algo_update_triggered", "ALGO_UPDATE", "TRIGGERED"),
    ("py_ws_messages_ws_futures_algo_update_finished", "ALGO_UPDATE", "FINISHED"),
]
NOT_ALWAYS = frozenset({"AP", "cr", "W", "rm"})
"""Fields of trailing stops and good-till-date orders, and a reason given only when there is one."""


@pytest.mark.shared
@pytest.mark.parametrize(("name", "event", "status"), RECORDED, ids=[row[0] for row in RECORDED])
def test_recorded_frames_have_our_fields(payloads: dict[str, Any], name: str, event: str, status: str | None) -> None:
    got = next(f for f in frames(a_trade()) if f["e"] == event and status in (None, f.get("o", {}).get("X")))
    assert differences(payloads[name], got, but=NOT_ALWAYS) == []
