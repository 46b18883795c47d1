"""The Exchange port: orders and queries over REST, each answered by exactly one message, and the user stream."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from loguru import logger
from msgspec.structs import replace

from vortex.adapters.binance.budget import Budget
from vortex.adapters.binance.calls import Calls
from vortex.adapters.binance.client import Client, Credentials
from vortex.adapters.binance.errors import FAILURES, NotSent, classify, describe
from vortex.adapters.binance.fees import Fees
from vortex.adapters.binance.hosts import Hosts
from vortex.adapters.binance.loop import NetworkLoop
from vortex.adapters.binance.user_stream import UserStream
from vortex.domain.order import Done, ExchangeRequest, OrderReport, Outcome, PlaceOrder, Refused, Unknown
from vortex.messages import ExchangeReplied, Recipient
from vortex.ports import Clock, Usage

T = TypeVar("T")
CLOCK_EVERY_MS = 60_000
OUTSIDE_WINDOW = -1021
_STARTUP_TIMEOUT_S = 15.0
_EXPECTED = (NotSent, *FAILURES)
"""And what a bad request raises; anything else is our own mistake and is logged as such."""


class BinanceExchange:
    """Binance USD-M behind the Exchange port. Every socket lives in the given loop; `tell` is called from its thread.

    No request waits for another one: how many are under way at once is up to whoever sends them.

    Args:
        loop: A started loop; it outlives this object.
        hosts: Where to connect.
        credentials: The account's keys.
        clock: Our clock, of timeouts and receipts; requests are signed with the exchange's, as measured against it.
        budget: What the host counted, shared with whatever else reads from it; by default its own.
        fees: What the account's fees are worth, as far as that is known already; by default nothing is.
    """

    def __init__(
        self,
        loop: NetworkLoop,
        hosts: Hosts,
        credentials: Credentials,
        clock: Clock,
        budget: Budget | None = None,
        fees: Fees | None = None,
    ) -> None:
        self._loop = loop
        self._clock = clock
        self._budget = budget or Budget(clock)
        self._client = Client(hosts, clock, self._budget, credentials)
        self._fees = fees or Fees(clock)
        self._calls = Calls(self._client, clock, self._fees)
        self._user_stream = UserStream(loop, self._client, hosts, clock, self._on_user_event)
        self._recipient: Recipient | None = None
        self._pending: set[asyncio.Task[Any]] = set()
        self._clock_checked = asyncio.Event()
        self._checking: asyncio.Task[None] | None = None
        self._stopped = False

    def start(self, recipient: Recipient) -> None:
        self._recipient = recipient
        self._loop.call(self._open)

    def send(self, request: ExchangeRequest, timeout_ms: int) -> None:
        sent_ms = self._clock.now_ms()
        if not self._stopped:
            try:
                self._loop.call(self._begin, request, timeout_ms, sent_ms)
            except RuntimeError:
                logger.info("the network loop has ended: {} not sent", type(request).__name__)
            else:
                return
        self._reply(request, sent_ms, Unknown(text="the adapter is stopped: not sent"))

    def usage(self) -> Usage:
        return self._budget.usage()

    def list_symbols(self) -> frozenset[str]:
        """Symbols of the USDT perpetuals, also of those that do not trade now; blocks, for start-up.

        Raises:
            OSError: When the exchange does not answer.
        """
        return self._ask(self._calls.listed())

    def stop(self) -> None:
        """Answer what is under way with Unknown, close the sockets; blocks until done, harmless when repeated."""
        if self._stopped:
            return
        self._stopped = True
        self._loop.finish(self._close(), "exchange adapter")

    # ------------------------------------------------------------------------------------------ in the loop's thread

    def _open(self) -> None:
        self._track(self._loop.spawn(self._keep_clock(), "clock check"))
        self._track(self._loop.spawn(self._user_stream.run(), "user stream"))
        self._track(self._loop.spawn(self._fees.keep(self._client), "prices of fees"))

    def _begin(self, request: ExchangeRequest, timeout_ms: int, sent_ms: int) -> None:
        task = self._loop.spawn(self._outcome(request, timeout_ms), type(request).__name__)
        self._track(task)
        # In the callback, not in the coroutine: a task cancelled before its first step never runs its own code.
        task.add_done_callback(lambda done: self._reply(request, sent_ms, _outcome_of(done)))

    async def _outcome(self, request: ExchangeRequest, timeout_ms: int) -> Outcome:
        heard = self._user_stream.heard  # before it leaves: news often overtake the reply
        try:
            async with asyncio.timeout(self._clock.real_s(timeout_ms)):
                await self._clock_checked.wait()
                value = await self._calls.perform(request)
        except TimeoutError:
            return Unknown(text=f"no answer within {timeout_ms} ms")
        except _EXPECTED as error:
            outcome = classify(error)
            level = "INFO" if isinstance(outcome, Refused) else "WARNING"  # a refusal is an answer; the actor judges it
            logger.log(level, "{} {}: {}", type(request).__name__, _identity(request), describe(error))
            if isinstance(outcome, Refused) and outcome.code == OUTSIDE_WINDOW:
                self._check_clock_soon()
            return outcome
        if isinstance(request, PlaceOrder):
            self._user_stream.expect_news(heard)
        return Done(value=value)

    def _reply(self, request: ExchangeRequest, sent_ms: int, outcome: Outcome) -> None:
        if self._recipient is None:
            logger.error("{} answered before start: {}", type(request).__name__, outcome)
            return
        self._recipient.tell(ExchangeReplied(request=request, outcome=outcome, sent_ms=sent_ms))

    def _on_user_event(self, event: object) -> None:
        if isinstance(event, OrderReport):
            event = self._calls.remember(self._in_usdt(event))
        self._tell(event)

    def _in_usdt(self, report: OrderReport) -> OrderReport:
        if report.fill is None:
            return report
        (fill,) = self._fees.in_usdt((report.fill,))
        return replace(report, fill=fill)

    def _tell(self, message: object) -> None:
        if self._recipient is not None:
            self._recipient.tell(message)

    async def _keep_clock(self) -> None:
        while True:
            await asyncio.wait({self._check_clock_soon()})
            await asyncio.sleep(self._clock.real_s(CLOCK_EVERY_MS))
            await self._budget.silence_over()

    def _check_clock_soon(self) -> asyncio.Task[None]:
        """One measurement at a time, however many requests were refused for their time."""
        if self._checking is None or self._checking.done():
            self._checking = self._loop.spawn(self._check_clock(), "clock check")
            self._track(self._checking)
        return self._checking

    async def _check_clock(self) -> None:
        try:
            measured = await self._client.read_clock()
        except _EXPECTED as error:
            logger.warning("the exchange's clock could not be read: {}", describe(error))
        else:
            self._tell(measured)
        self._clock_checked.set()

    async def _close(self) -> None:
        pending = tuple(self._pending)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        await self._client.close()

    def _track(self, task: asyncio.Task[Any]) -> None:
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    def _ask(self, coroutine: Coroutine[Any, Any, T]) -> T:
        try:
            return self._loop.run(coroutine, _STARTUP_TIMEOUT_S)
        except _EXPECTED as error:
            raise OSError(f"the exchange does not answer: {describe(error)}") from None


def _outcome_of(task: asyncio.Task[Outcome]) -> Outcome:
    if task.cancelled():
        return Unknown(text="the adapter was stopped before the answer came")
    error = task.exception()
    return task.result() if error is None else classify(error)


def _identity(request: ExchangeRequest) -> str:
    return str(getattr(request, "client_id", None) or getattr(request, "symbol", ""))
