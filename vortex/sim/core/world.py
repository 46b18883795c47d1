"""Discrete-event scheduler around the exchange: what happens when, with the latencies a client of it would see.

Shared by the server, which advances it with real time, and by virtual runs, which jump from event to event. Market
events enter the core at their own time and reach the subscriber later; a request reaches the core after about half of
its latency and is answered after the rest; user events take the way back only. Nothing overtakes within its channel
(market data of a symbol, requests, replies, user events).
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias

from msgspec import Struct

from vortex.sim.core.bending import Bend, BendingCommand
from vortex.sim.core.commands import CoreCommand, SetFunding
from vortex.sim.core.events import UserEvent
from vortex.sim.core.exchange import Answer, ExchangeCore
from vortex.sim.core.market import CandleEvent, MarketEvent, MarketSource
from vortex.sim.core.types import CoreRequest, RequestRefused

OnReply: TypeAlias = Callable[[Answer | RequestRefused], None]

NEVER_MS = 2**62
"""`next_ms` when nothing will ever happen: no source and nothing under way."""


class Latency(Struct, frozen=True, kw_only=True):
    """Log-normal delays with these medians in ms and the standard deviation of their logarithm; 0 is no delay."""

    market_ms: float = 20.0
    order_ms: float = 60.0
    sigma: float = 0.25


class _Channel:
    """One ordered way: draws a delay for each message, and never delivers before an earlier one."""

    def __init__(self, median_ms: float, sigma: float, seed: str) -> None:
        self._median_ms = median_ms
        self._sigma = sigma
        self._gauss = random.Random(seed).gauss  # noqa: S311  # reproducible latency, nothing secret
        self._last_ms = 0

    def due_ms(self, sent_ms: int) -> int:
        if self._median_ms > 0:
            sent_ms += round(self._median_ms * math.exp(self._sigma * self._gauss(0.0, 1.0)))
        self._last_ms = max(self._last_ms, sent_ms)
        return self._last_ms


class World:
    """An exchange, its markets and the time between them. Single-threaded; the same seed gives the same run.

    Args:
        core: The exchange; it lists every symbol of the sources.
        sources: Each is started once, at `start_ms`.
        latency: Delays as a client sees them.
        seed: Of the latencies.
        start_ms: Epoch ms of the exchange's clock at which the markets begin.

    Attributes:
        market_sink: Called with each market event when it arrives at the client.
        user_sink: Called with each user event when it arrives at the client.
    """

    def __init__(
        self, core: ExchangeCore, sources: Sequence[MarketSource], *, latency: Latency, seed: int, start_ms: int
    ) -> None:
        self.core = core
        self.sources = tuple(sources)
        self.latency = latency
        self.market_sink: Callable[[MarketEvent], None] = _nobody
        self.user_sink: Callable[[UserEvent], None] = _nobody
        half_ms = latency.order_ms / 2
        self._markets = {
            symbol: _Channel(latency.market_ms, latency.sigma, f"{seed}/market/{symbol}") for symbol in core.specs
        }
        self._requests = _Channel(half_ms, latency.sigma, f"{seed}/requests")
        self._replies = _Channel(half_ms, latency.sigma, f"{seed}/replies")
        self._user = _Channel(half_ms, latency.sigma, f"{seed}/user")
        self._bends = {symbol: Bend(spec) for symbol, spec in core.specs.items()}
        self._source_of = {spec.symbol: source for source in self.sources for spec in source.specs}
        self._agenda: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0
        self._coming: list[tuple[int, int, MarketEvent, Iterator[MarketEvent]]] = []
        for index, source in enumerate(self.sources):
            self._pull(index, source.events(start_ms))

    def next_ms(self) -> int:
        """When the next thing is due; NEVER_MS if nothing is."""
        agenda = self._agenda[0][0] if self._agenda else NEVER_MS
        return min(agenda, self._coming[0][0]) if self._coming else agenda

    def advance(self, now_ms: int) -> None:
        """Do everything due up to and including `now_ms`, in order of time; the market moves first."""
        while (due_ms := self.next_ms()) <= now_ms:
            if self._coming and self._coming[0][0] == due_ms:
                self._move_market()
            else:
                heapq.heappop(self._agenda)[2]()

    def push(self, event: MarketEvent) -> None:
        """Let a market event of a live source happen: everything due before it, then it, seen by its readers at once.

        The way to us was its latency already. Its time must not lie before that of an earlier one.
        """
        self.advance(event.ts_ms)
        self.core.on_time(event.ts_ms)
        for shown in self._pass_on(event):
            self.core.on_market(shown)
            self.market_sink(shown)
        self._push_user_events(event.ts_ms)

    def request(self, now_ms: int, request: CoreRequest, on_reply: OnReply, *, lag_ms: int = 0) -> None:
        """Send a request; `on_reply` is called once, with the answer or the refusal, when the reply arrives.

        A question with `lag_ms` is answered as of so long before it reaches the exchange; see `ExchangeCore.execute`.
        """
        due_ms = self._requests.due_ms(now_ms)
        self._at(due_ms, lambda: self._execute(due_ms, request, on_reply, lag_ms))

    def command(self, now_ms: int, command: CoreCommand) -> None:
        """Carry out a command now. Raises ValueError, with the reason, when it cannot be obeyed."""
        self.advance(now_ms)
        bend = self._bends.get(command.symbol)
        if bend is None:
            raise ValueError(f"{command.symbol} is not listed here")
        try:
            if isinstance(command, BendingCommand):
                until_ms, shown = bend.obey(now_ms, command)
                self.core.note_command(now_ms, command)
                self._show(now_ms, shown)
                if until_ms:
                    self._at(until_ms, lambda: self._wake(until_ms, bend))
            else:
                self.core.obey(now_ms, command)
                if isinstance(command, SetFunding):
                    self._show(now_ms, bend.show_rate(now_ms, command.rate))
        finally:
            self._push_user_events(now_ms)

    def straighten(self, now_ms: int) -> None:
        """Undo what commands did to the markets, and show them as they are."""
        for bend in self._bends.values():
            bend.straighten()
            self._show(now_ms, bend.wake(now_ms))

    def history(self, symbol: str, interval: str, before_ms: int, limit: int) -> list[CandleEvent]:
        """Closed candles as the source gives them, those that commands bent as they were shown."""
        candles = self._source_of[symbol].history(symbol, interval, before_ms, limit)
        return self._bends[symbol].over(candles, interval)

    def _execute(self, now_ms: int, request: CoreRequest, on_reply: OnReply, lag_ms: int) -> None:
        answer: Answer | RequestRefused
        try:
            answer = self.core.execute(now_ms, request, lag_ms=lag_ms)
        except RequestRefused as refused:
            answer = refused
        self._at(self._replies.due_ms(now_ms), lambda: on_reply(answer))
        self._push_user_events(now_ms)

    def _move_market(self) -> None:
        ts_ms, index, event, events = heapq.heappop(self._coming)
        self._pull(index, events)
        self._arrive(ts_ms, event)

    def _arrive(self, now_ms: int, event: MarketEvent) -> None:
        """What a source says: the one place through which every market event comes."""
        self.core.on_time(now_ms)
        self._show(now_ms, self._pass_on(event))
        self._push_user_events(now_ms)

    def _pass_on(self, event: MarketEvent) -> tuple[MarketEvent, ...]:
        bend = self._bends[event.symbol]
        for number, due_ms in bend.echo_times(event):
            self._at(due_ms, self._repetition(due_ms, number, event, bend))
        return bend.pass_on(event)

    def _repetition(self, due_ms: int, number: int, event: MarketEvent, bend: Bend) -> Callable[[], None]:
        def happen() -> None:
            self._show(due_ms, bend.echo(due_ms, number, event))
            self._push_user_events(due_ms)

        return happen

    def _show(self, now_ms: int, events: Iterable[MarketEvent]) -> None:
        """Let the exchange take in what happened, and its readers after their delay."""
        for event in events:
            self.core.on_market(event)
            live = self._source_of[event.symbol].live  # then nothing on the way may fall behind what is pushed
            self._at(now_ms if live else self._markets[event.symbol].due_ms(now_ms), self._sight(event))

    def _wake(self, now_ms: int, bend: Bend) -> None:
        self._show(now_ms, bend.wake(now_ms))
        self._push_user_events(now_ms)

    def _sight(self, event: MarketEvent) -> Callable[[], None]:
        return lambda: self.market_sink(event)

    def _push_user_events(self, now_ms: int) -> None:
        for event in self.core.drain():
            self._at(self._user.due_ms(now_ms), self._delivery(event))

    def _delivery(self, event: UserEvent) -> Callable[[], None]:
        return lambda: self.user_sink(event)

    def _pull(self, index: int, events: Iterator[MarketEvent]) -> None:
        event = next(events, None)
        if event is not None:
            heapq.heappush(self._coming, (event.ts_ms, index, event, events))

    def _at(self, due_ms: int, do: Callable[[], None]) -> None:
        # The running count keeps things of the same millisecond in the order in which they were arranged.
        self._count += 1
        heapq.heappush(self._agenda, (due_ms, self._count, do))


def _nobody(_event: object) -> None:
    """The sink before anyone listens."""
