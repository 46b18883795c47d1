"""What stands before every route of the control API: whose page asks, with which right, how often and how much."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from http import HTTPStatus
from ipaddress import ip_address
from typing import Literal
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vortex.app.api.rates import RateLimit
from vortex.app.api.replies import error_reply

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
ANY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104  # recognised here, bound only with a token
READS = frozenset({"GET", "HEAD", "OPTIONS"})
READS_PER_S, COMMANDS_PER_S = 200, 20
MOST_BYTES = 65_536
FOREIGN = {"host": "this host name is not served", "origin": "this origin may not ask here"}


class OwnNames:
    """The names under which a server may be asked.

    Args:
        host: Where it listens. A name that is not its own is foreign: a page whose name an attacker points at this
            machine must not get through (DNS rebinding). Bound to every address, it is known by any of them.
    """

    def __init__(self, host: str) -> None:
        self._names = LOOPBACK | {host.lower()}
        self._any_address = host in ANY_ADDRESS

    def foreign(self, headers: Headers) -> Literal["host", "origin"] | None:
        """The header that shows another's page asks; one of another port of this machine is another's too."""
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._has(f"http://{host}"):
            return "host"
        return "origin" if origin is not None and origin.partition("://")[2] != host else None

    def _has(self, url: str) -> bool:
        """True when the URL's host is one of them; False for anything that is not a URL."""
        try:
            name = urlsplit(url).hostname or ""
        except ValueError:
            return False
        return name in self._names or (self._any_address and _is_address(name))


class Guard:
    """ASGI middleware; every reply, also a refusal, carries the run's label in `x-vortex`.

    Args:
        app: What it guards.
        host: Where the API listens; see OwnNames.
        token: When not empty, every request must carry it as a bearer token.
        label: What a person must know of this run.
        mask: Takes secrets out of a reply: an actor's last error, say, may quote one.
    """

    def __init__(
        self, app: ASGIApp, *, host: str, token: str, label: str, mask: Callable[[bytes], bytes] = bytes
    ) -> None:
        self._app = app
        self._names = OwnNames(host)
        self._mask = mask
        self._token = token.encode()
        self._label = label.encode("latin-1", "replace").decode("latin-1")
        self._reads, self._commands = RateLimit(READS_PER_S), RateLimit(COMMANDS_PER_S)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        await (refusal or self._app)(scope, receive, self._labelled(send))

    def _labelled(self, send: Send) -> Send:
        """Add the label, and take out secrets: so the head, which tells the length, waits for the body."""
        head: Message = {}

        async def labelled(message: Message) -> None:
            if message["type"] == "http.response.start":
                head.update(message)
                return
            if message["type"] == "http.response.body":
                message = {**message, "body": self._mask(message.get("body", b""))}
                if head:
                    headers = MutableHeaders(scope=head)
                    headers["x-vortex"] = self._label
                    if "content-length" in headers and not message.get("more_body") and message["body"]:
                        headers["content-length"] = str(len(message["body"]))
                    await send({**head})
                    head.clear()
            await send(message)

        return labelled

    def _refusal(self, scope: Scope) -> Response | None:
        headers, method = Headers(scope=scope), scope["method"]
        return (
            self._foreign(headers)
            or self._too_often(scope, method)
            or self._unknown(headers)
            or (_too_large(headers) if method not in READS else None)
        )

    def _foreign(self, headers: Headers) -> Response | None:
        foreign = self._names.foreign(headers)
        return None if foreign is None else error_reply(HTTPStatus.FORBIDDEN, f"foreign_{foreign}", FOREIGN[foreign])

    def _too_often(self, scope: Scope, method: str) -> Response | None:
        client = scope["client"][0] if scope.get("client") else ""
        limit = self._reads if method in READS else self._commands
        if limit.allow(client):
            return None
        message = f"at most {READS_PER_S} reads and {COMMANDS_PER_S} commands a second"
        return error_reply(HTTPStatus.TOO_MANY_REQUESTS, "too_many_requests", message, {"retry-after": "1"})

    def _unknown(self, headers: Headers) -> Response | None:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        right = scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), self._token)
        if right or not self._token:
            return None
        return error_reply(
            HTTPStatus.UNAUTHORIZED, "token", "the right bearer token is needed", {"www-authenticate": "Bearer"}
        )


def _too_large(headers: Headers) -> Response | None:
    """A body whose length is not announced may be endless, and none of ours needs that."""
    if "transfer-encoding" in headers:
        return error_reply(HTTPStatus.LENGTH_REQUIRED, "length_required", "a body needs its content-length")
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > MOST_BYTES:
        return error_reply(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", f"at most {MOST_BYTES} bytes")
    return None


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
