"""The start-up canary on demand: the only thing that the examination does to an account."""

from __future__ import annotations

import time
from contextlib import ExitStack
from queue import Empty, SimpleQueue

from vortex.actors.order_journal import OrderJournal
from vortex.adapters.binance.inspection import Facts, Inspection, Unread
from vortex.adapters.sqlite.journal import SqliteJournal
from vortex.app.data_dir import AlreadyRunningError, DataDir
from vortex.app.preflight import Finding, Verdict
from vortex.app.venue import Venue
from vortex.config import Config
from vortex.domain.canary import Canary, CanaryIntent, Failed
from vortex.domain.client_id import OrderIds
from vortex.domain.order import AlgoReport, CancelOrder, OrderRole, PlaceOrder, QueryOrder
from vortex.messages import ExchangeReplied

TIMEOUT_MS = 2_000
LONGEST_S = 20.0
LOOK_S = 0.1


class _Mail:
    """Receives what the adapter tells, from its thread."""

    def __init__(self) -> None:
        self.queue: SimpleQueue[object] = SimpleQueue()

    def tell(self, message: object) -> None:
        self.queue.put(message)


def try_stops(config: Config, venue: Venue, inspection: Inspection, facts: Facts) -> Finding:
    """Place the two far stops of the start-up test on a flat symbol and see them gone.

    The data directory is taken for the while: its journal holds the ids before an order leaves, so that the next start
    takes back what a crash here may leave. Raises what using the directory and the exchange raises.
    """
    symbol = _flat(config, facts)
    if symbol is None or isinstance(facts.rules, Unread):
        return Verdict.NOT_CHECKED, "no symbol is known to be flat and tradable"
    with ExitStack() as stack:
        try:
            data_dir = DataDir.claim(config)
        except AlreadyRunningError:
            return Verdict.NOT_CHECKED, "a system runs: it has tested stops at its start"
        stack.callback(data_dir.release)
        journal = SqliteJournal(data_dir.journal, venue.clock.now_ms)
        stack.callback(journal.close)
        book = OrderJournal(journal, config.account.name, over=lambda: False)
        if (left := book.load_canary()) is not None:
            return Verdict.NOT_CHECKED, f"an earlier test on {left.symbol} was cut short: the next start clears it up"
        ids = OrderIds(config.account.name, symbol, book.next_epoch(venue.clock.now_ms()))
        first, second = ids.new()[OrderRole.STOP], ids.new()[OrderRole.STOP]
        intent = CanaryIntent(symbol=symbol, close_id=first, stop_id=second)
        canary = Canary.testing(intent, inspection.mark_price(symbol), facts.rules[symbol])
        return _judge(canary, intent, book, venue)


def _judge(canary: Canary, intent: CanaryIntent, book: OrderJournal, venue: Venue) -> Finding:
    book.keep_canary(intent)
    if not book.writable:
        return Verdict.FAILED, "the journal cannot be written"
    _run(canary, venue)
    if not canary.over:
        return Verdict.FAILED, f"{canary.symbol}: not over within {LONGEST_S:g} s: the next start clears it up"
    book.keep_canary(None)
    if isinstance(canary.verdict, Failed):
        return Verdict.FAILED, f"{canary.symbol}: {canary.verdict.detail}"
    return Verdict.OK, f"{canary.symbol}: stops are taken, shown and cancelled, nothing rests"


def _run(canary: Canary, venue: Venue) -> None:
    mail, now_ms = _Mail(), venue.clock.now_ms
    adapter = venue.exchange()
    adapter.start(mail)
    end_s = time.monotonic() + LONGEST_S
    while not canary.over and time.monotonic() < end_s:
        if (request := canary.plan(now_ms())) is not None:
            adapter.send(request, TIMEOUT_MS)
        try:
            message = mail.queue.get(timeout=LOOK_S)
        except Empty:
            continue
        if isinstance(message, ExchangeReplied) and isinstance(message.request, PlaceOrder | QueryOrder | CancelOrder):
            canary.on_reply(message.request, message.outcome, now_ms())
        elif isinstance(message, AlgoReport):
            canary.on_report(message)


def _flat(config: Config, facts: Facts) -> str | None:
    if isinstance(facts.positions, Unread) or isinstance(facts.orders, Unread) or isinstance(facts.rules, Unread):
        return None
    busy = {each.symbol for each in facts.positions} | {each.symbol for each in facts.orders}
    return next((pair for pair in config.trading_pairs if pair in facts.rules and pair not in busy), None)
