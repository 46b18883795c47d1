"""What is read of an account that does not tell everything; `test_against_simulator` reads a whole one."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
from aiohttp import web
from msgspec import structs

from tests.adapters.binance.servers import ScriptedServer
from vortex.adapters.binance.budget import Budget
from vortex.adapters.binance.client import Credentials
from vortex.adapters.binance.fees import BNB, Fees
from vortex.adapters.binance.hosts import Hosts, demo, live, sentiment, simulator
from vortex.adapters.binance.inspection import Change, Inspection, KeyPermissions, OpenOrder, OpenPosition, Unread
from vortex.adapters.binance.loop import NetworkLoop
from vortex.adapters.clock import SystemClock

PAPER = Credentials(key="paper", secret="paper")


@pytest.fixture
def scripted(loop: NetworkLoop, server: ScriptedServer) -> Iterator[Inspection]:
    made = inspection(loop, simulator(server.url))
    yield made
    made.close()


def inspection(loop: NetworkLoop, hosts: Hosts) -> Inspection:
    return Inspection(loop, hosts, PAPER, SystemClock(), Budget(SystemClock()))


class Books:
    """Serves an account in hedge mode with a position and an order in each book; changes as told."""

    def __init__(self) -> None:
        self.forms: list[tuple[str, dict[str, str]]] = []
        self.refuse = False

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        form = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
        if request.method == "POST":
            self.forms.append((request.path, form))
            refusal = {"code": -4067, "msg": "Position side cannot be changed if there exists open orders."}
            return web.json_response(refusal if self.refuse else {"code": 200}, status=400 if self.refuse else 200)
        replies: dict[str, object] = {
            "/fapi/v1/time": {"serverTime": SystemClock().now_ms() + 60_000},
            "/fapi/v1/positionSide/dual": {"dualSidePosition": True},
            "/fapi/v1/multiAssetsMargin": {"multiAssetsMargin": True},
            "/fapi/v3/positionRisk": [
                {"symbol": "BTCUSDT", "positionSide": "SHORT", "positionAmt": "-0.010"},
                {"symbol": "ETHUSDT", "positionSide": "BOTH", "positionAmt": "0"},
            ],
            "/fapi/v1/openOrders": [{"symbol": "BTCUSDT", "clientOrderId": "a"}],
            "/fapi/v1/openAlgoOrders": [{"symbol": "ETHUSDT", "clientAlgoId": "b"}],
            "/fapi/v1/commissionRate": [],
            "/fapi/v1/leverageBracket": {},
        }
        if request.path in replies:
            return web.json_response(replies[request.path])
        return web.json_response({"code": -2015, "msg": "Invalid API-key, IP, or permissions."}, status=401)


def test_what_is_open_and_what_would_not_be_told(scripted: Inspection, server: ScriptedServer) -> None:
    server.answer = Books()
    facts = scripted.read("BTCUSDT")
    assert 59_000 < facts.clock.offset_ms < 61_000
    assert (facts.hedge_mode, facts.multi_assets) == (True, True)
    assert facts.positions == (OpenPosition(symbol="BTCUSDT", amount=Decimal("-0.010")),)
    assert facts.orders == (
        OpenOrder(symbol="BTCUSDT", client_id="a"),
        OpenOrder(symbol="ETHUSDT", client_id="b"),
    )
    assert isinstance(facts.money, Unread)
    assert facts.money.code == -2015
    assert all(isinstance(found, Unread) for found in (facts.rules, facts.taker_fee, facts.max_leverage))


@pytest.mark.parametrize(("burns", "looks", "kept"), [(True, 1, True), (False, 0, False), (None, 1, False)])
def test_a_price_of_bnb_is_looked_at_unless_fees_are_known_to_be_in_usdt(
    loop: NetworkLoop, server: ScriptedServer, burns: bool | None, looks: int, kept: bool  # noqa: FBT001  # a table
) -> None:  # fmt: skip
    books = Books()

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/fapi/v1/premiumIndex":
            return web.json_response({"symbol": "BNBUSDT", "markPrice": "600.5"})
        if request.path == "/fapi/v1/feeBurn":
            if burns is None:
                return web.json_response({"code": -5000, "msg": "Path does not exist"}, status=404)
            return web.json_response({"feeBurn": burns})
        return await books(request)

    server.answer = answer
    fees = Fees(SystemClock())
    made = Inspection(loop, simulator(server.url), PAPER, SystemClock(), Budget(SystemClock()), fees)
    try:
        fee_burn = made.read("BTCUSDT").fee_burn
    finally:
        made.close()
    assert isinstance(fee_burn, Unread) if burns is None else fee_burn is burns
    assert server.asked.count("/fapi/v1/premiumIndex?symbol=BNBUSDT") == looks
    assert fees._prices == ({BNB: Decimal("600.5")} if looks else {})
    assert (BNB in fees._needed) is kept


def test_settings_are_changed_in_the_exchange_s_words(scripted: Inspection, server: ScriptedServer) -> None:
    server.answer = books = Books()
    for change in Change:
        scripted.change(change)
    sent = [
        (path, {name: form[name] for name in form if name.startswith(("dual", "multi"))}) for path, form in books.forms
    ]
    assert sent == [
        ("/fapi/v1/positionSide/dual", {"dualSidePosition": "false"}),
        ("/fapi/v1/multiAssetsMargin", {"multiAssetsMargin": "false"}),
    ]
    books.refuse = True
    with pytest.raises(OSError, match="-4067"):
        scripted.change(Change.ONE_WAY)


def test_an_exchange_that_does_not_tell_the_time_does_not_answer(scripted: Inspection) -> None:
    with pytest.raises(OSError, match="does not answer"):
        scripted.read("BTCUSDT")


def test_permissions_are_read_where_a_host_tells_them(loop: NetworkLoop, server: ScriptedServer) -> None:
    books = Books()
    asked: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        if not request.path.startswith("/sapi"):
            return await books(request)
        asked.append(request.path)
        return web.json_response({
            "ipRestrict": False, "createTime": 1, "enableReading": True, "enableFutures": True,
            "enableWithdrawals": False, "enableInternalTransfer": True, "permitsUniversalTransfer": True,
        })  # fmt: skip

    server.answer = answer
    made = inspection(loop, structs.replace(simulator(server.url), wallet=server.url))
    try:
        facts = made.read("BTCUSDT")
    finally:
        made.close()
    assert asked == ["/sapi/v1/account/apiRestrictions"]
    assert facts.permissions == KeyPermissions(
        enable_futures=True, enable_withdrawals=False, enable_internal_transfer=True, permits_universal_transfer=True
    )


def test_only_the_real_market_tells_permissions() -> None:
    assert live().wallet == "https://api.binance.com"
    assert demo().wallet == sentiment().wallet == ""


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_key_does_not_follow_a_redirect(server: ScriptedServer, scripted: Inspection, status: int) -> None:
    """Whoever answers may not send a signed request, which carries the key, to another host."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        if request.path == "/fapi/v1/time":
            return web.json_response({"serverTime": SystemClock().now_ms()})
        location = f"http://localhost:{server.port}/stolen{request.path}"
        return web.json_response({}, status=status, headers={"Location": location})

    server.answer = answer
    facts = scripted.read("BTCUSDT")
    assert [path for path in asked if path.startswith("/stolen")] == []
    assert isinstance(facts.money, Unread)
    with pytest.raises(OSError, match="does not answer"):
        scripted.change(Change.ONE_WAY)
    assert [path for path in asked if path.startswith("/stolen")] == []
