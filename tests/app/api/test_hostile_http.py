"""What a hostile or broken client may send to the control API, on a raw socket: a 4xx or the end of the connection.

Each case is an item of the list of bad inputs that the system is held to; after every one the API still answers, and
nothing was ordered.
"""

from __future__ import annotations

import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from http.client import HTTPException
from pathlib import Path

import pytest

from tests.app.kit import SYMBOLS, TIMEOUT_S, Client, Tiny, replies, running, served
from tests.kit.processes import eventually
from vortex.app.api.guard import COMMANDS_PER_S
from vortex.app.api.server import MOST_CONNECTIONS
from vortex.messages import Operate

MANY = 1_000


@pytest.fixture
def obeyed() -> list[Operate]:
    """What the exchange actor was ordered."""
    return []


@pytest.fixture
def client(tmp_path: Path, obeyed: list[Operate]) -> Iterator[Client]:
    actors = replies()

    def obey(order: Operate) -> tuple[str, ...]:
        obeyed.append(order)
        return SYMBOLS if order.symbol is None else (order.symbol,)

    actors["exchange"][Operate] = obey
    with running(actors) as tiny, served(tmp_path, tiny) as made:
        yield made


def exchange(client: Client, *parts: bytes, patience_s: float = TIMEOUT_S) -> bytes:
    """Send these bytes on a connection of their own; what comes back until it is closed, or for so long."""
    with socket.create_connection(("127.0.0.1", int(client.url.rpartition(":")[2])), patience_s) as connection:
        answer = b""
        with suppress(ConnectionError, TimeoutError):  # it has seen enough before we have sent all
            for part in parts:
                connection.sendall(part)
        with suppress(ConnectionError, TimeoutError):  # it waits for more
            while more := connection.recv(65_536):
                answer += more
        return answer


def post(body: bytes, *headers: bytes, path: bytes = b"/api/halt", length: bytes | None = None) -> bytes:
    size = str(len(body)).encode() if length is None else length
    lines = [
        b"POST " + path + b" HTTP/1.1", b"Host: localhost", b"Connection: close", b"Content-Type: application/json",
        b"Content-Length: " + size, *headers,
    ]  # fmt: skip
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def get(path: bytes, *headers: bytes) -> bytes:
    return (
        b"\r\n".join([b"GET " + path + b" HTTP/1.1", b"Host: localhost", b"Connection: close", *headers]) + b"\r\n\r\n"
    )


HOSTILE = {
    "double content-length": post(b'{"symbol": null}', b"Content-Length: 0"),
    "two content-lengths in one": post(b"{}", length=b"2, 0"),
    "content-length and chunked": post(b"0\r\n\r\n", b"Transfer-Encoding: chunked"),
    "negative content-length": post(b"{}", length=b"-2"),
    "content-length in other digits": post(b"{}", length="\u0e52".encode()),
    "huge content-length": post(b"{}", length=b"9" * 40),
    "1 MB header": get(b"/livez", b"X-Big: " + b"x" * 1_048_576),
    "1 MB of headers": get(b"/livez", *(b"X-%d: " % number + b"x" * 1_000 for number in range(1_000))),
    "1 MB path": get(b"/" + b"x" * 1_048_576),
    "path traversal": get(b"/../../../etc/passwd"),
    "encoded path traversal": get(b"/api/decisions/..%2f..%2f..%2fetc%2fpasswd"),
    "NUL in the path": get(b"/api/decisions/%00"),
    "no UTF-8 in the path": get(b"/api/decisions/%ff%fe"),
    "absolute address of another": (
        b"GET http://evil.example/livez HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    ),
    "no host": b"GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n",
    "two hosts": b"GET /livez HTTP/1.1\r\nHost: evil.example\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    "a folded header": b"GET /livez HTTP/1.1\r\nHost: evil.example\r\n localhost\r\nConnection: close\r\n\r\n",
    "no HTTP at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
    "another method": b"BREW /api/halt HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    "JSON depth 10,000": post(b'{"symbol": ' * 10_000 + b"1" + b"}" * 10_000),
    "array depth 10,000": post(b"[" * 10_000 + b"]" * 10_000),
    "a lone surrogate": post(b'{"symbol": "\\ud800"}'),
    "a lone surrogate as key": post(b'{"\\ud800": 1}'),
    "no UTF-8": post(b'{"symbol": "\xff"}'),
    "UTF-16": post('{"symbol": null}'.encode("utf-16")),
    "NUL in a symbol": post(b'{"symbol": "BTC\\u0000USDT"}'),
    "2^63 as a symbol": post(b'{"symbol": 9223372036854775808}'),
    "NaN": post(b'{"symbol": NaN}'),
    "a list": post(b'["BTCUSDT"]'),
    "an unknown key": post(b'{"symbol": "BTCUSDT", "sybmol": 1}'),
    "lower case": post(b'{"symbol": "btcusdt"}'),
    "a line end": post(b'{"symbol": "BTCUSDT\\n"}'),
    "10 kB symbol": post(b'{"symbol": "' + b"A" * 10_000 + b'"}'),
    "Thai digits": post('{"symbol": "\u0e51\u0e52USDT"}'.encode()),
    "a form": post(b"symbol=BTCUSDT", b"Content-Type: application/x-www-form-urlencoded"),
    "another path's": post(b"{}", path=b"/kill"),
}


TOO_LARGE = {"1 MB header", "1 MB of headers", "1 MB path"}
"""Their answer may be lost: the server closes while we still send."""


@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_refused_and_nothing_else_changes(client: Client, obeyed: list[Operate], name: str) -> None:
    answer = exchange(client, HOSTILE[name])
    assert answer.startswith(b"HTTP/1.1 4") or (answer == b"" and name in TOO_LARGE), answer[:200]
    assert answer.count(b"HTTP/1.1 ") <= 1, "one request is one request"
    assert obeyed == []
    assert client.get("/livez").body == {"live": True}


def test_less_body_than_announced_orders_nothing(client: Client, obeyed: list[Operate]) -> None:
    assert exchange(client, post(b"{", length=b"2"), patience_s=0.5) == b""
    assert obeyed == []
    assert client.get("/livez").status == 200


def test_a_duplicate_key_is_refused(client: Client, obeyed: list[Operate]) -> None:
    """Two readers may take two different ones for the one that counts: neither does."""
    answer = exchange(client, post(b'{"symbol": "BTCUSDT", "symbol": "ETHUSDT"}'))
    assert answer.startswith(b"HTTP/1.1 422"), answer
    assert obeyed == []


@pytest.mark.parametrize("number", ["9223372036854775808", "-1", "1e3", "0x10", "1_0", "1,5", "%D9%A1", "", "1e400"])
def test_a_number_that_is_none_of_ours_is_refused(client: Client, number: str) -> None:
    assert client.get(f"/api/trades?limit={number}").status == 422


@pytest.mark.parametrize("query", ["limt=5", "limit=5&x=1", "%00=1", "=", "LIMIT=5"])
def test_a_query_that_is_not_known_is_refused(client: Client, query: str) -> None:
    reply = client.get(f"/api/trades?{query}")
    assert (reply.status, reply.code) == (422, "malformed")
    assert client.get("/livez?anything=1").status == 200, "probes and scrapers may add their own"


def test_halt_a_thousand_times_halts_and_lets_others_in(client: Client, obeyed: list[Operate]) -> None:
    """On one connection, as fast as it goes: what is too much is refused, a read has its own turn."""
    asked = post(b"{}").replace(b"Connection: close\r\n", b"")
    answer = exchange(client, asked * (MANY - 1), post(b"{}"))
    assert answer.count(b"HTTP/1.1 200") + answer.count(b"HTTP/1.1 429") == MANY
    assert COMMANDS_PER_S <= len(obeyed) == answer.count(b"HTTP/1.1 200") < MANY / 2
    assert client.get("/api/status").status == 200


def test_more_connections_than_it_takes_are_turned_away_and_forgotten(client: Client) -> None:
    """10,000 are more than a process may have: as many as this one may, and more than the API serves at once."""
    room = resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4
    many = min(10_000, max(MOST_CONNECTIONS + 100, room))
    port = int(client.url.rpartition(":")[2])
    with ExitStack() as stack:
        for _ in range(many):
            try:
                stack.enter_context(socket.create_connection(("127.0.0.1", port), TIMEOUT_S))
            except OSError:
                break

    def recovered() -> bool:
        with suppress(OSError, ValueError, HTTPException):  # it may still turn everybody away
            return client.get("/livez").status == 200
        return False

    eventually(recovered, TIMEOUT_S, "an answer again")


def test_a_client_that_says_nothing_holds_nobody_up(client: Client) -> None:
    port = int(client.url.rpartition(":")[2])
    with ExitStack() as stack:
        for _ in range(100):
            silent = stack.enter_context(socket.create_connection(("127.0.0.1", port), TIMEOUT_S))
            silent.sendall(b"POST /api/halt HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
        assert client.get("/api/status").status == 200


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer ", "Bearer t0ke", "Bearer " + "x" * 60_000, "Bearer t0ken, x"])
def test_a_missing_empty_or_huge_token_is_refused(tmp_path: Path, given: str) -> None:
    with running(replies()) as tiny, served(tmp_path, Tiny(*tiny), token="t0ken") as client:
        headers = (b"Authorization: " + given.encode(),) if given else ()
        answer = exchange(client, get(b"/api/status", *headers))
    assert answer.startswith((b"HTTP/1.1 401", b"HTTP/1.1 4")), answer[:100]
    assert b'"symbols"' not in answer
