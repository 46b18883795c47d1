"""A real exchange on a real port, in a thread of its own, and a client that signs as any client of it must."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlencode

from tests.kit.loops import LoopThread
from vortex.sim.market.sources import SHIPPED
from vortex.sim.server.app import SimServer
from vortex.sim.server.options import SimOptions

T = TypeVar("T")
TIMEOUT_S = 20.0
LINES = 4_000
SYMBOLS = ("BTCUSDT", "XRPUSDT")


def short_capture(folder: Path) -> Path:
    """The first seconds of the shipped capture: opens in a fraction of the time."""
    path = folder / "short.gz"
    with gzip.open(SHIPPED / "btcusdt_20240808.gz") as whole, gzip.open(path, "w", 1) as short:
        short.writelines(islice(whole, LINES))
    return path


def options_of(capture: Path, **changes: Any) -> SimOptions:
    """Two symbols from one short capture, quick orders."""
    quick: dict[str, Any] = {"market_latency_ms": 2.0, "order_latency_ms": 4.0, "port": 0}
    return SimOptions(markets=(f"{','.join(SYMBOLS)}={capture}",), **(quick | changes))


class Reply(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: Any

    @property
    def code(self) -> int:
        """The exchange's error code."""
        assert self.status >= 400, self
        code = self.body["code"]
        assert isinstance(code, int)
        return code


class Client:
    """Blocking requests, signed like Binance's documentation says."""

    def __init__(self, port: int, *, key: str = "paper", secret: str = "paper") -> None:
        self._port = port
        self._key = key
        self._secret = secret
        self.ahead_ms = 0.0
        """What the client knows of the exchange's clock; fast runs leave it ahead."""
        self.patience_s = TIMEOUT_S

    def send(self, method: str, target: str, body: str | bytes = "", headers: dict[str, str] | None = None) -> Reply:
        reply = self.raw(method, target, body, headers)
        is_json = reply.body and reply.headers["CONTENT-TYPE"].startswith("application/json")
        return reply._replace(body=json.loads(reply.body)) if is_json else reply

    def raw(self, method: str, target: str, body: str | bytes = "", headers: dict[str, str] | None = None) -> Reply:
        """The reply with its body as text."""
        connection = HTTPConnection("127.0.0.1", self._port, timeout=self.patience_s)
        try:
            connection.request(method, target, body or None, headers or {})
            reply = connection.getresponse()
            text, shown = reply.read().decode(), {name.upper(): value for name, value in reply.getheaders()}
        finally:
            connection.close()
        return Reply(reply.status, shown, text)

    def get(self, path: str, **params: Any) -> Reply:
        """Ask without key or signature."""
        return self.send("GET", f"{path}?{urlencode(params)}")

    def post_json(self, path: str, body: object) -> Reply:
        return self.send("POST", path, json.dumps(body))

    def signed(self, method: str, path: str, **params: Any) -> Reply:
        """Sign and send: in the query for GET and DELETE, as a form for POST and PUT."""
        text = urlencode({"timestamp": round(time.time() * 1000 + self.ahead_ms), "recvWindow": 5_000} | params)
        text += "&signature=" + hmac.new(self._secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        headers = {"X-MBX-APIKEY": self._key, "Content-Type": "application/x-www-form-urlencoded"}
        if method in ("POST", "PUT"):
            return self.send(method, path, text, headers)
        return self.send(method, f"{path}?{text}", "", headers)

    def fault(self, do: str, **fields: Any) -> Any:
        """Post a rule, for orders unless told otherwise, and return its id."""
        order = {"method": "POST", "path": "/fapi/v1/order", "do": do} | fields
        reply = self.post_json("/sim/v1/faults", order)
        assert reply.status == 200, reply
        assert reply.body["ok"] is True
        return reply.body["id"]

    def ledger(self) -> Any:
        return self.get("/sim/v1/ledger").body

    def faults_noted(self) -> list[Any]:
        """The FAULT lines of the timeline."""
        return [line for line in self.ledger()["timeline"] if line["event"] == "FAULT"]

    def market_order(self, side: str, quantity: str = "0.010", **params: Any) -> Reply:
        order = {
            "symbol": "BTCUSDT",
            "side": side,
            "type": "MARKET",
            "quantity": quantity,
            "newOrderRespType": "RESULT",
        }
        return self.signed("POST", "/fapi/v1/order", **(order | params))

    def stop_order(self, side: str, trigger_price: str, **params: Any) -> Reply:
        order = {
            "algoType": "CONDITIONAL", "symbol": "BTCUSDT", "side": side, "type": "STOP_MARKET",
            "triggerPrice": trigger_price, "closePosition": "true", "workingType": "MARK_PRICE",
        }  # fmt: skip
        return self.signed("POST", "/fapi/v1/algoOrder", **(order | params))

    def flatten(self) -> None:
        """Close whatever is open and cancel what rests; a mark price far from the book delays the first."""
        until(self._flat, "a flat account", every_s=0.1)
        for symbol in SYMBOLS:
            self.signed("DELETE", "/fapi/v1/allOpenOrders", symbol=symbol)
            self.signed("DELETE", "/fapi/v1/algoOpenOrders", symbol=symbol)

    def _flat(self) -> bool:
        positions = self.signed("GET", "/fapi/v3/positionRisk").body
        for position in positions:
            side = "SELL" if float(position["positionAmt"]) > 0 else "BUY"
            quantity = position["positionAmt"].lstrip("-")
            self.market_order(side, quantity, symbol=position["symbol"], reduceOnly="true")
        return not positions


class Running:
    """A server with its own event loop; `do` runs something inside it."""

    def __init__(self, options: SimOptions) -> None:
        self._thread = LoopThread()
        self.server = SimServer(options)
        self.wait(self.server.start())
        self.port = int(self.server.url.rpartition(":")[2])
        self.client = Client(self.port)

    def do(self, action: Callable[[SimServer], T]) -> T:
        async def act() -> T:
            return action(self.server)

        return self.wait(act())

    def stop_server(self) -> None:
        self.wait(self.server.stop())

    def stop(self) -> None:
        self.stop_server()
        self._thread.close()

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        return self._thread.run(work)


@contextmanager
def running(options: SimOptions) -> Iterator[Running]:
    """A server for the length of a block."""
    server = Running(options)
    try:
        yield server
    finally:
        server.stop()


def until(condition: Callable[[], T | None], what: str, *, every_s: float = 0.01) -> T:
    """The first true value of a condition that another process or thread will make true."""
    deadline = time.monotonic() + TIMEOUT_S
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(every_s)
    return value
