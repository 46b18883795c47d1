"""Brings a market that happens now into the exchange: as it arrives, and nothing while it does not."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Sequence

import msgspec
from loguru import logger
from msgspec import Struct

from vortex.sim.core.market import BookEvent
from vortex.sim.market.listing import listed
from vortex.sim.market.live import LiveSource, candles_of, points_of, streams_of
from vortex.sim.market.wire import Contract, Frames
from vortex.sim.server.peer import Peer, PeerError, PublicClient
from vortex.sim.server.venue import Venue

HISTORY = {"1m": 1_500, "15m": 500}
PERIODS = {"5m": 300_000, "1h": 3_600_000}
_RATIOS = ("globalLongShortAccountRatio", "topLongShortAccountRatio", "topLongShortPositionRatio")
POSITIONING = (*_RATIOS, "openInterestHist")
POLL_S, POLL_AGAIN_S = 120.0, 30.0
"""Seconds between two looks at the positioning; the second after one that failed."""
RETRY_S = 5.0
WATCH_S = 1.0
SILENT_MS = 5_000
"""A symbol without a book for so long takes no new order."""


class _ExchangeInfo(Struct):
    symbols: list[Contract]


async def contracts(peer: Peer) -> dict[str, Contract]:
    """What an exchange lists. Raises PeerError."""
    async with PublicClient(peer) as client:
        body = await client.get("/fapi/v1/exchangeInfo")
    try:
        return {contract.symbol: contract for contract in msgspec.json.decode(body, type=_ExchangeInfo).symbols}
    except msgspec.DecodeError as error:
        raise PeerError(f"exchangeInfo: {error}") from error


def open_live(peer: Peer, symbols: Sequence[str]) -> LiveSource:
    """A source for the present market of these symbols; asks once which filters they have, and waits for the answer.

    Raises:
        ValueError: A symbol that is not traded there.
        OSError: No answer, or not a usable one.
    """
    found = asyncio.run(contracts(peer))
    missing = [symbol for symbol in symbols if symbol not in found or found[symbol].status != "TRADING"]
    if missing:
        raise ValueError(f"live market at {peer.rest}: not traded there: {', '.join(missing)}")
    return LiveSource(listed(found[symbol]) for symbol in symbols)


class Relay:
    """Moves one live source into a venue; `run` it until cancelled."""

    def __init__(self, peer: Peer, source: LiveSource, venue: Venue) -> None:
        self._peer = peer
        self._source = source
        self._venue = venue
        self._symbols = [spec.symbol for spec in source.specs]
        self._frames = Frames()
        self._heard_ms = dict.fromkeys(self._symbols, venue.clock.now_ms())
        self._faults: Counter[str] = Counter()
        self._gap = asyncio.Event()

    async def run(self) -> None:
        """What can be asked for first, so that whoever sees the first book can ask for it too; then all at once."""
        public, market = streams_of(self._symbols)
        async with PublicClient(self._peer) as client, asyncio.TaskGroup() as group:
            await self._read_history(client)
            known = await self._read_positioning(client)
            group.create_task(client.listen("public", public, on_frame=self._take, on_up=lambda: None))
            group.create_task(client.listen("market", market, on_frame=self._take, on_up=self._gap.set))
            group.create_task(self._fill_gaps(client))
            group.create_task(self._poll(client, known=known))
            group.create_task(self._watch())

    def _take(self, body: bytes) -> None:
        now_ms = self._venue.clock.now_ms()
        try:
            symbol, _, message = self._frames.decode(body)
            event = self._source.take(symbol, message, now_ms)
        except (msgspec.DecodeError, ValueError, ArithmeticError) as problem:
            self._fault(str(problem))
            return
        if event is None:
            return
        if isinstance(event, BookEvent):
            self._heard_ms[symbol] = now_ms
            if symbol in self._venue.silent:
                self._venue.silent.discard(symbol)
                logger.info("live market of {} is heard", symbol)
        self._venue.arrive(event)

    def _fault(self, what: str) -> None:
        self._faults[what] += 1
        if self._faults[what].bit_count() == 1:  # the first, the second, the fourth ...
            logger.warning("live market: {} ({} times)", what, self._faults[what])

    # --------------------------------------------------------------------------------------------- what is asked for

    async def _fill_gaps(self, client: PublicClient) -> None:
        """Candles that closed while nothing was heard are asked for."""
        while True:
            await self._gap.wait()
            self._gap.clear()
            await self._read_history(client)

    async def _read_history(self, client: PublicClient) -> None:
        """Ask until every candle is there."""
        missing = [(symbol, interval) for symbol in self._symbols for interval in HISTORY]
        while missing:
            missing = [one for one in missing if not await self._tried(self._read_candles(client, *one))]
            if missing:
                await asyncio.sleep(RETRY_S)

    async def _read_candles(self, client: PublicClient, symbol: str, interval: str) -> None:
        body = await client.get("/fapi/v1/klines", symbol=symbol, interval=interval, limit=HISTORY[interval])
        self._source.add_candles(candles_of(body, symbol, interval, self._venue.clock.now_ms()))

    async def _poll(self, client: PublicClient, *, known: bool) -> None:
        while True:
            await asyncio.sleep(POLL_S if known else POLL_AGAIN_S)
            known = await self._read_positioning(client)

    async def _read_positioning(self, client: PublicClient) -> bool:
        """Ask once for all symbols and tell whether all answered; what did not answer stays as it was."""
        tries = [await self._tried(self._read_points(client, s, period)) for s in self._symbols for period in PERIODS]
        return all(tries)

    async def _read_points(self, client: PublicClient, symbol: str, period: str) -> None:
        params: dict[str, str | int] = {"symbol": symbol, "period": period, "limit": 500}
        bodies = [await client.get(f"/futures/data/{name}", **params) for name in POSITIONING]
        self._source.set_sentiment(symbol, PERIODS[period], points_of(*bodies))

    async def _tried(self, work: Awaitable[None]) -> bool:
        try:
            await work
        except (PeerError, msgspec.DecodeError) as problem:
            self._fault(str(problem))
            await asyncio.sleep(getattr(problem, "retry_after_s", 0.0))
            return False
        return True

    async def _watch(self) -> None:
        """Mark the symbols of which nothing is heard."""
        while True:
            now_ms = self._venue.clock.now_ms()
            for symbol, heard_ms in self._heard_ms.items():
                if now_ms - heard_ms > SILENT_MS and symbol not in self._venue.silent:
                    self._venue.silent.add(symbol)
                    logger.warning("live market of {} is silent", symbol)
            await asyncio.sleep(WATCH_S)
