"""What stands before the page, asked as a browser or an attacker would."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest
from starlette.types import Message, Receive, Scope, Send

from vortex.app.dashboard.gate import LOGIN, MOST_BYTES, MOST_SESSIONS, PageGate

OURS = "127.0.0.1:8788"


class Reply(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: str


async def page(scope: Scope, receive: Receive, send: Send) -> None:
    """Stands for the page: says that it was reached."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"the page"})


def gate(host: str = "127.0.0.1", token: str = "") -> PageGate:
    return PageGate(page, host=host, token=token, cookie="v", label=lambda: "PAPER · <b> · x")


def ask(
    asked: PageGate, path: str = "/", *, kind: str = "http", method: str = "GET", body: bytes = b"", **headers: str
) -> Reply:
    """One request, or the opening of a websocket; underscores in header names are hyphens."""
    given = {"host": OURS, **{name.replace("_", "-"): value for name, value in headers.items()}}
    scope: Scope = {
        "type": kind, "path": path, "raw_path": path.encode(), "method": method, "query_string": b"",
        "scheme": "http", "server": ("127.0.0.1", 8788), "client": ("127.0.0.1", 5),
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
    }  # fmt: skip
    sent: list[Message] = []

    async def receive() -> Message:
        if kind == "websocket":
            return {"type": "websocket.connect"}
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(asked(scope, receive, send))
    first = sent[0]
    if kind == "websocket":
        return Reply(200 if first["type"] == "websocket.accept" else 403, {}, "")
    answered: list[tuple[Any, Any]] = first["headers"]
    text = b"".join(message.get("body", b"") for message in sent[1:]).decode()
    return Reply(first["status"], {name.decode(): value.decode("latin-1") for name, value in answered}, text)


def test_every_reply_is_labelled_and_loads_nothing_from_elsewhere() -> None:
    reply = ask(gate())
    assert (reply.status, reply.body) == (200, "the page")
    assert reply.headers["x-vortex"] == "PAPER · <b> · x"
    policy = reply.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "http" not in policy.replace("https", "http")
    assert reply.headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize(
    ("host", "allowed"),
    [(OURS, True), ("localhost:8788", True), ("evil.example:8788", False), ("", False), ("[::1", False)],
)
def test_only_under_our_own_name(kind: str, host: str, *, allowed: bool) -> None:
    assert (ask(gate(), kind=kind, host=host).status == 200) is allowed


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize(
    ("origin", "allowed"),
    [(f"http://{OURS}", True), ("http://127.0.0.1:9999", False), ("http://evil.example", False), ("null", False)],
)
def test_only_from_our_own_page(kind: str, origin: str, *, allowed: bool) -> None:
    assert (ask(gate(), kind=kind, origin=origin).status == 200) is allowed


def test_a_page_on_every_address_is_known_by_any_of_them() -> None:
    everywhere = gate("0.0.0.0", "secret")  # noqa: S104  # what is tested
    assert ask(everywhere, LOGIN, host="192.168.1.7:8788").status == 200
    assert ask(everywhere, LOGIN, host="evil.example:8788").status == 403


def log_in(asked: PageGate, token: bytes) -> Reply:
    return ask(asked, LOGIN, method="POST", body=b"token=" + token, origin=f"http://{OURS}")


def test_with_a_token_one_must_log_in() -> None:
    guarded = gate(token="s&cret")
    there = ask(guarded)
    assert (there.status, there.headers["location"]) == (303, LOGIN)
    assert ask(guarded, "/_nicegui_ws/socket.io", kind="websocket").status == 403
    assert ask(guarded, "/_nicegui/x.js").status == 303
    form = ask(guarded, LOGIN)
    assert form.status == 200
    assert "PAPER · &lt;b&gt; · x" in form.body
    assert "cret" not in form.body
    welcome = log_in(guarded, b"s%26cret")
    assert (welcome.status, welcome.headers["location"]) == (303, "/")
    cookie = welcome.headers["set-cookie"]
    assert "cret" not in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    session = cookie.partition(";")[0]
    assert ask(guarded, cookie=session).body == "the page"
    assert ask(guarded, "/_nicegui_ws/socket.io", kind="websocket", cookie=session).status == 200
    assert ask(guarded, cookie="v=guess").status == 303


@pytest.mark.parametrize("token", [b"wrong", b"", b"s" * (MOST_BYTES + 1), b"%FF%FE", "ü".encode()])
def test_a_wrong_token_is_refused_and_tries_are_slow(token: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    guarded = gate(token="secret")
    monkeypatch.setattr(guarded._tries, "_now_ns", lambda: 0)  # both within a second, whatever the machine does
    refused = log_in(guarded, token)
    assert (refused.status, "That is not the token." in refused.body) == (401, True)
    assert log_in(guarded, b"secret").status == 429


def test_a_foreign_page_cannot_log_in() -> None:
    guarded = gate(token="secret")
    assert ask(guarded, LOGIN, method="POST", body=b"token=secret", origin="http://evil.example").status == 403


def test_sessions_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    guarded = gate(token="secret")
    monkeypatch.setattr(guarded._tries, "allow", lambda _client: True)
    cookies = [log_in(guarded, b"secret").headers["set-cookie"].partition(";")[0] for _ in range(MOST_SESSIONS + 1)]
    assert ask(guarded, cookie=cookies[0]).status == 303
    assert ask(guarded, cookie=cookies[-1]).status == 200
