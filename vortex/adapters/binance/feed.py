"""The MarketFeed port: Binance's combined streams read by ourselves, plus polled sentiment and candle history."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from vortex.adapters.binance.base_feed import BaseFeed
from vortex.adapters.binance.errors import describe
from vortex.adapters.binance.markets import MARK
from vortex.adapters.binance.route import Route
from vortex.adapters.binance.spread import Spread
from vortex.adapters.binance.wire import DEPTH, decode_market

PUBLIC_STREAMS = ("depth20@100ms",)
MARKET_STREAMS = ("aggTrade", "kline_1m", "kline_15m", "markPrice@1s", "forceOrder")


class BinanceFeed(BaseFeed):
    """Decodes each frame once, into the values it becomes. Every frame has a whole book: a gap costs one step."""

    _books: Spread
    _rest: Spread

    def _open(self) -> None:
        self._books = Spread(PUBLIC_STREAMS, self._connecting("public", self._hosts.public_stream, self._markets.reset))
        self._rest = Spread(MARKET_STREAMS, self._connecting("market", self._hosts.market_stream, lambda _: None))

    def _join(self, symbol: str) -> None:
        self._books.add(symbol)
        self._rest.add(symbol)

    def _leave(self, symbol: str) -> None:
        self._books.remove(symbol)
        self._rest.remove(symbol)

    def _check(self) -> None:
        # One silent symbol must not cost the others their connection: its stream alone is subscribed again.
        self._books.renew(self._markets.silent(self._books.flowing(), DEPTH), "depth20@100ms")
        self._rest.renew(self._markets.silent(self._rest.flowing(), MARK), "markPrice@1s")

    async def _shut(self) -> None:
        """Connections end with their tasks."""

    def _connecting(
        self, name: str, address: Callable[[tuple[str, ...]], str], on_gap: Callable[[Iterable[str]], None]
    ) -> Callable[[int, Callable[[], Iterable[str]]], Route]:
        def connect(number: int, symbols: Callable[[], Iterable[str]]) -> Route:
            route = Route(
                name=f"{name} streams {number}", loop=self._loop, clock=self._clock, address=address,
                on_frame=self._on_frame, on_gap=lambda: on_gap(symbols()), check=self._hosts.check,
                notices=self.notices,
            )  # fmt: skip
            self._spawn(self._loop.spawn(route.run(), route.stream.name))
            return route

        return connect

    def _on_frame(self, frame: bytes) -> None:
        try:
            envelope = decode_market(frame)
            if envelope.data is not None:
                self._markets.take(envelope.data)
            elif envelope.error is not None:
                self.notices.warn("subscription refused", f"{envelope.error.code} {envelope.error.msg}")
        except (msgspec.MsgspecError, ValueError) as error:
            self.notices.warn("malformed frame", describe(error))
