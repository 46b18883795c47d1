"""ccxt.pro as a source of frames: its connections and order books, with the guards it lacks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from math import inf
from typing import Any, Protocol, TypeAlias

from ccxt.async_support.base.throttler import Throttler
from ccxt.base.errors import NetworkError
from ccxt.pro.binanceusdm import binanceusdm
from loguru import logger

from vortex.adapters.binance.budget import Budget
from vortex.adapters.binance.client import Client
from vortex.adapters.binance.errors import describe
from vortex.adapters.binance.hosts import Hosts
from vortex.adapters.binance.lines import Category, Line
from vortex.adapters.binance.notices import Notices
from vortex.adapters.binance.wire import Depth
from vortex.domain.market import INTERVAL_MS, Levels
from vortex.ports import Clock

Request: TypeAlias = Callable[[], Awaitable[Any]]
"""A call of ccxt, to be made `at_place`."""

SEED_LEVELS = 1_000
SHOWN_LEVELS = 20
MAX_SEED_WEIGHT_1M = 1_200.0
"""Half of what the exchange allows a minute, for orders and polling need weight too. A seed weighs 20: 59 a minute."""

KEEP_ALIVE_MS = 15_000
_COMMAND_COST = 1
_COMMANDS = {"refillRate": 4 / 1_000, "capacity": 1.0}
"""Commands a connection may send per millisecond; the exchange closes one that sends more than ten a second."""

_RAW = frozenset({"aggTrade", "kline", "markPriceUpdate", "forceOrder"})
"""Events read as they are: ccxt would only fill caches with them that nobody reads."""

_PLACE: ContextVar[int] = ContextVar("place")


@contextmanager
def at_place(place: int) -> Iterator[None]:
    """What is subscribed by tasks begun in this block goes over the connections of this number."""
    token = _PLACE.set(place)
    try:
        yield
    finally:
        _PLACE.reset(token)


class Reader(Protocol):
    """Who reads the frames. Everything is called in the loop's thread; `on_raw` and `on_book` may raise."""

    def on_up(self, line: Line) -> None: ...

    def on_down(self, line: Line, why: str, *, dialled: bool) -> None:
        """A connection is gone, or with `dialled` false did not come about."""
        ...

    def on_alive(self, line: Line) -> None: ...

    def on_raw(self, frame: dict[str, Any]) -> None: ...

    def on_book(self, book: Depth) -> None: ...

    def on_gap(self, symbol: str) -> None:
        """The book of this symbol has to be seeded again."""
        ...


class StreamClient(Client, binanceusdm):  # type: ignore[misc]  # ccxt ships no types
    """The ccxt.pro client; call its `watch_..._for_symbols` inside `at_place` with symbols as the exchange names them.

    Its order books are whole: seeded with 1,000 levels, checked for an unbroken chain, and given up when the best 20
    reach beyond what the seed knew. A frame that it cannot digest is counted and nothing else happens.
    """

    def __init__(self, hosts: Hosts, clock: Clock, budget: Budget, reader: Reader, notices: Notices) -> None:
        super().__init__(hosts, clock, budget)
        self.urls["api"]["ws"] = {"linear": f"{hosts.ws}/ws"}
        self.streaming["keepAlive"] = KEEP_ALIVE_MS
        self.options["ws"] = {"cost": _COMMAND_COST, "compress": 0}
        self.options["watchTradesForSymbols"] = {"name": "aggTrade"}
        self.options["watchOrderBook"] = {"maxRetries": 1}  # the feed's watchdog tries again, and waits in between
        self.enableRateLimit, self.rateLimiterAlgorithm = True, "rollingWindow"  # of its seeds, which weigh 20 each
        self.init_rest_rate_limiter()
        self.throttler = Throttler(self.tokenBucket, self.asyncio_loop)
        self.throttler.config["maxWeight"] = MAX_SEED_WEIGHT_1M
        self._reader = reader
        self._notices = notices
        self._last_ids: dict[str, int] = {}
        self._known: dict[str, tuple[float, float]] = {}
        self._seeds: dict[str, asyncio.Future[None]] = {}

    # ------------------------------------------------------------------------------------------- overridden, of ccxt

    def stream(self, *_: Any) -> str:
        """The connection's number, which ccxt would count up with every new set of symbols."""
        return str(_PLACE.get())

    def client(self, url: str) -> Any:
        self._hosts.check(url)
        new = url not in self.clients
        client = super().client(url)
        if new:
            client.throttle = Throttler(_COMMANDS, self.asyncio_loop)
            client.handle_text_or_binary_message = partial(self._guarded, client, client.handle_text_or_binary_message)
        return client

    def handle_message(self, client: Any, message: Any) -> None:
        if self.clients.get(client.url) is not client:  # a connection that was given up
            return
        event = message.get("e")
        if event in _RAW:
            self._reader.on_raw(message)
        elif event == "depthUpdate":
            self._difference(client, message)
        else:
            if "error" in message:
                self._notices.warn("subscription refused", str(message["error"])[:200])
            super().handle_message(client, message)

    def on_connected(self, client: Any, message: Any = None) -> None:
        super().on_connected(client, message)
        self._reader.on_up(_whose(client.url))

    def on_error(self, client: Any, error: Any) -> None:
        dialled = not client.dial_failed
        with self._losing(client, describe(error), dialled=dialled):
            super().on_error(client, error)

    def on_close(self, client: Any, error: Any) -> None:
        with self._losing(client, f"closed: {error}", dialled=True):
            super().on_close(client, error)

    async def fetch_order_book(self, symbol: str, limit: Any = None, params: Any = None) -> Any:
        await self.budget.silence_over()
        try:
            book = await super().fetch_order_book(symbol, limit, params or {})
        except Exception as error:
            self._notices.warn("no order book", f"{symbol}: {describe(error)}")
            raise
        bids, asks = book["bids"], book["asks"]
        self._known[symbol] = (
            bids[-1][0] if len(bids) >= SEED_LEVELS else 0.0,
            asks[-1][0] if len(asks) >= SEED_LEVELS else inf,
        )
        return book

    async def fetch_order_book_snapshot(self, client: Any, message: Any, subscription: Any) -> None:
        market_id = self.market(subscription["symbol"])["id"]
        if (older := self._seeds.get(market_id)) is not None:
            older.cancel()
        ours = self._seeds[market_id] = asyncio.ensure_future(
            super().fetch_order_book_snapshot(client, message, subscription)
        )
        try:
            await ours
        except KeyError:  # a failed one that was unsubscribed meanwhile: ccxt takes back what is not there
            logger.debug("the book of {} is not wanted any more", market_id)
        finally:
            if self._seeds.get(market_id) is ours:
                del self._seeds[market_id]

    async def close(self) -> None:
        seeds = tuple(self._seeds.values())
        for seed in seeds:
            seed.cancel()
        await asyncio.gather(*seeds, return_exceptions=True)
        await super().close()

    # ------------------------------------------------------------------------------------------------- for the feed

    def seeding(self) -> set[str]:
        """Symbols whose book is on its way."""
        return set(self._seeds)

    def lists(self, symbol: str) -> bool:
        """Whether the exchange lists this symbol, as of the start."""
        return symbol in (self.markets_by_id or {})

    def following(self, line: Line, symbols: list[str]) -> list[Request]:
        """What subscribes listed symbols on a connection; they must not be subscribed yet."""
        category, place = line
        if category == "public":
            return [lambda: self.watch_order_book_for_symbols(symbols)]
        requests: list[Request] = [
            lambda: self.watch_trades_for_symbols(symbols),
            lambda: self.watch_ohlcv_for_symbols(_candles(symbols)),
            lambda: self.watch_mark_prices(symbols),
        ]
        return requests + ([lambda: self.watch_liquidations_for_symbols([])] if place == 0 else [])

    def leaving(self, category: Category, symbol: str) -> list[Request]:
        """What ends the subscriptions of a symbol."""
        if category == "public":
            return [lambda: self.un_watch_order_book_for_symbols([symbol])]
        return [
            lambda: self.un_watch_trades_for_symbols([symbol]),
            lambda: self.un_watch_ohlcv_for_symbols(_candles([symbol])),
            lambda: self.un_watch_mark_prices([symbol]),
        ]

    def renewal(self, category: Category, symbol: str) -> tuple[Request, Request]:
        """What ends and what begins the stream of a symbol that always flows: its book, or its mark price."""
        if category == "public":
            return self.leaving(category, symbol)[0], lambda: self.watch_order_book_for_symbols([symbol])
        return lambda: self.un_watch_mark_prices([symbol]), lambda: self.watch_mark_prices([symbol])

    def cut(self, line: Line) -> Coroutine[Any, Any, None] | None:
        """Give a connection up without waiting for the peer; returns what closes it, None when there is none."""
        client = self.clients.pop(f"{self.get_ws_url('linear', line[0])}/{line[1]}", None)
        if client is None:
            return None
        client.error = NetworkError("given up")
        client.reject(client.error)
        closing: Coroutine[Any, Any, None] = client.close()
        return closing

    def forget_book(self, symbol: str) -> None:
        """Drop the book of a symbol, and ccxt's belief that it is subscribed."""
        if self.lists(symbol):
            name = self.market(symbol)["symbol"]
            self._last_ids.pop(name, None)
            self.orderbooks.pop(name, None)
            self._unsubscribed(f"orderbook::{name}")

    def forget_heartbeat(self, category: Category, symbol: str) -> None:
        """Drop ccxt's belief that the stream of a `renewal` is subscribed."""
        if category == "public":
            self.forget_book(symbol)
        else:
            self._unsubscribed(f"markPrice:markPrice@{self.market(symbol)['symbol']}")

    def _unsubscribed(self, name: str) -> None:
        for client in self.clients.values():
            client.subscriptions.pop(name, None)
            client.rejections.pop(name, None)

    def _guarded(self, client: Any, take: Callable[[Any], None], data: Any) -> None:
        # An exception here would end ccxt's receive loop and leave the connection open: nobody would notice.
        self._reader.on_alive(_whose(client.url))
        try:
            take(data)
        except Exception as error:  # noqa: BLE001  # whatever ccxt makes of a strange frame
            self._notices.warn("malformed frame", describe(error))

    @contextmanager
    def _losing(self, client: Any, why: str, *, dialled: bool) -> Iterator[None]:
        ours = self.clients.get(client.url) is client
        yield
        if ours:
            self._reader.on_down(_whose(client.url), why, dialled=dialled)

    def _difference(self, client: Any, frame: dict[str, Any]) -> None:
        market = self.markets_by_id[frame["s"]][0]
        name, update_id = market["symbol"], int(frame["u"])
        last_id, seeded = self._last_ids.get(name), name in self.orderbooks
        if last_id is not None and int(frame["pu"]) != last_id:
            self._lose(market["id"], "gap")
            return
        super().handle_message(client, frame)
        book = self.orderbooks.get(name)
        if book is not None and book["nonce"] == update_id:
            self._last_ids[name] = update_id
            self._show(market["id"], name, book, int(frame["E"]))
        elif book is None and seeded:  # ccxt gave it up
            self._lose(market["id"], "gap")

    def _show(self, market_id: str, name: str, book: Any, ts_ms: int) -> None:
        bids, asks = _top(book["bids"]), _top(book["asks"])
        floor, ceiling = self._known.get(name, (0.0, inf))
        if len(book["bids"]) > SEED_LEVELS:
            book["bids"].limit()
            floor = max(floor, book["bids"][-1][0])
        if len(book["asks"]) > SEED_LEVELS:
            book["asks"].limit()
            ceiling = min(ceiling, book["asks"][-1][0])
        self._known[name] = floor, ceiling
        if (bids and bids[-1][0] < floor) or (asks and asks[-1][0] > ceiling):
            self._lose(market_id, "beyond the seed")
            return
        self._reader.on_book(Depth(symbol=market_id, ts_ms=ts_ms, bids=bids, asks=asks))

    def _lose(self, market_id: str, kind: str) -> None:
        self._notices.warn(f"order book {kind}", f"{market_id}: seeded again")
        self.forget_book(market_id)
        self._reader.on_gap(market_id)


def _whose(url: str) -> Line:
    category, _, place = url.rsplit("/", 3)[1:]
    return ("public" if category == "public" else "market"), int(place)


def _candles(symbols: list[str]) -> list[list[str]]:
    return [[symbol, interval] for symbol in symbols for interval in INTERVAL_MS]


def _top(side: Any) -> Levels:
    return tuple([(float(price), float(quantity)) for price, quantity in side[:SHOWN_LEVELS]])
