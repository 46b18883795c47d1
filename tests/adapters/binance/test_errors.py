from __future__ import annotations

import pytest
from ccxt.base.errors import ExchangeNotAvailable, OrderNotFound, RequestTimeout

from vortex.adapters.binance.errors import ApiError, MalformedReply, classify, describe, scrub
from vortex.domain.order import Refused, Unknown

REFUSED = [
    -1002, -1003, -1008, -1015, -1020, -1021, -1022, -1013, -1100, -1102, -1106, -1111, -1116, -1121, -1125, -1130,
    -2010, -2011, -2013, -2014, -2015, -2018, -2019, -2020, -2021, -2022, -2024, -2025, -2026, -2027, -2028,
    -4003, -4005, -4014, -4015, -4028, -4046, -4047, -4048, -4059, -4061, -4067, -4068, -4118, -4120, -4130, -4131,
    -4164, -4183, -4192, -4400, -5021, -5022, -5027, -5028,
]  # fmt: skip
UNKNOWN = [-1000, -1001, -1006, -1007, -1010, -1016, -4116, -5000, -9999, 0, 1]


@pytest.mark.parametrize("code", REFUSED)
def test_codes_that_prove_nothing_was_executed(code: int) -> None:
    outcome = classify(ApiError(400, code, "no"))
    assert isinstance(outcome, Refused)
    assert outcome.code == code


@pytest.mark.parametrize("code", UNKNOWN)
def test_codes_that_prove_nothing(code: int) -> None:
    assert isinstance(classify(ApiError(400, code, "?")), Unknown)


@pytest.mark.parametrize("status", [200, 408, 500, 502, 503, 504])
@pytest.mark.parametrize("code", [None, -1000, -1001, -1007])
def test_a_server_error_proves_nothing(status: int, code: int | None) -> None:
    assert isinstance(classify(ApiError(status, code, "Unknown error, please check your request")), Unknown)


def test_a_refusal_in_a_server_error_is_believed_only_when_throttled() -> None:
    assert isinstance(classify(ApiError(503, -2019, "margin")), Unknown)
    assert classify(ApiError(503, -1008, "throttled")) == Refused(
        code=-1008, text=describe(ApiError(503, -1008, "throttled"))
    )


@pytest.mark.parametrize("status", [418, 429])
def test_too_many_requests_were_not_executed_and_say_how_long_to_wait(status: int) -> None:
    outcome = classify(ApiError(status, None, "Too many", 7_000))
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.retry_after_ms) == (status, 7_000)
    assert "silence for 7 s" in outcome.text
    assert classify(ApiError(status, -1003, "Too many")) == Refused(
        code=-1003, text=describe(ApiError(status, -1003, "Too many"))
    )


@pytest.mark.parametrize(
    "failure",
    [
        RequestTimeout("binanceusdm POST http://h/fapi/v1/order"),
        ExchangeNotAvailable("binanceusdm GET http://h/fapi/v1/order?symbol=X&signature=abc"),
        OrderNotFound('binanceusdm {"code":-2013,"msg":"a class and a text are no evidence"}'),
        MalformedReply("HTTP 200 without a JSON answer"),
        TimeoutError(),
        ConnectionResetError("reset"),
        LookupError("no row"),
    ],
)
def test_everything_without_a_parsed_code_is_unknown(failure: Exception) -> None:
    assert isinstance(classify(failure), Unknown)


@pytest.mark.parametrize(
    "text",
    [
        "binanceusdm GET http://127.0.0.1:1/fapi/v1/order?timestamp=1&symbol=X&signature=canary",
        "ws://127.0.0.1:1/private/ws?listenKey=canary failed",
        "Mandatory parameter: signature=canary",
        "X-MBX-APIKEY: canary",
        "secret = canary",
    ],
)
def test_no_secret_survives_in_a_text(text: str) -> None:
    assert "canary" not in scrub(text)
    assert "canary" not in str(ApiError(400, -1022, text))
    assert "canary" not in describe(RequestTimeout(text))


def test_descriptions_are_short_and_never_empty() -> None:
    assert len(scrub("x" * 10_000)) == 200
    assert describe(TimeoutError()) == "TimeoutError: no details"
