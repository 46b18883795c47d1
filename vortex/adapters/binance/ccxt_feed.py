"""The MarketFeed port read with ccxt.pro. Slower than our own reader, and with the same answers."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from math import inf
from typing import Any

import msgspec
from ccxt.base.errors import BaseError
from loguru import logger

from vortex.adapters.binance.base_feed import BaseFeed
from vortex.adapters.binance.ccxt_client import Request, StreamClient, at_place
from vortex.adapters.binance.errors import ApiError, describe
from vortex.adapters.binance.lines import CATEGORIES, Category, Line, Lines
from vortex.adapters.binance.markets import MARK, SILENT_MS
from vortex.adapters.binance.slots import Slots
from vortex.adapters.binance.wire import DEPTH, Depth, MarketFrame
from vortex.domain.indicators.flow import book_fault

STREAMS_PER_SYMBOL = 4
"""On the market route, which has the most: trades, two candles, mark price."""

GATHER_S = 0.1
"""Real seconds in which new symbols are gathered into one subscription."""

ANSWER_TIMEOUT_S = 2.0
"""Real seconds the exchange has to confirm the end of a subscription."""

RETRY_MS = 2_000.0


class CcxtFeed(BaseFeed):
    """Reads trades, candles and mark prices from ccxt's frames, and books from its order books.

    Not a single `watch_...` result is used: they are handed out at the next frame, some never. Liquidations come by one
    stream for all symbols, because ccxt cannot end those of one.
    """

    def _open(self) -> None:
        self._client = StreamClient(self._hosts, self._clock, self._public.budget, self, self.notices)
        self._lines = Lines(self._clock)
        self._slots = Slots(STREAMS_PER_SYMBOL, reserved=1)
        self._new: set[str] = set()
        self._gaps_ms: dict[str, float] = {}
        self._turn = asyncio.Lock()  # one change of subscriptions at a time: ccxt mixes up those that overlap
        self._loaded = asyncio.Event()
        self._task(self._load(), "load markets")

    def _join(self, symbol: str) -> None:
        self._slots.take(symbol)
        if not self._new:
            self._task(self._follow_new(), "subscribe")
        self._new.add(symbol)

    def _leave(self, symbol: str) -> None:
        place = self._slots.leave(symbol)
        if symbol in self._new:
            self._new.discard(symbol)
        else:
            self._task(self._unfollow(symbol, place), f"unsubscribe {symbol}")

    def _check(self) -> None:
        for line in self._lines.silent():
            closing = self._client.cut(line)
            if closing is not None:
                self._task(closing, "close a silent connection")
            if self._slots.members(line[1]):
                self.notices.warn("silent connection", f"nothing on {_name(line)}")
            self.on_down(line, "silent", dialled=True)
        self._renew("public", DEPTH)
        self._renew("market", MARK)

    async def _shut(self) -> None:
        await self._client.close()

    # ------------------------------------------------------------------------------------------- Reader, of the client

    def on_up(self, line: Line) -> None:
        self._lines.up(line)

    def on_alive(self, line: Line) -> None:
        self._lines.heard(line)

    def on_down(self, line: Line, why: str, *, dialled: bool) -> None:
        if self._stopped:
            return
        category, place = line
        symbols = self._slots.members(place)
        self.notices.warn("disconnected", f"{_name(line)}: {why}")
        if category == "public":
            self._markets.reset(symbols)
            for symbol in symbols:
                self._client.forget_book(symbol)
        delay_ms = self._lines.down(line)
        # ccxt itself waits before it dials an address again that did not answer.
        self._task(self._revive(line, delay_ms if dialled else 0.0), f"connect {_name(line)}")

    def on_raw(self, frame: dict[str, Any]) -> None:
        self._markets.take(msgspec.convert(frame, MarketFrame, strict=False))

    def on_book(self, book: Depth) -> None:
        self._markets.take(book)
        if book_fault(book.bids, book.asks) is not None:  # it would stay so: the watchdog seeds another
            self._client.forget_book(book.symbol)

    def on_gap(self, symbol: str) -> None:
        self._markets.reset([symbol])
        now_ms, last_ms = self._clock.monotonic_ms(), self._gaps_ms.get(symbol, -inf)
        self._gaps_ms[symbol] = now_ms
        if symbol in self._slots and now_ms - last_ms > SILENT_MS:  # else, again, the watchdog: seeds weigh much
            line: Line = ("public", self._slots[symbol])
            self._task(self._follow(line, [symbol]), f"seed the book of {symbol}")

    # --------------------------------------------------------------------------------------------------- subscriptions

    async def _load(self) -> None:
        while not self._loaded.is_set():
            try:
                await self._client.load_markets()
                self._loaded.set()
            except Exception as error:  # noqa: BLE001  # ccxt raises anything at a strange answer: the next one may do
                self.notices.warn("no list of markets", describe(error))
                await asyncio.sleep(self._clock.real_s(RETRY_MS))

    async def _follow_new(self) -> None:
        await asyncio.sleep(GATHER_S)
        await self._loaded.wait()
        new, self._new = self._new, set()
        for symbol in new:
            if not self._client.lists(symbol):
                self.notices.warn("unknown symbol", f"{symbol} is not listed")
        for place, symbols in self._slots.by_place(sorted(new)).items():
            await self._follow(("public", place), symbols)
            await self._follow(("market", place), symbols)

    async def _revive(self, line: Line, delay_ms: float) -> None:
        await asyncio.sleep(self._clock.real_s(delay_ms))
        await self._follow(line, [symbol for symbol in self._slots.members(line[1]) if symbol not in self._new])

    async def _follow(self, line: Line, symbols: Iterable[str]) -> None:
        async with self._turn:
            wanted = [symbol for symbol in symbols if symbol in self._slots and self._client.lists(symbol)]
            if wanted:
                await self._request(line, self._client.following(line, wanted))

    async def _unfollow(self, symbol: str, place: int) -> None:
        async with self._turn:
            if not self._client.lists(symbol):
                return
            for category in CATEGORIES:
                if self._lines.is_up((category, place)):
                    await self._end((category, place), self._client.leaving(category, symbol))
            self._client.forget_book(symbol)

    def _renew(self, category: Category, stream: str) -> None:
        # One silent symbol must not cost the others their connection: its stream alone is subscribed again.
        for place in self._lines.places(category):
            idle = self._new | self._client.seeding()
            symbols = [symbol for symbol in self._slots.members(place) if symbol not in idle]
            for symbol in self._markets.silent(symbols, stream):
                self._task(self._renew_one((category, place), symbol), f"renew {stream} of {symbol}")

    async def _renew_one(self, line: Line, symbol: str) -> None:
        async with self._turn:
            if line[0] == "public":
                self._markets.reset([symbol])
            leave, follow = self._client.renewal(line[0], symbol)
            await self._end(line, [leave])
            self._client.forget_heartbeat(line[0], symbol)
            await self._request(line, [follow])

    async def _request(self, line: Line, requests: Iterable[Request]) -> None:
        for request in requests:
            with at_place(line[1]):
                self._task(self._wait_for(request), f"subscription on {_name(line)}")
        await asyncio.sleep(0)  # the tasks begin, and ccxt notes what is subscribed

    async def _wait_for(self, request: Request) -> None:
        """Wait for an end that says nothing new: the frames tell what ccxt would, `on_down` of a lost connection."""
        try:
            await request()
        except (BaseError, ApiError) as error:
            logger.debug("a subscription ended: {}", describe(error))

    async def _end(self, line: Line, requests: Iterable[Request]) -> None:
        for request in requests:
            try:
                with at_place(line[1]):
                    async with asyncio.timeout(ANSWER_TIMEOUT_S):
                        await request()
            except (BaseError, ApiError, TimeoutError) as error:
                self.notices.warn("subscription did not end", describe(error))

    def _task(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._spawn(self._loop.spawn(work, name))


def _name(line: Line) -> str:
    return f"{line[0]} streams {line[1] + 1}"
