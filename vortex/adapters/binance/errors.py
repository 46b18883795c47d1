"""What a failed request means: refused for good, or unknown until somebody looks.

The decision is made by HTTP status and the exchange's numeric code, never by an exception's class or text. A request
counts as REFUSED only when a code was parsed and stands in the table below; everything else may have been executed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec
from ccxt.base.errors import BaseError

from vortex.domain.order import Refused, Unknown

_MAX_TEXT = 200

REFUSALS: tuple[tuple[str, Iterable[int]], ...] = (
    ("not authorised, too many requests, throttled", (-1002, -1003, -1008, -1015)),
    ("unsupported, outside recvWindow, bad signature", (-1020, -1021, -1022)),
    ("malformed request", (-1013, -1014, -1023, *range(-1130, -1099))),
    ("order, cancel or query refused; keys", (*range(-2028, -2016), *range(-2015, -2009))),
    ("filters, limits and modes", range(-4299, -3999)),
    ("reduce-only mode of the symbol", (-4400, -4401, -4402, -4403)),
    ("closePosition without a position", (-4509,)),
    ("could not fill as asked", (-5021, -5022, -5024, -5025, -5026, -5027, -5028, -5041)),
)  # fmt: skip
"""Families of codes that prove the request was not executed."""

DUPLICATE_ID = -4116
"""An order with this client id exists: ours did arrive, so its state has to be looked up."""

THROTTLED = -1008
"""The one code that means "not executed" with HTTP 503 too."""

_REFUSED = frozenset(code for _, codes in REFUSALS for code in codes) - {DUPLICATE_ID}
_LIMITED = (418, 429)
_CLIENT_ERRORS = range(400, 500)
_SECRETS = re.compile(r"\?\S*|(?i:signature|listenkey|api-?key|secret)\s*[=:]\s*\S+")


class ApiError(Exception):
    """The exchange answered with an error.

    Attributes:
        status: HTTP status.
        code: The exchange's own number, None when the body held none.
        retry_after_ms: How long the exchange wants silence; 0 when it did not ask for it.
    """

    def __init__(self, status: int, code: int | None, text: str, retry_after_ms: int = 0) -> None:
        super().__init__(f"HTTP {status}, code {code}: {scrub(text)}")
        self.status = status
        self.code = code
        self.retry_after_ms = retry_after_ms


class NotSent(Exception):  # noqa: N818  # names what we did, not what went wrong with us
    """We did not ask, because the exchange would refuse; `code` is the number it has for that."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class MalformedReply(Exception):  # noqa: N818  # names what arrived, not what went wrong with us
    """HTTP 200 with a body that is not the answer: empty, HTML, cut off, or without the fields it must have."""


FAILURES = (BaseError, ApiError, MalformedReply, TimeoutError, OSError, msgspec.MsgspecError, LookupError, ValueError)
"""What a bad network or a bad reply raises; anything else is our own mistake."""


def classify(failure: BaseException) -> Refused | Unknown:
    """Say what became of a request that raised `failure` (a table test pins every code)."""
    if isinstance(failure, NotSent):
        return Refused(code=failure.code, text=describe(failure))
    if not isinstance(failure, ApiError):
        return Unknown(text=describe(failure))
    text, wait_ms = describe(failure), failure.retry_after_ms
    if failure.status in _LIMITED:
        return Refused(code=failure.code or failure.status, text=text, retry_after_ms=wait_ms)
    if failure.code in _REFUSED and (failure.status in _CLIENT_ERRORS or failure.code == THROTTLED):
        return Refused(code=failure.code, text=text, retry_after_ms=wait_ms)
    return Unknown(text=text, retry_after_ms=wait_ms)


def describe(failure: BaseException) -> str:
    """Name a failure in one line that is safe to log: without query strings, signatures and keys."""
    text = scrub(str(failure)) or "no details"
    wait_ms: int = getattr(failure, "retry_after_ms", 0)
    return f"{type(failure).__name__}: {text}" + (f" (silence for {wait_ms / 1000:g} s)" if wait_ms else "")


def scrub(text: str) -> str:
    """Remove what may hold a secret (ccxt writes the whole signed URL into its exceptions), and shorten."""
    return _SECRETS.sub("[...]", text)[:_MAX_TEXT]
