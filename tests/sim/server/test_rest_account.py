"""Account endpoints beyond balances and positions, over the wire."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.sim.server.kit import Client, options_of, running


@pytest.fixture(scope="module")
def own(capture: Path) -> Iterator[Client]:
    """An exchange of this module's own: modes are the account's."""
    with running(options_of(capture, withdrawals=True)) as server:
        yield server.client


@pytest.mark.parametrize(
    ("path", "name", "same"),
    [("positionSide/dual", "dualSidePosition", -4059), ("multiAssetsMargin", "multiAssetsMargin", -4171)],
)
def test_a_mode_is_switched_and_shown(own: Client, path: str, name: str, same: int) -> None:
    assert own.signed("POST", f"/fapi/v1/{path}", **{name: "false"}).code == same
    assert own.signed("POST", f"/fapi/v1/{path}", **{name: "true"}).body == {"code": 200, "msg": "success"}
    assert own.signed("GET", f"/fapi/v1/{path}").body == {name: True}
    if name == "multiAssetsMargin":
        assert own.signed("GET", "/fapi/v2/account").body["multiAssetsMargin"] is True
    else:
        assert own.market_order("BUY").code == -4061
    assert own.signed("POST", f"/fapi/v1/{path}", **{name: "false"}).status == 200


def test_fees_stay_in_usdt(own: Client) -> None:
    assert own.signed("GET", "/fapi/v1/feeBurn").body == {"feeBurn": False}
    assert own.signed("POST", "/fapi/v1/feeBurn", feeBurn="false").body == {"code": 200, "msg": "success"}
    refused = own.signed("POST", "/fapi/v1/feeBurn", feeBurn="true")
    assert (refused.status, refused.code) == (400, -1130)
    assert own.signed("POST", "/fapi/v1/feeBurn").code == -1102
    assert own.signed("GET", "/fapi/v1/feeBurn").body == {"feeBurn": False}
    own.market_order("BUY")
    own.flatten()
    trades: list[dict[str, Any]] = own.signed("GET", "/fapi/v1/userTrades", symbol="BTCUSDT").body
    assert {row["commissionAsset"] for row in trades} == {"USDT"}


def test_margin_moves_and_income_tells_of_the_rest(own: Client) -> None:
    own.market_order("BUY")
    margin = {"symbol": "BTCUSDT", "amount": "5", "type": 1}
    before = isolated(own)
    assert own.signed("POST", "/fapi/v1/positionMargin", **margin).body["amount"] == 5
    assert isolated(own) == before + 5
    assert own.signed("POST", "/fapi/v1/positionMargin", **(margin | {"type": 2, "amount": "9999"})).code == -4051
    assert own.signed("POST", "/fapi/v1/positionMargin", **(margin | {"type": 3})).code == -1130
    assert own.signed("POST", "/fapi/v1/positionMargin", **(margin | {"amount": "0"})).code == -4055
    own.flatten()
    rows: list[dict[str, Any]] = own.signed("GET", "/fapi/v1/income", symbol="BTCUSDT").body
    assert {row["incomeType"] for row in rows} == {"COMMISSION", "REALIZED_PNL"}
    assert set(rows[0]) == {"symbol", "incomeType", "income", "asset", "info", "time", "tranId", "tradeId"}
    fees = own.signed("GET", "/fapi/v1/income", incomeType="COMMISSION", startTime=rows[0]["time"], limit=1)
    assert [row["tranId"] for row in fees.body] == [rows[0]["tranId"]]
    assert int(fees.headers["X-MBX-USED-WEIGHT-1M"]) >= 60
    assert own.signed("GET", "/fapi/v1/income", incomeType="GIFT").code == -1130


def isolated(client: Client) -> Decimal:
    (row,) = client.signed("GET", "/fapi/v3/positionRisk").body
    return Decimal(row["isolatedWallet"])


def test_the_key_may_trade_and_withdraw_only_when_told_so(own: Client, client: Client) -> None:
    path = "/sapi/v1/account/apiRestrictions"
    assert own.signed("GET", path).body["enableWithdrawals"] is True
    rights = client.signed("GET", path).body
    assert (rights["enableFutures"], rights["enableReading"], rights["enableWithdrawals"]) == (True, True, False)
    assert client.get(path).code == -2014
