"""Asking a running system over its control API, from another process; standard library only, so that it loads fast."""

from __future__ import annotations

import json
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any, NamedTuple
from urllib.parse import urlsplit

TIMEOUT_S = 5.0


class UnusableUrlError(Exception):
    """Not the address of a control API; `str(error)` is one line, the exit code is 2."""


class NoAnswerError(Exception):
    """Nobody answers, or not what was asked for; `str(error)` is one line, the exit code is 1."""


class Answer(NamedTuple):
    """What a running system said, and the words that label everything it says."""

    label: str
    value: Any


def ask(url: str, path: str, token: str = "", order: object | None = None, timeout_s: float = TIMEOUT_S) -> Answer:
    """GET `path` from the control API at `url`, or POST an order to it.

    Proxies of the environment and redirects are not followed: a token goes where it was meant to go.

    Args:
        url: http://HOST:PORT or https://HOST:PORT.
        path: What to ask, with its query.
        token: The bearer token, when one is needed.
        order: Sent as JSON; None asks.
        timeout_s: Real seconds that connecting, and each part of the answer, may take.

    Raises:
        UnusableUrlError: `url` is not http://HOST:PORT or https://HOST:PORT.
        NoAnswerError: No answer in time, an error, or something that is no VORTEX-7.
    """
    connection = _connection(url, timeout_s)
    try:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        if order is None:
            connection.request("GET", path, headers=headers)
        else:
            connection.request("POST", path, json.dumps(order), {**headers, "content-type": "application/json"})
        reply = connection.getresponse()
        return _answer(url, reply, reply.read())
    except (OSError, HTTPException) as error:
        raise NoAnswerError(f"{url}: nobody answers: {str(error) or type(error).__name__}") from error
    finally:
        connection.close()


def check_url(url: str) -> None:
    """Raise UnusableUrlError for what `ask` cannot use."""
    _connection(url, TIMEOUT_S).close()


def _connection(url: str, timeout_s: float) -> HTTPConnection:
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme, parts.hostname, parts.port
    except ValueError as error:
        raise UnusableUrlError(f"url = {url!r}: expected http://HOST:PORT") from error
    plain = url.rstrip("/") == f"{scheme}://{parts.netloc}" and "@" not in parts.netloc
    if host is None or not plain or scheme not in ("http", "https"):
        raise UnusableUrlError(f"url = {url!r}: expected http://HOST:PORT")
    if scheme == "http":
        return HTTPConnection(host, port, timeout=timeout_s)
    from http.client import HTTPSConnection  # noqa: PLC0415  # loads OpenSSL, which a local address does not need

    return HTTPSConnection(host, port, timeout=timeout_s)


def _answer(url: str, reply: HTTPResponse, body: bytes) -> Answer:
    label = reply.getheader("x-vortex")
    if label is None:
        raise NoAnswerError(f"{url}: what answers there is no VORTEX-7")
    try:
        value = json.loads(body)
    except ValueError as error:
        raise NoAnswerError(f"{url}: HTTP {reply.status} without JSON") from error
    if reply.status != HTTPStatus.OK:
        raise NoAnswerError(f"{url}: HTTP {reply.status}: {_message(value)}")
    return Answer(label, value)


def _message(value: Any) -> str:
    try:
        return str(value["error"]["message"])
    except (TypeError, KeyError):
        return str(value)
