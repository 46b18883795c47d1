"""The start-up checks: one line each, decided from what was read of the account before anything trades.

A setting of the whole account is changed only while the account holds nothing and has no order; else, like anything
else that makes trading unsafe, it refuses the start in words that say what to do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Protocol, TypeAlias, TypeVar

from loguru import logger
from msgspec import Struct

from vortex.adapters.binance.inspection import Change, Facts, KeyPermissions, OpenOrder, OpenPosition, Unread
from vortex.app import real_money
from vortex.config import Config, ConfigError
from vortex.domain.client_id import is_made_for
from vortex.domain.market import SymbolRules
from vortex.domain.money import rounded
from vortex.domain.order import AccountState, ClockMeasured

T = TypeVar("T")
MAX_OFFSET_MS = 500
SLOW_MS = 1_000
SOON_DAYS, DAY_MS = 14, 86_400_000
IN_BNB = "booked at the mark price of BNBUSDT; the USDT wallet does not pay them, so the day's limits do not see them"
SHOWN = 5
"""Positions or orders named in one line."""

_KEY_TROUBLE = {
    -2015: "the exchange does not accept this key from this address: check the key, its IP list and 'Enable Futures'",
    -2014: "BINANCE_API_KEY is no key: copy it again",
    -1022: "BINANCE_SECRET_KEY does not belong to BINANCE_API_KEY: copy both again",
}
_MAY_NOT = {
    "enable_withdrawals": "withdrawals",
    "enable_internal_transfer": "internal transfers",
    "permits_universal_transfer": "universal transfers",
}


class Inspector(Protocol):
    """Reads an account and changes its settings; `vortex.adapters.binance.inspection` does it at the exchange."""

    def read(self, first_pair: str) -> Facts: ...

    def change(self, change: Change) -> None: ...


class Verdict(StrEnum):
    """What a check found."""

    OK = "ok"
    WARN = "warn"
    FAILED = "FAILED"
    NOT_CHECKED = "not checked"


class Check(Struct, frozen=True, kw_only=True):
    """One line: what was checked, what was found, and in the detail what to do about it.

    Attributes:
        passing: True for a failure that may be gone at the next attempt.
    """

    name: str
    verdict: Verdict
    detail: str
    passing: bool = False

    def __str__(self) -> str:
        return f"{self.name}: {self.verdict}: {self.detail}"


Finding: TypeAlias = tuple[Verdict, str]
"""What a judge found, and the detail."""


def checks(facts: Facts, config: Config, ours: Collection[str] = ()) -> tuple[Check, ...]:
    """Every check, in the order in which people look for trouble; `ours` are the symbols of trades under way."""

    def check(name: str, fact: T | Unread, judge: Callable[[T], Finding], *, passing: bool = False) -> Check:
        if isinstance(fact, Unread):
            return _unread(name, fact, config)
        verdict, detail = judge(fact)
        return Check(name=name, verdict=verdict, detail=detail, passing=passing)

    hedge, multi = _setting("hedge mode", "one-way", facts), _setting("multi-assets mode", "single-asset", facts)
    return (
        check("clock", facts.clock, lambda clock: _clock(clock, config), passing=True),  # after a reboot it comes right
        check("key permissions", facts.permissions, lambda found: _permissions(found, facts.clock.ts_ms, config)),
        check("position mode", facts.hedge_mode, hedge),
        check("assets mode", facts.multi_assets, multi),
        check("margin type", facts.margin_types, lambda found: _margin(found, facts, config)),
        check("filters", facts.rules, lambda rules: _filters(rules, config)),
        check("leverage brackets", facts.max_leverage, lambda found: _brackets(found, config)),
        check("taker fee", facts.taker_fee, lambda fee: _fee(fee, config)),
        _fee_asset(facts.fee_burn, config),
        check("balance", facts.money, _money),
        check("open positions", facts.positions, lambda held: _positions(held, config, ours)),
        check("open orders", facts.orders, lambda resting: _orders(resting, config)),
    )


def changes(facts: Facts) -> tuple[Change, ...]:
    """The settings that are to be changed; none unless nothing is open."""
    if _open(facts) != "":
        return ()
    wanted = ((facts.hedge_mode, Change.ONE_WAY), (facts.multi_assets, Change.SINGLE_ASSET))
    return tuple(change for setting, change in wanted if setting is True)


def clear(
    inspector: Inspector, config: Config, ours: Collection[str] = (), wait: Callable[[float], object] = time.sleep
) -> tuple[Check, ...]:
    """Check everything, tell what real money stands to lose and wait, then bring the account's settings about.

    Args:
        inspector: Reads the account and changes it.
        config: Says what is to be traded, and in which mode.
        ours: Symbols of the trades that the journal knows to be under way.
        wait: Waits real seconds; whoever wants to stop the start interrupts it.

    Raises:
        ConfigError: A check failed, in one line.
        OSError: The exchange did not answer, or not all of it.
    """
    facts = inspector.read(config.trading_pairs[0])
    found = checks(facts, config, ours)
    for check in found:
        logger.log("INFO" if check.verdict in (Verdict.OK, Verdict.NOT_CHECKED) else "WARNING", "check: {}", check)
    _require(found)
    if config.mode == "live":
        real_money.announce(config, facts.money, wait)
    for change in changes(facts):
        logger.warning("changing the account to {}", change)
        inspector.change(change)
    return found


def _require(found: Sequence[Check]) -> None:
    failed = [check for check in found if check.verdict is Verdict.FAILED]
    if failed:
        line = "; ".join(f"{check.name}: {check.detail}" for check in failed)
        raise OSError(line) if all(check.passing for check in failed) else ConfigError(line)


# --------------------------------------------------------------------------------------------------------- decisions


def _clock(clock: ClockMeasured, config: Config) -> Finding:
    seen = f"the exchange is {clock.offset_ms:+.0f} ms ahead of this machine, round trip {clock.round_trip_ms:.0f} ms"
    if abs(clock.offset_ms) > MAX_OFFSET_MS:
        verdict = Verdict.FAILED if config.mode == "live" else Verdict.WARN
        advice = f"more than {MAX_OFFSET_MS} ms: set this machine's clock, for example timedatectl set-ntp true"
        return verdict, f"{seen}; {advice}"
    if clock.round_trip_ms > SLOW_MS:
        return Verdict.WARN, f"{seen}; slow: an order has 2000 ms to arrive"
    return Verdict.OK, seen


def _permissions(found: KeyPermissions | None, now_ms: int, config: Config) -> Finding:
    if found is None:
        place = "Demo Trading" if config.mode == "testnet" else "the simulator"
        return Verdict.NOT_CHECKED, f"{place} does not tell them"
    wrong = list(_too_much(found))
    if wrong:
        return Verdict.FAILED, f"{'; '.join(wrong)}: change the key's restrictions in the exchange's API management"
    doubtful = list(_doubtful(found, now_ms))
    if doubtful:
        return Verdict.WARN, "; ".join(doubtful)
    return Verdict.OK, "futures on, withdrawals and transfers off, bound to addresses"


def _too_much(found: KeyPermissions) -> Iterator[str]:
    if not found.enable_futures:
        yield "futures are off and must be on"
    for field, words in _MAY_NOT.items():
        if getattr(found, field):
            yield f"{words} are on and must be off"


def _doubtful(found: KeyPermissions, now_ms: int) -> Iterator[str]:
    if not found.ip_restrict:
        yield "any address may use this key: restrict it to this machine's address"
    ends_ms = found.trading_authority_expiration_time
    if ends_ms and ends_ms - now_ms < SOON_DAYS * DAY_MS:
        days = max(0, ends_ms - now_ms) / DAY_MS
        yield f"its right to trade ends in {days:.1f} days: renew it, or bind it to an address"


def _setting(wrong: str, right: str, facts: Facts) -> Callable[[bool], Finding]:
    def judge(found: bool) -> Finding:  # noqa: FBT001  # one fact
        if not found:
            return Verdict.OK, right
        obstacle = _open(facts)
        if obstacle == "":
            return Verdict.WARN, f"{wrong}: the account is empty, it becomes {right}"
        return Verdict.FAILED, f"{wrong} with {obstacle}: close and cancel them, or change it to {right} yourself"

    return judge


def _margin(found: Mapping[str, str], facts: Facts, config: Config) -> Finding:
    crossed = [pair for pair in config.trading_pairs if found.get(pair, "ISOLATED") != "ISOLATED"]
    if not crossed:
        return Verdict.OK, "isolated"
    if isinstance(facts.positions, Unread) or isinstance(facts.orders, Unread):
        return Verdict.WARN, f"cross margin on {_some(crossed)}, and what is open there is unknown"
    busy = {each.symbol for each in facts.positions} | {each.symbol for each in facts.orders}
    if stuck := [pair for pair in crossed if pair in busy]:
        return Verdict.WARN, f"cross margin on {_some(stuck)}, not flat: no entry there until it is"
    return Verdict.OK, f"cross margin on {_some(crossed)}: becomes isolated before the first entry there"


def _filters(rules: Mapping[str, SymbolRules], config: Config) -> Finding:
    missing = [pair for pair in config.trading_pairs if pair not in rules]
    if missing:
        return Verdict.WARN, f"{', '.join(missing)} not tradable now: no entry will pass there until they are"
    return Verdict.OK, f"tick, step and least notional of {_count(config)} known"


def _brackets(found: Mapping[str, int], config: Config) -> Finding:
    missing = [pair for pair in config.trading_pairs if pair not in found]
    if missing:
        return Verdict.FAILED, f"none for {', '.join(missing)}: take them out of trading_pairs"
    low = [pair for pair in config.trading_pairs if found[pair] < config.of(pair).risk.leverage_min]
    if low:
        return Verdict.WARN, f"{', '.join(low)} allows less than leverage_min: no entry will pass there"
    return Verdict.OK, f"known for {_count(config)}"


def _fee(fee: Decimal, config: Config) -> Finding:
    return Verdict.OK, f"{rounded(100 * fee, 4):f} % a side on {config.trading_pairs[0]}"


def _fee_asset(burns: bool | Unread, config: Config) -> Check:  # noqa: FBT001  # one fact
    """Unlike other facts it may be unknown: a fee in another asset is seen when it is paid."""
    if isinstance(burns, Unread) and config.mode == "paper":
        return _unread("fee asset", burns, config)
    if isinstance(burns, Unread):
        detail = f"could not be read ({burns.why}); fees in BNB would be {IN_BNB}"
    elif burns:
        detail = f"in BNB, {IN_BNB}"
    else:
        return Check(name="fee asset", verdict=Verdict.OK, detail="in USDT")
    return Check(name="fee asset", verdict=Verdict.WARN, detail=detail)


def _money(money: AccountState) -> Finding:
    detail = f"wallet {rounded(money.wallet_usdt, 2):f} USDT, available {rounded(money.available_usdt, 2):f} USDT"
    if money.available_usdt <= 0:
        return Verdict.WARN, f"{detail}: nothing can be entered"
    return Verdict.OK, detail


def _positions(held: Sequence[OpenPosition], config: Config, ours: Collection[str]) -> Finding:
    if not held:
        return Verdict.OK, "none"
    foreign = [position for position in held if position.symbol not in ours]
    words = _some([f"{position.symbol} {position.amount:f}" for position in foreign])
    if foreign and config.exchange.foreign_position == "refuse":
        advice = "close them, or let [exchange] foreign_position leave or protect them"
        return Verdict.FAILED, f"not ours: {words}; {advice}"
    if foreign:
        care = {"leave": "left alone", "protect": "given a stop"}[config.exchange.foreign_position]
        return Verdict.WARN, f"not ours: {words}; {care}, no entries beside them"
    return Verdict.OK, f"{len(held)} of ours from before"


def _orders(resting: Sequence[OpenOrder], config: Config) -> Finding:
    foreign = [
        f"{order.symbol} {order.client_id}"
        for order in resting
        if not is_made_for(order.client_id, config.account.name)
    ]
    if foreign:
        return Verdict.WARN, f"not ours, left alone: {_some(foreign)}"
    return Verdict.OK, f"{len(resting)} of ours from before" if resting else "none"


def _unread(name: str, found: Unread, config: Config) -> Check:
    """In paper mode another simulator may not serve it; anywhere else what is unknown is unsafe."""
    if config.mode == "paper":
        return Check(name=name, verdict=Verdict.NOT_CHECKED, detail=found.why)
    advice = _KEY_TROUBLE.get(found.code or 0)
    detail = f"{advice or 'could not be read, try again'} ({found.why})"
    return Check(name=name, verdict=Verdict.FAILED, detail=detail, passing=advice is None)


def _open(facts: Facts) -> str:
    """What is open in the account, in words; empty only when it is known that nothing is."""
    if isinstance(facts.positions, Unread) or isinstance(facts.orders, Unread):
        return "what is open unknown"
    parts = [
        f"{len(things)} open {word}{'s' if len(things) > 1 else ''}"
        for things, word in ((facts.positions, "position"), (facts.orders, "order"))
        if things
    ]
    return " and ".join(parts)


def _count(config: Config) -> str:
    pairs = len(config.trading_pairs)
    return f"{pairs} symbol{'s' if pairs > 1 else ''}"


def _some(names: list[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")
