"""What a fault does to a request, parsed from the word that orders it.

Applied means that the exchange executes the request before its reply is spoiled. A delay is the reply's: it leaves so
much later, in milliseconds of the exchange's clock, after the request was applied at its usual time.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum, auto
from http import HTTPStatus

from msgspec import Struct

from vortex.sim.server.refusals import status_of, text_of
from vortex.sim.server.reply import Reply, error_json, json_reply

MAX_MS = 86_400_000
MAX_RETRY_S = 86_400
UNAVAILABLE = HTTPStatus.SERVICE_UNAVAILABLE
UNKNOWN_TEXT = "Unknown error, please check your request or try again later."
BANNED_TEXT = "Way too many requests; IP banned. Please use the websocket for live updates to avoid bans."
PAGE = b"<html><head><title>Binance</title></head><body><h1>Something went wrong</h1></body></html>"

_LIMITED = {HTTPStatus.TOO_MANY_REQUESTS: text_of(-1003), HTTPStatus.IM_A_TEAPOT: BANNED_TEXT}


class Way(Enum):
    """How the reply travels."""

    WHOLE = auto()
    NEVER = auto()
    RESET = auto()
    TRUNCATED = auto()


class Effect(Struct, frozen=True, kw_only=True):
    """One parsed effect.

    Attributes:
        applied: The exchange executes the request.
        way: What happens to the reply.
        reply: Sent instead of the exchange's own.
        delay_ms: How much later the reply leaves.
        lag_ms: How old the state is that a query sees.
    """

    applied: bool = True
    way: Way = Way.WHOLE
    reply: Reply | None = None
    delay_ms: int = 0
    lag_ms: int = 0


_NAMED = {
    "timeout_after_apply": Effect(way=Way.NEVER),
    "timeout_before_apply": Effect(way=Way.NEVER, applied=False),
    "reset_after_apply": Effect(way=Way.RESET),
    "reset_before_apply": Effect(way=Way.RESET, applied=False),
    "truncate": Effect(way=Way.TRUNCATED),
    "empty_200": Effect(reply=Reply(HTTPStatus.OK, b"")),
    "html_200": Effect(reply=Reply(HTTPStatus.OK, PAGE, content_type="text/html")),
    "http:503_unknown": Effect(reply=json_reply(UNAVAILABLE, error_json(0, UNKNOWN_TEXT))),
}
ALLOWED = (
    *_NAMED, "delay:MS", "lag:MS", "code:N", "code:N@after", "json:TEXT", "http:429[:S]", "http:418[:S]",
    "http:N (another 400..599)", "http:N@after",
)  # fmt: skip


def parse_effect(do: str) -> Effect:
    """Read the word of a fault rule. Raises ValueError that names the field, the value and what is allowed."""
    if do in _NAMED:
        return _NAMED[do]
    for pattern, build in _PATTERNS:
        if (match := pattern.fullmatch(do)) is not None:
            return build(match)
    raise ValueError(f"do: {do!r} is not one of {' '.join(ALLOWED)}")


def _delay(match: re.Match[str]) -> Effect:
    return Effect(delay_ms=_within(match, MAX_MS))


def _lag(match: re.Match[str]) -> Effect:
    return Effect(lag_ms=_within(match, MAX_MS))


def _text(match: re.Match[str]) -> Effect:
    return Effect(reply=Reply(HTTPStatus.OK, match[1].encode()))


def _limited(match: re.Match[str]) -> Effect:
    status = HTTPStatus(int(match[1]))
    after_s = 1 if match[2] is None else int(match[2])
    if after_s > MAX_RETRY_S:
        raise ValueError(f"do: {match[0]!r} asks to wait more than {MAX_RETRY_S} seconds")
    body = error_json(-1003, _LIMITED[status])
    return Effect(applied=False, reply=json_reply(status, body, {"Retry-After": str(after_s)}))


def _http(match: re.Match[str]) -> Effect:
    try:
        status = HTTPStatus(int(match[1]))
    except ValueError:
        raise ValueError(f"do: {match[0]!r} names no HTTP status") from None
    if status in _LIMITED:
        raise ValueError(f"do: {match[0]!r}: what is limited is never applied")
    text = "Service Unavailable." if status is UNAVAILABLE else f"{status.phrase}."
    return Effect(applied=match[2] is not None, reply=json_reply(status, error_json(0, text)))


def _code(match: re.Match[str]) -> Effect:
    code = int(match[1])
    status = status_of(code)
    headers = {"Retry-After": "1"} if status in _LIMITED else {}
    reply = json_reply(status, error_json(code, text_of(code)), headers)
    return Effect(applied=match[2] is not None, reply=reply)


def _within(match: re.Match[str], most: int) -> int:
    number = int(match[1])
    if number > most:
        raise ValueError(f"do: {match[0]!r} is more than {most} ms")
    return number


_PATTERNS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Effect]], ...] = (
    (re.compile(r"delay:(\d{1,12})"), _delay),
    (re.compile(r"lag:(\d{1,12})"), _lag),
    (re.compile(r"json:(.*)", re.DOTALL), _text),
    (re.compile(r"http:(429|418)(?::(\d{1,12}))?"), _limited),
    (re.compile(r"http:([45]\d\d)(@after)?"), _http),
    (re.compile(r"code:(-\d{1,6})(@after)?"), _code),
)
