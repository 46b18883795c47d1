"""ccxt's Binance client as we use it: signing, raw endpoints and one HTTP session, with our own clock and verdicts."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import urlsplit

from ccxt.async_support.binanceusdm import binanceusdm
from msgspec import Struct

from vortex.adapters.binance.errors import ApiError, MalformedReply
from vortex.adapters.binance.hosts import Hosts
from vortex.ports import Clock

RECV_WINDOW_MS = 2_000
WEIGHT_PER_MIN = 2_400
_LONGEST_MS = 30_000
_OK = range(200, 300)
_ORDER_PATHS = ("order", "algoOrder")
_MUTATIONS = ("POST", "DELETE")
_SUCCESS = (None, 200, 0)


class Credentials(Struct, frozen=True, kw_only=True):
    """The account's key pair; never printed."""

    key: str
    secret: str

    def __repr__(self) -> str:
        return "Credentials(key=***, secret=***)"


class Client(binanceusdm):  # type: ignore[misc]  # ccxt ships no types
    """The async client; call its raw endpoints (`fapiPrivatePostOrder` and the like), which keep decimals as text.

    It belongs to the loop that makes its first request. Every reply with another status than 2xx, and every JSON
    error, is raised as ApiError; an empty or non-JSON body as MalformedReply. Timeouts are the caller's.
    """

    timeout_on_exit = 0  # ccxt would sleep 250 ms in close()
    logger = logging.getLogger(f"{__name__}.ccxt")
    logger.setLevel(logging.WARNING)  # at DEBUG ccxt logs keys and signatures, whatever the root logger's level

    def __init__(self, hosts: Hosts, clock: Clock, credentials: Credentials | None = None) -> None:
        self._hosts = hosts
        self._clock = clock
        self.weight_used_1m = 0
        keys = {} if credentials is None else {"apiKey": credentials.key, "secret": credentials.secret}
        super().__init__(_settings() | keys)
        if hosts.mode == "testnet":
            self.enable_demo_trading(True)
        self.urls["api"] = hosts.rest_urls()

    def milliseconds(self) -> int:
        return self._clock.now_ms()

    def calculate_rate_limiter_cost(self, api: Any, method: Any, path: Any, params: Any, config: Any = None) -> Any:
        if path in _ORDER_PATHS and method in _MUTATIONS:
            return 0
        return super().calculate_rate_limiter_cost(api, method, path, params, config or {})

    async def throttle(self, cost: Any = None) -> None:
        if cost != 0:  # background reads that filled the window must not hold back a stop
            await super().throttle(cost)

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
        lowered = {str(name).lower(): value for name, value in headers.items()}
        self.weight_used_1m = _whole(lowered.get("x-mbx-used-weight-1m")) or self.weight_used_1m
        answer = response if isinstance(response, dict) else {}
        number = _whole(answer.get("code"))
        if code in _OK and (number in _SUCCESS):
            return
        text = str(answer.get("msg") or reason)
        wait = _whole(lowered.get("retry-after"))
        raise ApiError(code, number, f"{text} ({method} {urlsplit(url).path})", None if wait is None else float(wait))


def _settings() -> dict[str, Any]:
    return {
        "enableRateLimit": True,
        "rateLimiterAlgorithm": "rollingWindow",
        "rateLimit": 60_000 / WEIGHT_PER_MIN,
        "timeout": _LONGEST_MS,
        "maxRetriesOnFailure": 0,  # a retry that re-sends an order is how double fills happen
        "options": {"fetchCurrencies": False, "recvWindow": RECV_WINDOW_MS, "maxRetriesOnFailure": 0},
    }


def _whole(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError):
        return None
