"""Commands over real sockets: pause, resume, flatten, halt, unhalt, reload; what they answer and what they reach."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Thread

import pytest

from tests.app.kit import SYMBOLS, TIMEOUT_S, Client, Tiny, concerned, exchange_status, replies, running, served
from vortex.app import operate as module
from vortex.app.api import guard
from vortex.app.api.guard import COMMANDS_PER_S
from vortex.app.api.rates import RateLimit
from vortex.config import Config
from vortex.domain.operation import OperatorAction
from vortex.messages import AddSymbol, Operate, RemoveSymbol
from vortex.queries import GetExchange

ACTIONS = tuple(OperatorAction)


def drained(queue: SimpleQueue[object]) -> list[object]:
    found = []
    while True:
        try:
            found.append(queue.get_nowait())
        except Empty:
            return found


@pytest.fixture
def orders() -> list[Operate]:
    """What the exchange actor is asked."""
    return []


@pytest.fixture
def tiny(orders: list[Operate]) -> Iterator[Tiny]:
    def obey(order: Operate) -> tuple[str, ...]:
        orders.append(order)
        return concerned(order)

    with running(replies() | {"exchange": {GetExchange: exchange_status(), Operate: obey}}) as tiny:
        yield tiny


@pytest.fixture
def client(tiny: Tiny, tmp_path: Path) -> Iterator[Client]:
    (tmp_path / "x.toml").write_text("", encoding="utf-8")
    with served(tmp_path, tiny) as client:
        yield client


@pytest.mark.parametrize("action", ACTIONS)
def test_an_order_reaches_the_exchange_actor_before_the_answer(
    client: Client, orders: list[Operate], action: OperatorAction
) -> None:
    for body, symbol in (
        (b"", None),
        (b"{}", None),
        (b"null", None),
        (b'{"symbol": null}', None),
        (b'{"symbol": "ETHUSDT"}', "ETHUSDT"),
    ):
        answer = client.post(f"/api/{action}", body)
        expected = list(SYMBOLS) if symbol is None else [symbol]
        assert (answer.status, answer.body) == (200, {"ok": True, "symbols": expected})
        assert orders.pop() == Operate(action=action, symbol=symbol, why="control API")
    assert orders == []


def test_a_body_that_is_absent_needs_no_content_type(client: Client, orders: list[Operate]) -> None:
    assert client.send("POST", "/api/pause").status == 200
    assert client.send("POST", "/api/pause", b'{"symbol": "ETHUSDT"}', content_type="text/plain").status == 422
    assert [order.symbol for order in orders] == [None]


MALFORMED = [
    b"{",
    b"[]",
    b'"BTCUSDT"',
    b'{"symbol": 3}',
    b'{"symbol": ["BTCUSDT"]}',
    b'{"symbol": "' + b"A" * 21 + b'"}',
    b'{"symbols": "BTCUSDT"}',
    b'{"symbol": "BTCUSDT", "all": true}',
    b"\xff",
]


def test_what_cannot_be_understood_orders_nothing(client: Client, orders: list[Operate]) -> None:
    assert len(MALFORMED) < COMMANDS_PER_S
    for body in MALFORMED:
        answer = client.post("/api/halt", body)
        assert (answer.status, answer.code, body) == (422, "malformed", body)
    assert orders == []


@pytest.mark.parametrize("symbol", ["SOLUSDT", "", "btcusdt", "root", "exchange", "BTCUSDT/E1", "../x"])
def test_an_unknown_symbol_is_404_and_orders_nothing(client: Client, orders: list[Operate], symbol: str) -> None:
    answer = client.post("/api/flatten", f'{{"symbol": "{symbol}"}}'.encode())
    assert (answer.status, answer.code) == (404, "unknown_symbol")
    assert symbol in answer.body["error"]["message"]
    assert orders == []


def test_only_an_unhalt_goes_to_the_root_too(client: Client, tiny: Tiny) -> None:
    for action in ACTIONS:
        assert client.post(f"/api/{action}").status == 200
    assert client.post("/api/unhalt", b'{"symbol": "BTCUSDT"}').status == 200
    told = [tiny.told.get(timeout=TIMEOUT_S) for _ in range(2)]
    assert told == [Operate(action=OperatorAction.UNHALT, symbol=each, why="control API") for each in (None, "BTCUSDT")]
    assert drained(tiny.told) == []


def test_an_exchange_actor_that_is_late_is_503(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REPLY_S", 0.1)
    with running(replies() | {"exchange": {Operate: Event()}}) as tiny, served(tmp_path, tiny) as client:
        answer = client.post("/api/halt")
        assert (answer.status, answer.code) == (503, "unavailable")
        assert "0.1 s" in answer.body["error"]["message"]


def test_an_exchange_actor_that_is_not_there_is_503(tmp_path: Path) -> None:
    actors = replies()
    del actors["exchange"]
    with running(actors) as tiny, served(tmp_path, tiny) as client:
        assert client.post("/api/pause").status == 503
        assert tiny.system.stop(TIMEOUT_S)
        assert client.post("/api/pause").status == 503


def test_a_halt_does_not_wait_for_those_who_read_a_hung_system(tmp_path: Path) -> None:
    hang, obeyed = Event(), Event()

    def obey(order: Operate) -> tuple[str, ...]:
        obeyed.set()
        return concerned(order)

    actors = replies()
    actors["exchange"] = {GetExchange: exchange_status(), Operate: obey}
    actors["account"] = dict.fromkeys(actors["account"], hang)
    with running(actors) as tiny, served(tmp_path, tiny) as client:
        readers = [Thread(target=client.get, args=("/api/status",)) for _ in range(8)]
        for reader in readers:
            reader.start()
        assert client.post("/api/halt").status == 200
        assert obeyed.is_set()
        assert not hang.is_set()
        for reader in readers:
            reader.join(TIMEOUT_S)


# -------------------------------------------------------------------------------------------------------------- reload


def test_a_reload_answers_what_changed(client: Client, tiny: Tiny) -> None:
    text = 'trading_pairs = ["SOLUSDT", "BTCUSDT"]\n[log]\nlevel = "DEBUG"\n[control]\nport = 1\n'
    (client.folder / "x.toml").write_text(text, encoding="utf-8")
    answer = client.post("/api/reload")
    assert (answer.status, answer.body) == (
        200,
        {
            "ok": True,
            "symbols": ["SOLUSDT", "BTCUSDT"],
            "added": ["SOLUSDT"],
            "removed": ["ETHUSDT"],
            "changed": ["log.level"],
            "ignored": ["control.port"],
        },
    )
    config, *messages, logged = drained(tiny.told)
    assert isinstance(config, Config)
    assert logged is config
    assert (config.trading_pairs, config.log.level) == (("SOLUSDT", "BTCUSDT"), "DEBUG")
    assert messages == [AddSymbol(symbol="SOLUSDT"), RemoveSymbol(symbol="ETHUSDT")]


@pytest.mark.parametrize(
    ("text", "word"),
    [("trading_pairs = []", "trading_pairs"), ("[", "TOML"), ('trading_pairs = ["ABCUSDT"]', "ABCUSDT")],
)
def test_a_reload_that_cannot_be_is_422(client: Client, tiny: Tiny, text: str, word: str) -> None:
    (client.folder / "x.toml").write_text(text, encoding="utf-8")
    answer = client.post("/api/reload")
    assert (answer.status, answer.code) == (422, "configuration")
    assert word in answer.body["error"]["message"]
    assert drained(tiny.told) == []


def test_commands_share_one_limit(tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All at one moment, however long the machine takes for them."""
    monkeypatch.setattr(guard, "RateLimit", partial(RateLimit, now_ns=lambda: 0))
    paths = ["/api/pause", "/api/resume"] * COMMANDS_PER_S
    with served(tmp_path, tiny) as client:
        assert [client.post(path).status for path in paths] == [200] * COMMANDS_PER_S + [429] * COMMANDS_PER_S
