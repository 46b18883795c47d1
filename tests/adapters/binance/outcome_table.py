"""What each answer of the exchange proves about the request that got it, as data.

`do` is in the words of the simulator's fault interface, so the same table can be run through it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, NamedTuple, TypeAlias

from vortex.domain.order import (
    CancelOrder,
    ExchangeRequest,
    OrderKind,
    OrderSide,
    PlaceOrder,
    QueryAccount,
    QueryOrder,
    QuerySymbol,
    SetLeverage,
)

Verdict: TypeAlias = Literal["DONE", "REFUSED", "UNKNOWN"]


class Row(NamedTuple):
    """One answer and its verdict; a refusal has `code`, and `retry_ms` when it asks for silence."""

    do: str
    verdict: Verdict
    code: int = 0
    retry_ms: int = 0


class Call(NamedTuple):
    """One request of the port and the HTTP request that decides about it."""

    method: str
    path: str
    request: ExchangeRequest


ENTRY_ID, STOP_ID = "v7-main-BTCUSDT-1-1E", "v7-main-BTCUSDT-1-1S"
ENTRY = PlaceOrder(
    symbol="BTCUSDT", client_id=ENTRY_ID, side=OrderSide.BUY, kind=OrderKind.MARKET, quantity=Decimal("0.010")
)
STOP = PlaceOrder(
    symbol="BTCUSDT", client_id=STOP_ID, side=OrderSide.SELL, kind=OrderKind.STOP_MARKET,
    trigger_price=Decimal("61000.0"), close_position=True,
)  # fmt: skip

ORDER, ALGO = "/fapi/v1/order", "/fapi/v1/algoOrder"
LISTS = ("/fapi/v1/openOrders", "/fapi/v1/openAlgoOrders", "/fapi/v1/userTrades")
"""What may be empty."""

CALLS = (
    Call("POST", ORDER, ENTRY),
    Call("POST", ALGO, STOP),
    Call("DELETE", ORDER, CancelOrder(symbol="BTCUSDT", client_id=ENTRY_ID, conditional=False)),
    Call("DELETE", ALGO, CancelOrder(symbol="BTCUSDT", client_id=STOP_ID, conditional=True)),
    Call("GET", ORDER, QueryOrder(symbol="BTCUSDT", client_id=ENTRY_ID, conditional=False)),
    Call("GET", ALGO, QueryOrder(symbol="BTCUSDT", client_id=STOP_ID, conditional=True)),
    *(Call("GET", path, QuerySymbol(symbol="BTCUSDT", fills_since_ms=0)) for path in (*LISTS, "/fapi/v2/positionRisk")),
    Call("GET", "/fapi/v3/account", QueryAccount()),
    Call("POST", "/fapi/v1/leverage", SetLeverage(symbol="BTCUSDT", leverage=10)),
)

REFUSED_CODES = (
    # too many, or not by these keys, or not in time
    -1002, -1008, -1020, -1021, -1022, -2014, -2015, -2017,
    # malformed
    -1013, -1014, -1023, -1100, -1101, -1102, -1103, -1104, -1105, -1106, -1108, -1110, -1111, -1112, -1113, -1114,
    -1115, -1116, -1117, -1118, -1119, -1120, -1121, -1125, -1127, -1128, -1130,
    # refused orders, cancels, queries
    -2010, -2011, -2012, -2013, -2018, -2019, -2020, -2021, -2022, -2023, -2024, -2025, -2026, -2027, -2028,
    # filters, limits, modes
    -4000, -4001, -4003, -4005, -4014, -4015, -4023, -4028, -4044, -4046, -4047, -4048, -4059, -4061, -4067, -4068,
    -4084, -4104, -4111, -4118, -4120, -4130, -4131, -4141, -4161, -4164, -4183, -4192, -4202,
    # reduce-only mode, closePosition without a position, could not fill
    -4400, -4401, -4509, -5021, -5022, -5027, -5028,
)  # fmt: skip
"""Codes that prove with a 4xx that nothing was done."""

UNPROVEN_CODES = (-1000, -1001, -1004, -1006, -1007, -1010, -1016, -2016, -3000, -4116, -5000, -9999, -1, 1)
"""Codes that do not, -4116 first of all: an order of this id exists. The rest of these nobody has ever explained."""

SAME_FOR_ALL = (
    *(Row(f"code:{code}", "REFUSED", code) for code in REFUSED_CODES),
    *(Row(f"code:{code}", "UNKNOWN") for code in UNPROVEN_CODES),
    Row("code:-1003", "REFUSED", -1003, 60_000),
    Row("code:-1015", "REFUSED", -1015, 10_000),
    Row("http:429", "REFUSED", 429, 1_000),
    Row("http:429:7", "REFUSED", 429, 7_000),
    Row("http:418:120", "REFUSED", 418, 120_000),
    *(Row(f"http:{status}", "UNKNOWN") for status in (400, 401, 403, 404, 408, 409, 500, 502, 503, 504)),
    Row("http:503_unknown", "UNKNOWN"),
    Row("http:503_busy", "UNKNOWN"),
    Row("http:503_throttled", "REFUSED", -1008),
    Row("http:503_margin", "UNKNOWN"),
    Row("http:408_timeout", "UNKNOWN"),
    Row("empty_200", "UNKNOWN"),
    Row("html_200", "UNKNOWN"),
    Row("truncate", "UNKNOWN"),
    Row("reset_before_apply", "UNKNOWN"),
    Row("timeout_before_apply", "UNKNOWN"),
    Row("json:{}", "UNKNOWN"),
    Row("json:null", "UNKNOWN"),
    Row('json:"text"', "UNKNOWN"),
    Row("json:7", "UNKNOWN"),
    Row('json:{"code":-2019,"msg":"with HTTP 200"}', "UNKNOWN"),
    Row('json:{"code":-1000,"msg":"with HTTP 200"}', "UNKNOWN"),
    Row('json:{"code":200,"msg":"success"}', "UNKNOWN"),
)
"""Answers that say the same about every call of CALLS."""

FOREIGN_ORDER = (
    'json:{"orderId":9,"symbol":"BTCUSDT","status":"FILLED","clientOrderId":"somebody","side":"BUY",'
    '"executedQty":"1","avgPrice":"1","updateTime":1}'
)
FOREIGN_ALGO = (
    'json:{"algoId":9,"clientAlgoId":"somebody","symbol":"BTCUSDT","side":"SELL","algoStatus":"NEW",'
    '"triggerPrice":"1","updateTime":1,"orderType":"STOP_MARKET","code":"200","msg":"success"}'
)
NO_ORDER_ID = (
    f'json:{{"symbol":"BTCUSDT","status":"FILLED","clientOrderId":"{ENTRY_ID}","side":"BUY","executedQty":"1",'
    '"avgPrice":"1","updateTime":1}'
)
NEW_STATUS = NO_ORDER_ID.replace('"symbol"', '"orderId":1,"symbol"', 1).replace("FILLED", "PENDING_SOMETHING")

OF_ONE_CALL = (
    *((call, Row("", "DONE")) for call in CALLS),
    *((call, Row(do, "UNKNOWN")) for call in CALLS if call.path == ORDER for do in (FOREIGN_ORDER, NO_ORDER_ID,
                                                                                     NEW_STATUS)),
    *((call, Row(FOREIGN_ALGO, "UNKNOWN")) for call in CALLS if call.path == ALGO),
    *((call, Row("json:[]", "UNKNOWN")) for call in CALLS if call.path not in LISTS),
)  # fmt: skip
"""Answers that say something about one kind of call; without a fault everything is done."""
