"""What stands before the page: whose browser asks, whether it has given the token, and what a page may load."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from html import escape
from http import HTTPStatus
from importlib import resources
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vortex.app.api.guard import FOREIGN, OwnNames
from vortex.app.api.rates import RateLimit

POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
"""Nothing comes from elsewhere, and nobody frames the page to have its buttons pressed; Vue needs what is unsafe."""
HEADERS = {
    "content-security-policy": POLICY,
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
LOGIN = "/login"
MOST_BYTES, MOST_SESSIONS = 4_096, 100
TRIES_PER_S = 1


class PageGate:
    """ASGI middleware around the page and its websocket.

    Args:
        app: The page.
        host: Where it listens; see OwnNames.
        token: When not empty, a browser must have given it; it is then known by a random session cookie, which ends
            with this process. The token itself is never sent to a browser.
        cookie: Name of that cookie; cookies of one host are shared by all its ports.
        label: What a person must know of the run now, in every reply's header.
    """

    def __init__(self, app: ASGIApp, *, host: str, token: str, cookie: str, label: Callable[[], str]) -> None:
        self._app = app
        self._names = OwnNames(host)
        self._token = token.encode()
        self._cookie = cookie
        self._label = label
        self._sessions: dict[str, None] = {}
        self._tries = RateLimit(TRIES_PER_S)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers["x-vortex"] = self._label().encode("latin-1", "replace").decode("latin-1")
            await send(message)

        app = self._app
        if scope["type"] in ("http", "websocket"):
            app = await self._refusal(scope, receive) or self._app
        if scope["type"] == "websocket" and app is not self._app:
            await _refuse_socket(receive, send)
            return
        await app(scope, receive, guarded)

    async def _refusal(self, scope: Scope, receive: Receive) -> ASGIApp | None:
        headers = Headers(scope=scope)
        if foreign := self._names.foreign(headers):
            return PlainTextResponse(FOREIGN[foreign], HTTPStatus.FORBIDDEN)
        if not self._token:
            return None
        if scope["type"] == "http" and scope["path"] == LOGIN:
            return await self._login(Request(scope, receive))
        if HTTPConnection(scope).cookies.get(self._cookie) in self._sessions:
            return None
        return RedirectResponse(LOGIN, HTTPStatus.SEE_OTHER)

    async def _login(self, request: Request) -> Response:
        if request.method != "POST":
            return self._form("")
        client = request.client.host if request.client is not None else ""
        if not self._tries.allow(client):
            return self._form("One try a second.", HTTPStatus.TOO_MANY_REQUESTS)
        if not hmac.compare_digest((await _given(request)).encode(), self._token):
            return self._form("That is not the token.", HTTPStatus.UNAUTHORIZED)
        session = secrets.token_urlsafe(32)
        self._sessions[session] = None
        if len(self._sessions) > MOST_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        reply = RedirectResponse("/", HTTPStatus.SEE_OTHER)
        reply.set_cookie(self._cookie, session, httponly=True, samesite="strict")
        return reply

    def _form(self, problem: str, code: HTTPStatus = HTTPStatus.OK) -> Response:
        text = resources.files(__package__).joinpath("static/login.html").read_text(encoding="utf-8")
        return HTMLResponse(text.replace("{label}", escape(self._label())).replace("{problem}", escape(problem)), code)


async def _given(request: Request) -> str:
    """The token in a form; empty for anything too long or that is none."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            return ""
    return parse_qs(body.decode("utf-8", "replace")).get("token", [""])[0].strip()


async def _refuse_socket(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.close", "code": 1008})
