"""ccxt's Binance client as we use it: signing, raw endpoints and one HTTP session, with our own clock and verdicts."""

from __future__ import annotations

import logging
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec
from ccxt.async_support.binanceusdm import binanceusdm
from msgspec import Struct

from vortex.adapters.binance.budget import Budget, whole
from vortex.adapters.binance.errors import ApiError, MalformedReply
from vortex.adapters.binance.exchange_clock import ExchangeClock
from vortex.adapters.binance.hosts import Hosts
from vortex.domain.order import ClockMeasured
from vortex.ports import Clock

RECV_WINDOW_MS = 2_000
_LONGEST_MS = 30_000
_OK = range(200, 300)
_SUCCESS = (None, 200, 0)
SHORTEST_KEY = 8
"""Characters; the simulator's public key is an ordinary word."""


class _Time(Struct, rename="camel"):
    server_time: int


class _Mark(Struct, rename="camel"):
    mark_price: Decimal


class Credentials(Struct, frozen=True, kw_only=True):
    """The account's key pair; never printed."""

    key: str
    secret: str

    def __repr__(self) -> str:
        return "Credentials(key=***, secret=***)"


class Client(binanceusdm):  # type: ignore[misc]  # ccxt ships no types
    """The async client; call its raw endpoints (`fapiPrivatePostOrder` and the like), which keep decimals as text.

    It belongs to the loop that makes its first request. Every reply with another status than 2xx, and every JSON
    error, is raised as ApiError; an empty or non-JSON body as MalformedReply. Timeouts are the caller's. Nothing is
    held back: the budget only counts. No POST is sent again; aiohttp repeats a GET, PUT or DELETE once when a
    connection that it kept turns out to be reset, so a cancel may be refused as unknown although its first copy worked.

    Attributes:
        time: The exchange's clock, which signs; `read_clock` sets it.
        budget: What the host counted, shared with the other clients of the same host.
    """

    timeout_on_exit = 0  # ccxt would sleep 250 ms in close()
    logger = logging.getLogger(f"{__name__}.ccxt")
    logger.setLevel(logging.WARNING)  # at DEBUG ccxt logs keys and signatures, whatever the root logger's level

    def __init__(self, hosts: Hosts, clock: Clock, budget: Budget, credentials: Credentials | None = None) -> None:
        if hosts.keyless and credentials is not None:
            raise ValueError("keys do not belong to a host that is only read")
        self._hosts = hosts
        self.time = ExchangeClock(clock)
        self.budget = budget
        keys = {} if credentials is None else {"apiKey": credentials.key, "secret": credentials.secret}
        super().__init__(_settings() | keys)
        if hosts.mode == "testnet" and not hosts.keyless:
            self.enable_demo_trading(True)
        self.urls["api"] = hosts.rest_urls()

    def milliseconds(self) -> int:
        return self.time.now_ms()

    async def read_clock(self) -> ClockMeasured:
        """Measure the exchange's clock; requests are signed with it from then on. Raises what a request raises."""
        measured = await self.time.measure(self._server_ms)
        self.budget.offset_ms = measured.offset_ms
        return measured

    async def read_mark_price(self, symbol: str) -> Decimal:
        """The present mark price. Raises what a request raises, and MalformedReply for a price of nothing."""
        reply = await self.fapiPublicGetPremiumIndex({"symbol": symbol})
        price = msgspec.convert(reply, _Mark, strict=False).mark_price
        if not (price.is_finite() and price > 0):
            raise MalformedReply(f"{symbol} has a mark price of {price}")
        return price

    def open(self, lazy: bool = False) -> None:  # noqa: FBT001, FBT002  # ccxt's signature
        """Make the session, which follows no redirect: its requests carry the key."""
        super().open(lazy)
        if self.session is not None and not self.session.trace_configs:
            self.session.trace_configs.append(_no_redirects())

    async def fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        self._hosts.check(url)
        reply = await super().fetch(url, method, headers, body)
        if not isinstance(reply, dict | list):
            raise MalformedReply(f"{method} {urlsplit(url).path}: HTTP 200 without a JSON answer")
        return reply

    def handle_errors(
        self, code: int, reason: str, url: str, method: str, headers: Any, _: Any, response: Any, *__: Any
    ) -> None:
        """Count the weight and raise ApiError for anything but success; replaces ccxt's class-by-URL mapping."""
        lowered = {str(name).lower(): str(value) for name, value in headers.items()}
        self.budget.note(lowered)
        answer = response if isinstance(response, dict) else {}
        number = whole(answer.get("code"))
        if code in _OK and (number in _SUCCESS):
            return
        text = self._without_keys(str(answer.get("msg") or reason))
        wait_ms = self.budget.silence_ms(code, number, lowered, text)
        raise ApiError(code, number, f"{text} ({method} {urlsplit(url).path})", wait_ms)

    def _without_keys(self, text: str) -> str:
        """What the exchange says: it is logged and kept in the journal."""
        for own in (self.apiKey, self.secret):
            if own and len(own) >= SHORTEST_KEY:
                text = text.replace(own, "[...]")
        return text

    async def _server_ms(self) -> int:
        return msgspec.convert(await self.fapiPublicGetTime(), _Time, strict=False).server_time


def _no_redirects() -> aiohttp.TraceConfig:
    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(_refuse)
    trace.freeze()
    return trace


async def _refuse(_: object, __: object, ___: object) -> None:
    raise aiohttp.ClientError("a redirect, which is not followed")


def _settings() -> dict[str, Any]:
    return {
        "enableRateLimit": False,  # the budget counts, and whoever sends decides
        "timeout": _LONGEST_MS,
        "maxRetriesOnFailure": 0,  # a retry that re-sends an order is how double fills happen
        "options": {"fetchCurrencies": False, "recvWindow": RECV_WINDOW_MS, "maxRetriesOnFailure": 0},
    }
