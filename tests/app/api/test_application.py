"""The control API over real sockets: every reply and every refusal."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from threading import Event

import pytest

from tests.app.kit import LABEL, SYMBOLS, TIMEOUT_S, Client, Tiny, replies, running, served
from tests.app.test_candles import candle
from tests.domain.test_performance import LOST, WON
from vortex.adapters.sqlite.cold_store import SqliteColdStore
from vortex.app.api import guard
from vortex.app.api.guard import COMMANDS_PER_S, MOST_BYTES, READS_PER_S
from vortex.app.api.rates import RateLimit
from vortex.app.api.status import StatusReader
from vortex.app.candles import Candles
from vortex.queries import GetExchange, GetSymbolStatus, SymbolStatus
from vortex.runtime import Crash


@pytest.fixture(scope="module")
def tiny() -> Iterator[Tiny]:
    with running(replies()) as system:
        yield system


@pytest.fixture(scope="module")
def client(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """For single questions."""
    with served(tmp_path_factory.mktemp("api"), tiny) as client:
        yield client


@pytest.fixture
def fresh(tiny: Tiny, tmp_path: Path) -> Iterator[Client]:
    """An API of its own, with its own rate limits: for commands and for many questions."""
    with served(tmp_path, tiny) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/livez", {"live": True}),
        ("/readyz", {"ready": True, "reasons": []}),
        ("/api/trades", []),
        ("/api/rejects?limit=3", []),
    ],
)
def test_what_a_healthy_system_says(client: Client, path: str, expected: object) -> None:
    assert client.get(path).body == expected


def test_actors_are_listed_with_every_field(client: Client) -> None:
    actors = client.get("/api/actors").body
    assert {"root", "exchange", *SYMBOLS} <= {actor["path"] for actor in actors}
    fields = {"path", "state", "generation", "restarts", "mailbox", "dead_letters", "last_error"}
    assert all(fields <= set(actor) for actor in actors)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "not_found"),
        ("GET", "/api/status/", 404, "not_found"),
        ("GET", "/api/decisions/1", 404, "not_found"),
        ("GET", "/api/../../etc/passwd", 404, "not_found"),
        ("GET", "/docs", 404, "not_found"),
        ("GET", "/%00", 404, "not_found"),
        ("POST", "/api/crash", 404, "not_found"),
        ("GET", "/api/halt", 405, "method_not_allowed"),
        ("GET", "/api/reload", 405, "method_not_allowed"),
        ("POST", "/livez", 405, "method_not_allowed"),
        ("GET", "/api/chaos/crash", 405, "method_not_allowed"),
        ("GET", "/api/trades?limit=0", 422, "malformed"),
        ("GET", "/api/trades?limit=1001", 422, "malformed"),
        ("GET", "/api/rejects?limit=NaN", 422, "malformed"),
    ],
)
def test_what_there_is_not(client: Client, method: str, path: str, status: int, code: str) -> None:
    reply = client.send(method, path)
    assert (reply.status, reply.code) == (status, code)
    assert reply.headers["x-vortex"] == LABEL


def test_a_crash_is_sent_to_a_known_actor(fresh: Client) -> None:
    assert fresh.crash(b'{"actor": "exchange", "how": "exception", "times": 3}').body == {"ok": True}
    assert fresh.crashes == [("exchange", Crash(how="exception", times=3))]
    unknown = fresh.crash(b'{"actor": "nobody"}')
    assert (unknown.status, unknown.code) == (404, "unknown_actor")


@pytest.mark.parametrize("how", ["exception", "start_failure", "system_exit", "hang", "spin"])
def test_every_way_to_crash_is_known(fresh: Client, how: str) -> None:
    assert fresh.crash(f'{{"actor": "BTCUSDT", "how": "{how}"}}'.encode()).status == 200
    assert fresh.crash(f'{{"actor": "BTCUSDT", "how": "{how}", "times": 2, "seconds": 0.5}}'.encode()).status == 200
    first, second = (order for _, order in fresh.crashes)
    assert (first.how, first.times, first.seconds) == (how, 1, 20.0)
    assert (second.how, second.times, second.seconds) == (how, 2, 0.5)


MALFORMED = [
    b"",
    b"{",
    b"[]",
    b"{}",
    b'{"actor": 3}',
    b'{"actor": "a", "times": "1"}',
    b'{"actor": "a", "times": true}',
    b'{"actor": "a", "times": 0}',
    b'{"actor": "a", "times": 9223372036854775808}',
    b'{"actor": "a", "seconds": NaN}',
    b'{"actor": "a", "how": "kindly"}',
    b'{"actor": "a", "seconds": -1}',
    b'{"actor": "a", "\\ud800": 1}',
    b'{"actor": "\\ud800"}',
    b'{"actor": "' + b"x" * 65 + b'"}',
    b"[" * 10_000,
    b"\xff\xfe",
]


def test_a_malformed_order_is_refused(fresh: Client) -> None:
    assert len(MALFORMED) < COMMANDS_PER_S
    for body in MALFORMED:
        reply = fresh.crash(body)
        assert (reply.status, reply.code, body) == (422, "malformed", body)
        assert len(reply.body["error"]["message"]) <= 500
    assert fresh.crashes == []


def test_an_order_must_say_that_it_is_json(fresh: Client) -> None:
    """A form of a foreign page cannot: its browser would have to ask for leave first."""
    assert fresh.send("POST", "/api/chaos/crash", b'{"actor": "exchange"}', content_type="text/plain").status == 422
    assert fresh.crashes == []


def test_a_large_order_is_not_read(fresh: Client) -> None:
    reply = fresh.crash(b" " * (MOST_BYTES + 1))
    assert (reply.status, reply.code) == (413, "too_large")
    endless = fresh.send("POST", "/api/chaos/crash", None, transfer_encoding="chunked")
    assert (endless.status, endless.code) == (411, "length_required")


def test_chaos_that_is_not_enabled_is_refused(tiny: Tiny, tmp_path: Path) -> None:
    with served(tmp_path, tiny, chaos=False) as client:
        reply = client.crash(b'{"actor": "exchange"}')
    assert (reply.status, reply.code) == (403, "chaos_disabled")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:1", "localhost:80", "LOCALHOST", "[::1]:9"])
def test_our_own_names_are_served(client: Client, host: str) -> None:
    assert client.get("/livez", host=host).status == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "", "[::1", "10.0.0.1", "127.0.0.1@evil", "localhost."]
)
def test_a_foreign_host_is_refused(client: Client, host: str) -> None:
    reply = client.get("/livez", host=host)
    assert (reply.status, reply.code) == (403, "foreign_host")


def test_an_api_on_every_address_is_known_by_any_but_by_no_name(tiny: Tiny, tmp_path: Path) -> None:
    with served(tmp_path, tiny, host="0.0.0.0", token="t0ken") as client:  # noqa: S104  # the name only
        assert client.get("/livez", host="10.0.0.1:8787", authorization="Bearer t0ken").status == 200
        assert client.get("/livez", host="evil.example", authorization="Bearer t0ken").status == 403


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "", "http://[::1", "http://localhost.evil.example", "http://127.0.0.1:1"],
)
def test_a_foreign_page_is_refused(client: Client, origin: str) -> None:
    reply = client.get("/api/status", origin=origin)
    assert (reply.status, reply.code) == (403, "foreign_origin")
    assert client.get("/livez", origin=client.url).status == 200


def test_every_request_needs_the_right_token(tiny: Tiny, tmp_path: Path) -> None:
    with served(tmp_path, tiny, token="t0ken") as client:
        wrong = [
            "",
            "t0ken",
            "Bearer",
            "Bearer ",
            "Bearer t0keN",
            "Basic t0ken",
            "Bearer t0ken2",
            "Bearer " + "x" * 9_000,
        ]
        for given in wrong:
            reply = client.get("/livez", authorization=given)
            assert (reply.status, reply.code, given) == (401, "token", given)
            assert reply.headers["www-authenticate"] == "Bearer"
        assert client.get("/api/nothing").status == 401
        assert client.get("/livez", authorization="Bearer t0ken").status == 200
        assert client.get("/livez", authorization="bearer t0ken").status == 200


def test_commands_that_come_too_fast_are_refused(tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All at one moment, however long the machine takes for them."""
    monkeypatch.setattr(guard, "RateLimit", partial(RateLimit, now_ns=lambda: 0))
    with served(tmp_path, tiny) as client:
        codes = [client.crash(b'{"actor": "exchange"}').status for _ in range(2 * COMMANDS_PER_S)]
        assert codes == [200] * COMMANDS_PER_S + [429] * COMMANDS_PER_S
        assert client.get("/livez").status == 200, "reads have their own limit"
        refused = client.crash(b'{"actor": "exchange"}')
    assert (refused.code, refused.headers["retry-after"]) == ("too_many_requests", "1")


def test_the_limits_are_what_is_documented() -> None:
    assert (READS_PER_S, COMMANDS_PER_S) == (200, 20)


def test_reads_that_come_too_fast_are_refused(tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a limit that also a busy machine reaches."""
    few, many = 10, 400
    monkeypatch.setattr(guard, "READS_PER_S", few)
    with served(tmp_path, tiny) as client:
        port = int(client.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as connection:  # one connection, all at once
            asked = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
            last = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            connection.sendall(asked * (many - 1) + last)
            answered = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert answered.count(b"HTTP/1.1 ") == many
    assert answered.count(b"HTTP/1.1 200") >= few
    assert answered.count(b"HTTP/1.1 429") > 0


def test_a_symbol_that_reconciles_is_not_ready(tmp_path: Path) -> None:
    actors = replies()
    actors["ETHUSDT"] = {
        GetSymbolStatus: SymbolStatus(symbol="ETHUSDT", state="RECONCILING", entry_allowed=True, gates=())
    }
    with running(actors) as tiny, served(tmp_path, tiny) as client:
        reply = client.get("/readyz")
        assert (reply.status, reply.body) == (503, {"ready": False, "reasons": ["ETHUSDT is RECONCILING"]})
        assert client.get("/api/status").body["ready"] is False


def test_a_tree_that_gave_up_is_not_alive(tmp_path: Path) -> None:
    with running(replies()) as tiny, served(tmp_path, tiny) as client:
        assert client.get("/livez").status == 200
        assert tiny.system.stop(TIMEOUT_S)
        reply = client.get("/livez")
        assert (reply.status, reply.body) == (503, {"live": False})
        assert client.get("/readyz").status == 503
        assert client.get("/api/status").status == 200


def test_a_liveness_probe_does_not_wait_for_hung_actors(tmp_path: Path) -> None:
    actors = replies()
    hang = Event()
    actors["exchange"] = {GetExchange: hang}
    with running(actors) as tiny, served(tmp_path, tiny) as client:
        pending = [socket.create_connection(("127.0.0.1", int(client.url.rpartition(":")[2]))) for _ in range(8)]
        for connection in pending:
            connection.sendall(b"GET /api/status HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.get("/livez").status == 200
        assert not hang.is_set()
        for connection in pending:
            connection.close()


def test_an_error_of_our_own_shows_no_values(tiny: Tiny, tmp_path: Path) -> None:
    class Broken(StatusReader):
        def status(self) -> dict[str, object]:
            raise RuntimeError("the secret is 12345")

    broken = Broken.__new__(Broken)
    broken.__dict__.update(tiny.reader.__dict__)
    with served(tmp_path, tiny._replace(reader=broken)) as client:
        reply = client.get("/api/status")
    assert (reply.status, reply.code) == (500, "internal")
    assert "12345" not in str(reply.body)


def test_candles_come_without_asking_an_actor(tmp_path: Path) -> None:
    candles = Candles()
    for number in range(3):
        candles.observe(candle(number))
    with running(replies()) as tiny, served(tmp_path, tiny, candles=candles) as client:
        reply = client.get("/api/candles/BTCUSDT?limit=2")
        assert (reply.status, reply.body["symbol"], reply.body["interval"]) == (200, "BTCUSDT", "1m")
        assert [each["open_ms"] for each in reply.body["candles"]] == [60_000, 120_000]
        assert {"open", "high", "low", "close", "closed", "generated"} <= set(reply.body["candles"][0])
        assert client.get("/api/candles/ETHUSDT").body["candles"] == []
        assert client.get("/api/candles/NOSUCH").code == "not_found"
        assert client.get("/api/candles/BTCUSDT?limit=0").code == "malformed"


def test_performance_is_what_the_ledger_holds(tmp_path: Path) -> None:
    with running(replies()) as tiny, served(tmp_path, tiny) as client:
        assert client.get("/api/performance").body["sources"] == []
        with closing(SqliteColdStore.open(tmp_path / "vortex.db")) as ledger:
            ledger.write_trades([WON, LOST])
        (source,) = client.get("/api/performance").body["sources"]
        whole = next(each for each in source["tallies"] if (each["by"], each["name"]) == ("period", "all"))
        assert (whole["n"], whole["net_usdt"]) == (2, "2.29285")
        assert source["curve"][-1]["net_usdt"] == "2.29285"
