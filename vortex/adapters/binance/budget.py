"""How much of the exchange's limits is used, shared by everything that sends from this machine.

The exchange counts request weight by network address and orders by account, tells its counts with every reply, and
asks for silence when a limit is broken. Orders, cancels and queries are never held back here: the actor that sends
them decides. What can wait (polling, statistics) asks for `room` first.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from vortex.ports import Clock, Usage

SHARE = 0.5
"""Part of the minute's weight beyond which background requests wait."""

LOOK_MS = 1_000.0
WINDOW_MS = {"1m": 60_000, "10s": 10_000}
_BANNED_UNTIL = re.compile(r"banned until (\d{13})\b")
_TOO_MANY_ORDERS = -1015
_LIMITED_STATUS = (418, 429)
_LIMITED_CODES = (-1003, _TOO_MANY_ORDERS)


class _Count:
    """The newest count of one window. The exchange counts anew with every interval of its clock, not of ours."""

    def __init__(self, window_ms: int, limit: int) -> None:
        self.limit = limit
        self._window_ms = window_ms
        self._used = 0
        self._interval = 0

    def note(self, used: int, exchange_ms: int) -> None:
        self._used, self._interval = used, exchange_ms // self._window_ms

    def used(self, exchange_ms: int) -> int:
        return self._used if exchange_ms // self._window_ms == self._interval else 0


class Budget:
    """One object for each host. It belongs to the loop whose clients tell it their replies; `usage` is for any thread.

    Attributes:
        offset_ms: The exchange's clock less ours, to understand "banned until" and when a count is over.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        allowed = Usage()
        self._weight = _Count(WINDOW_MS["1m"], allowed.weight_limit_1m)
        self._orders_10s = _Count(WINDOW_MS["10s"], allowed.orders_limit_10s)
        self._orders_1m = _Count(WINDOW_MS["1m"], allowed.orders_limit_1m)
        self._silent_until_ms = 0
        self.offset_ms = 0.0

    def usage(self) -> Usage:
        """The counts of the running windows, and until when silence was asked for."""
        exchange_ms, silent = self._exchange_ms(), self._silent_until_ms
        return Usage(
            weight_1m=self._weight.used(exchange_ms),
            weight_limit_1m=self._weight.limit,
            orders_10s=self._orders_10s.used(exchange_ms),
            orders_limit_10s=self._orders_10s.limit,
            orders_1m=self._orders_1m.used(exchange_ms),
            orders_limit_1m=self._orders_1m.limit,
            silent_until_ms=silent if silent > self._clock.now_ms() else 0,
        )

    @property
    def tight(self) -> bool:
        """True while what can wait should: half of the weight is used, or silence was asked for."""
        usage = self.usage()
        return usage.silent_until_ms > 0 or usage.weight_1m > SHARE * usage.weight_limit_1m

    async def room(self) -> None:
        """Wait until background requests may leave."""
        while self.tight:  # noqa: ASYNC110  # time alone ends it
            await asyncio.sleep(self._clock.real_s(LOOK_MS))

    async def silence_over(self) -> None:
        """Wait until the exchange wants to hear from us again; every request before that makes a ban longer."""
        while (left_ms := self.usage().silent_until_ms - self._clock.now_ms()) > 0:  # noqa: ASYNC110  # so here
            await asyncio.sleep(self._clock.real_s(min(left_ms, LOOK_MS)))

    def note(self, headers: Mapping[str, str]) -> None:
        """Take the counts out of a reply's headers, whose names are in lower case."""
        exchange_ms = self._exchange_ms()
        for name, count in (
            ("x-mbx-used-weight-1m", self._weight),
            ("x-mbx-order-count-10s", self._orders_10s),
            ("x-mbx-order-count-1m", self._orders_1m),
        ):
            if (used := whole(headers.get(name))) is not None:
                count.note(used, exchange_ms)

    def _exchange_ms(self) -> int:
        return self._clock.now_ms() + round(self.offset_ms)

    def silence_ms(self, status: int, code: int | None, headers: Mapping[str, str], text: str) -> int:
        """How long an error asks us to be silent, ms; 0 when it does not. From now on `usage` says so too.

        By Retry-After, else by the end of a ban that the text names, else by the window that was overfull.
        """
        if status not in _LIMITED_STATUS and code not in _LIMITED_CODES:
            return 0
        wait_s, ban = whole(headers.get("retry-after")), _BANNED_UNTIL.search(text)
        if wait_s is not None:
            wait_ms = 1_000 * wait_s
        elif ban is not None:
            wait_ms = max(0, round(int(ban[1]) - self.offset_ms) - self._clock.now_ms())
        else:
            wait_ms = WINDOW_MS["10s" if code == _TOO_MANY_ORDERS else "1m"]
        self._silent_until_ms = max(self._silent_until_ms, self._clock.now_ms() + wait_ms)
        return wait_ms

    def learn_limits(self, exchange_info: object) -> None:
        """Take the limits out of exchangeInfo; one that it does not name, or an odd one, stays as it was."""
        try:
            rows = msgspec.convert(exchange_info, _Limits, strict=False).rate_limits
        except msgspec.ValidationError:
            return
        counts = {
            ("REQUEST_WEIGHT", "MINUTE", 1): self._weight,
            ("ORDERS", "SECOND", 10): self._orders_10s,
            ("ORDERS", "MINUTE", 1): self._orders_1m,
        }
        for row in rows:
            count = counts.get((row.rate_limit_type, row.interval, row.interval_num))
            if count is not None and row.limit > 0:
                count.limit = row.limit


class _Limit(Struct, rename="camel"):
    rate_limit_type: str
    interval: str
    interval_num: int
    limit: int


class _Limits(Struct, rename="camel"):
    rate_limits: list[_Limit] = []


def whole(value: Any) -> int | None:
    """A whole number out of a header or a field; None when it is none."""
    try:
        return int(value)
    except (TypeError, ValueError):
        return None
