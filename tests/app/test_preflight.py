"""The start-up checks as decisions, and the order in which a start tells, waits and changes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Literal

import pytest
from loguru import logger
from msgspec import structs

from vortex.adapters.binance.inspection import Change, Facts, KeyPermissions, OpenOrder, OpenPosition, Unread
from vortex.app import real_money
from vortex.app.preflight import DAY_MS, Verdict, changes, checks, clear
from vortex.config import Config, ConfigError, Secret
from vortex.config.sections import Exchange, Mode
from vortex.domain.market import SymbolRules
from vortex.domain.order import AccountState, ClockMeasured
from vortex.domain.risk.params import RiskParams

ONE = Decimal(1)
RULES = {
    symbol: SymbolRules(
        symbol=symbol, tick_size=ONE, step_size=ONE, min_quantity=ONE, max_quantity=ONE, min_notional_usdt=ONE
    )
    for symbol in ("BTCUSDT", "ETHUSDT")
}
GOOD_KEY = KeyPermissions(enable_futures=True, enable_withdrawals=False, ip_restrict=True)
FACTS = Facts(
    clock=ClockMeasured(ts_ms=1, offset_ms=12.0, round_trip_ms=34.0),
    permissions=GOOD_KEY,
    hedge_mode=False,
    multi_assets=False,
    margin_types=dict.fromkeys(RULES, "ISOLATED"),
    rules=RULES,
    max_leverage=dict.fromkeys(RULES, 125),
    taker_fee=Decimal("0.0005"),
    fee_burn=False,
    money=AccountState(
        ts_ms=1, wallet_usdt=Decimal(10_000), unrealized_usdt=Decimal(-100), available_usdt=Decimal(9_000)
    ),
    positions=(),
    orders=(),
)
LOST = Unread(why="TimeoutError: no details")
HELD = (OpenPosition(symbol="BTCUSDT", amount=Decimal("-0.010")),)
RESTING = (OpenOrder(symbol="ETHUSDT", client_id="web_1"),)


def config_of(mode: Mode) -> Config:
    risk = RiskParams(max_notional_usdt=5_000.0, max_daily_loss_usdt=200.0, max_trades_per_day=50)
    return Config(mode=mode, risk=risk, exchange=Exchange(api_key=Secret("canary-key"), secret_key=Secret("s")))


LIVE, TESTNET, PAPER = config_of("live"), config_of("testnet"), config_of("paper")


def seen(name: str, facts: Facts, config: Config = LIVE) -> tuple[Verdict, str]:
    (check,) = [check for check in checks(facts, config) if check.name == name]
    return check.verdict, check.detail


def facts(**changed: Any) -> Facts:
    return structs.replace(FACTS, **changed)


def test_a_clean_account_passes_every_check_with_a_line_each() -> None:
    found = checks(FACTS, LIVE)
    assert {check.verdict for check in found} == {Verdict.OK}
    assert [check.name for check in found] == [
        "clock", "key permissions", "position mode", "assets mode", "margin type", "filters", "leverage brackets",
        "taker fee", "fee asset", "balance", "open positions", "open orders",
    ]  # fmt: skip
    assert str(found[0]) == "clock: ok: the exchange is +12 ms ahead of this machine, round trip 34 ms"
    assert changes(FACTS) == ()


@pytest.mark.parametrize(
    ("offset_ms", "config", "verdict"),
    [
        (500.0, LIVE, Verdict.OK),
        (-501.0, LIVE, Verdict.FAILED),
        (501.0, LIVE, Verdict.FAILED),
        (501.0, TESTNET, Verdict.WARN),
        (501.0, PAPER, Verdict.WARN),
    ],
)
def test_a_wrong_clock_refuses_real_money_and_says_what_to_do(
    offset_ms: float, config: Config, verdict: Verdict
) -> None:
    clock = ClockMeasured(ts_ms=1, offset_ms=offset_ms, round_trip_ms=34.0)
    found, detail = seen("clock", facts(clock=clock), config)
    assert found is verdict
    assert "round trip 34 ms" in detail
    assert ("set this machine's clock" in detail) is (verdict is not Verdict.OK)


def test_a_clock_that_may_come_right_is_tried_again_unless_more_is_wrong() -> None:
    clock = ClockMeasured(ts_ms=1, offset_ms=501.0, round_trip_ms=34.0)
    with pytest.raises(OSError, match="set this machine's clock"):
        clear(Account(facts(clock=clock)), LIVE, wait=never)
    key = structs.replace(GOOD_KEY, enable_withdrawals=True)
    with pytest.raises(ConfigError, match="withdrawals"):
        clear(Account(facts(clock=clock, permissions=key)), LIVE, wait=never)


def test_a_slow_line_is_a_warning() -> None:
    clock = ClockMeasured(ts_ms=1, offset_ms=0.0, round_trip_ms=1_001.0)
    assert seen("clock", facts(clock=clock))[0] is Verdict.WARN


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (structs.replace(GOOD_KEY, enable_futures=False), "futures are off"),
        (structs.replace(GOOD_KEY, enable_withdrawals=True), "withdrawals are on"),
        (structs.replace(GOOD_KEY, enable_internal_transfer=True), "internal transfers are on"),
        (structs.replace(GOOD_KEY, permits_universal_transfer=True), "universal transfers are on"),
    ],
)
def test_a_key_that_may_too_much_or_too_little_is_refused(key: KeyPermissions, words: str) -> None:
    verdict, detail = seen("key permissions", facts(permissions=key))
    assert verdict is Verdict.FAILED
    assert words in detail
    assert "API management" in detail


def test_a_key_for_any_address_is_a_warning() -> None:
    key = structs.replace(GOOD_KEY, ip_restrict=False)
    assert seen("key permissions", facts(permissions=key))[0] is Verdict.WARN


def test_a_key_that_ends_soon_is_a_warning() -> None:
    for days, verdict in ((13, Verdict.WARN), (15, Verdict.OK)):
        key = structs.replace(GOOD_KEY, trading_authority_expiration_time=FACTS.clock.ts_ms + days * DAY_MS)
        assert seen("key permissions", facts(permissions=key))[0] is verdict


@pytest.mark.parametrize(("config", "place"), [(TESTNET, "Demo Trading"), (PAPER, "the simulator")])
def test_permissions_that_nobody_tells_are_not_checked(config: Config, place: str) -> None:
    assert seen("key permissions", facts(permissions=None), config) == (
        Verdict.NOT_CHECKED,
        f"{place} does not tell them",
    )


@pytest.mark.parametrize("name", ["hedge_mode", "multi_assets"])
def test_a_mode_of_the_account_is_changed_only_while_nothing_is_open(name: str) -> None:
    line, change = {
        "hedge_mode": ("position mode", Change.ONE_WAY),
        "multi_assets": ("assets mode", Change.SINGLE_ASSET),
    }[name]
    wrong = facts(**{name: True})
    assert seen(line, wrong)[0] is Verdict.WARN
    assert changes(wrong) == (change,)
    for obstacle, words in (
        ({"positions": HELD}, "1 open position:"),
        ({"orders": RESTING * 2}, "2 open orders:"),
        ({"positions": HELD * 2, "orders": RESTING}, "2 open positions and 1 open order:"),
        ({"orders": LOST}, "what is open unknown:"),
    ):
        used = structs.replace(wrong, **obstacle)
        verdict, detail = seen(line, used)
        assert verdict is Verdict.FAILED
        assert words in detail
        assert changes(used) == ()


def test_symbols_need_filters_and_brackets() -> None:
    assert seen("filters", facts(rules={"BTCUSDT": RULES["BTCUSDT"]}))[0] is Verdict.WARN
    verdict, detail = seen("leverage brackets", facts(max_leverage={"ETHUSDT": 5}))
    assert (verdict, "BTCUSDT" in detail) == (Verdict.FAILED, True)
    verdict, detail = seen("leverage brackets", facts(max_leverage={"BTCUSDT": 125, "ETHUSDT": 5}))
    assert (verdict, "ETHUSDT" in detail) == (Verdict.WARN, True)


def test_what_is_open_is_told() -> None:
    verdict, detail = seen("open positions", facts(positions=HELD * 7))
    assert verdict is Verdict.WARN
    assert detail.startswith("not ours: BTCUSDT -0.010, ")
    assert "and 2 more" in detail
    assert seen("open orders", facts(orders=RESTING)) == (Verdict.WARN, "not ours, left alone: ETHUSDT web_1")
    ours = OpenOrder(symbol="BTCUSDT", client_id="v7-main-BTCUSDT-1-1S")
    assert seen("open orders", facts(orders=(ours,))) == (Verdict.OK, "1 of ours from before")


@pytest.mark.parametrize(
    ("policy", "ours", "verdict", "words"),
    [
        ("leave", (), Verdict.WARN, "left alone"),
        ("protect", (), Verdict.WARN, "given a stop"),
        ("refuse", (), Verdict.FAILED, "not ours: BTCUSDT -0.010; close them"),
        ("refuse", ("ETHUSDT",), Verdict.FAILED, "not ours: BTCUSDT -0.010; close them"),
        ("refuse", ("BTCUSDT", "ETHUSDT"), Verdict.OK, "1 of ours from before"),
    ],
)
def test_a_position_the_journal_does_not_know_refuses_the_start_if_so_wished(
    policy: Literal["leave", "protect", "refuse"], ours: tuple[str, ...], verdict: Verdict, words: str
) -> None:
    config = structs.replace(PAPER, exchange=structs.replace(PAPER.exchange, foreign_position=policy))
    (check,) = [each for each in checks(facts(positions=HELD), config, ours) if each.name == "open positions"]
    assert check.verdict is verdict
    assert words in check.detail


def test_an_empty_wallet_is_a_warning() -> None:
    empty = AccountState(ts_ms=1, wallet_usdt=Decimal(0), unrealized_usdt=Decimal(0), available_usdt=Decimal(0))
    assert seen("balance", facts(money=empty))[0] is Verdict.WARN


@pytest.mark.parametrize(
    ("burns", "config", "verdict", "words"),
    [
        (False, LIVE, Verdict.OK, "in USDT"),
        (True, LIVE, Verdict.WARN, "in BNB, booked at the mark price of BNBUSDT; the USDT wallet does not pay them"),
        (True, TESTNET, Verdict.WARN, "in BNB, booked at the mark price of BNBUSDT; "),
        (LOST, LIVE, Verdict.WARN, "could not be read (TimeoutError: no details); fees in BNB would be booked at "),
        (Unread(why="HTTP 404", code=-5000), TESTNET, Verdict.WARN, "could not be read (HTTP 404); "),
        (LOST, PAPER, Verdict.NOT_CHECKED, LOST.why),
    ],
)
def test_in_what_fees_are_paid_refuses_no_start(
    burns: bool | Unread, config: Config, verdict: Verdict, words: str  # noqa: FBT001  # a table
) -> None:  # fmt: skip
    found, detail = seen("fee asset", facts(fee_burn=burns), config)
    assert found is verdict
    assert detail.startswith(words)
    clear(Account(facts(fee_burn=burns)), config, wait=lambda _: None)


UNREADABLE = [name for name in Facts.__struct_fields__ if name not in ("clock", "fee_burn")]


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_is_unsafe_except_on_paper(name: str) -> None:
    lost = facts(**{name: LOST})
    failed = [check for check in checks(lost, LIVE) if check.verdict is Verdict.FAILED]
    assert len(failed) == 1
    assert failed[0].passing
    assert Verdict.FAILED not in {check.verdict for check in checks(lost, PAPER)}
    with pytest.raises(OSError, match="could not be read, try again"):
        clear(Account(lost), LIVE, wait=never)


@pytest.mark.parametrize(("code", "words"), [(-2015, "IP list"), (-2014, "BINANCE_API_KEY"), (-1022, "SECRET_KEY")])
def test_a_key_that_is_not_accepted_is_named(code: int, words: str) -> None:
    bad = Unread(why="ApiError", code=code)
    with pytest.raises(ConfigError, match=words) as caught:
        clear(Account(facts(hedge_mode=bad, money=bad)), TESTNET, wait=never)
    assert len(str(caught.value).splitlines()) == 1


class Account:
    """An account by hand that says in which order it was read, waited for and changed."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.done: list[object] = []

    def read(self, first_pair: str) -> Facts:
        self.done.append(f"read {first_pair}")
        return self.facts

    def change(self, change: Change) -> None:
        self.done.append(change)

    def wait(self, seconds: float) -> None:
        self.done.append(seconds)


def never(seconds: float) -> None:
    raise AssertionError(f"waits {seconds} s")


@contextmanager
def logged() -> Iterator[list[str]]:
    lines: list[str] = []
    sink = logger.add(lambda message: lines.append(message.record["message"]), level="INFO")
    try:
        yield lines
    finally:
        logger.remove(sink)


WRONG_MODES = facts(hedge_mode=True, multi_assets=True)


def test_real_money_is_announced_and_waited_for_before_anything_is_changed() -> None:
    account = Account(WRONG_MODES)
    with logged() as lines:
        clear(account, LIVE, wait=account.wait)
    assert account.done == ["read BTCUSDT", 10.0, Change.ONE_WAY, Change.SINGLE_ASSET]
    text = "\n".join(lines)
    assert "check: clock: ok" in text
    assert "REAL MONEY: Binance USD-M, account main" in text
    assert "canary" not in text


def test_an_interrupted_wait_has_done_nothing() -> None:
    def interrupt(_: float) -> None:
        raise SystemExit(0)

    account = Account(WRONG_MODES)
    with pytest.raises(SystemExit):
        clear(account, LIVE, wait=interrupt)
    assert account.done == ["read BTCUSDT"]


@pytest.mark.parametrize("config", [TESTNET, PAPER])
def test_nobody_waits_where_no_money_is_at_stake(config: Config) -> None:
    account = Account(WRONG_MODES)
    started_s = time.monotonic()
    clear(account, config)
    assert time.monotonic() - started_s < real_money.WAIT_S / 2
    assert account.done == ["read BTCUSDT", Change.ONE_WAY, Change.SINGLE_ASSET]


def test_a_failed_check_ends_the_start_before_anything_is_told_or_changed() -> None:
    key = structs.replace(GOOD_KEY, enable_withdrawals=True)
    account = Account(structs.replace(WRONG_MODES, permissions=key))
    with pytest.raises(ConfigError, match=r"^key permissions: withdrawals are on and must be off: "):
        clear(account, LIVE, wait=never)
    assert account.done == ["read BTCUSDT"]


@pytest.mark.parametrize(
    ("changed", "verdict", "words"),
    [
        ({}, Verdict.OK, "becomes isolated"),
        ({"positions": HELD}, Verdict.WARN, "on BTCUSDT, not flat"),
        ({"orders": LOST}, Verdict.WARN, "unknown"),
    ],
)
def test_cross_margin_stands_in_the_way_of_what_is_open_only(
    changed: dict[str, Any], verdict: Verdict, words: str
) -> None:
    found, detail = seen("margin type", facts(margin_types={"BTCUSDT": "CROSSED", "ETHUSDT": "ISOLATED"}, **changed))
    assert found is verdict
    assert words in detail
