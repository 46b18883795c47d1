"""Asking a running system from outside: who answers, and what if somebody else does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from vortex.app.remote import NoAnswerError, UnusableUrlError, ask


@contextmanager
def answering(status: int, body: bytes, **headers: str) -> Iterator[tuple[str, list[str]]]:
    """A server that always answers this; yields its address and the tokens, and then the orders, it was given."""
    tokens: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the standard library's name
            tokens.append(self.headers.get("authorization", ""))
            self.send_response(status)
            for name, text in {**headers, "content-length": str(len(body))}.items():
                self.send_header(name.replace("_", "-"), text)
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            self.do_GET()
            tokens.append(f"{self.path} {self.headers['content-type']} {body}")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", tokens
        server.shutdown()
        thread.join()


def test_an_answer_has_its_label() -> None:
    with answering(200, b'{"a": 1}', x_vortex="PAPER \xb7 x") as (url, tokens):
        assert ask(url, "/api/status") == ("PAPER \xb7 x", {"a": 1})
        assert ask(f"{url}/", "/api/status", "t0ken").value == {"a": 1}
    assert tokens == ["", "Bearer t0ken"]


def test_an_order_is_posted_as_json_and_answered() -> None:
    with answering(200, b'{"ok": true}', x_vortex="x") as (url, given):
        assert ask(url, "/api/halt", "t0ken", {"symbol": None}).value == {"ok": True}
        assert ask(url, "/api/halt", order={}).value == {"ok": True}
    posted = "/api/halt application/json {}"
    assert given == ["Bearer t0ken", '/api/halt application/json {"symbol": null}', "", posted]


def test_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with answering(200, b"[]", x_vortex="x") as (url, _):
        assert ask(url, "/").value == []


def test_a_token_does_not_follow_a_redirect() -> None:
    with answering(200, b"[]", x_vortex="x") as (elsewhere, stolen):
        with answering(302, b"", location=elsewhere) as (url, _), pytest.raises(NoAnswerError, match="no VORTEX-7"):
            ask(url, "/", "t0ken")
        assert stolen == []


@pytest.mark.parametrize(
    ("status", "body", "headers", "said"),
    [
        (401, b'{"error": {"code": "token", "message": "needed"}}', {"x_vortex": "x"}, "HTTP 401: needed$"),
        (500, b'["odd"]', {"x_vortex": "x"}, r"HTTP 500: \['odd'\]$"),
        (200, b"{", {"x_vortex": "x"}, "HTTP 200 without JSON$"),
        (200, b"\xff", {"x_vortex": "x"}, "HTTP 200 without JSON$"),
        (200, b"{}", {}, "no VORTEX-7$"),
    ],
)
def test_what_is_no_answer_is_one_line(status: int, body: bytes, headers: dict[str, str], said: str) -> None:
    with answering(status, body, **headers) as (url, _), pytest.raises(NoAnswerError, match=said) as caught:
        ask(url, "/")
    assert str(caught.value).startswith(f"{url}: ")
    assert len(str(caught.value).splitlines()) == 1


def test_nobody_is_one_line() -> None:
    with pytest.raises(NoAnswerError, match=r"^http://127\.0\.0\.1:1: nobody answers: .*refused$"):
        ask("http://127.0.0.1:1", "/")


@pytest.mark.parametrize(
    "url",
    [
        "", "127.0.0.1:8787", "file:///etc/passwd", "ftp://h:1", "http://", "http://u:p@h:1", "http://h:99999",
        "http://h:x", "http://[::1", "http://h:1/api", "http://h:1?x", "http://h:1#x",
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(UnusableUrlError, match=r"expected http://HOST:PORT$"):
        ask(url, "/")
