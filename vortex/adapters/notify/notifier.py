"""The thread between trading and people: whoever tells it something never waits, whatever receivers do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from queue import Empty, Full, Queue
from typing import Any

from loguru import logger

from vortex.adapters.notify.post import Post, Way
from vortex.domain.notify.kinds import Kind, Notification
from vortex.domain.notify.teller import Teller
from vortex.messages import AccountChanged, EntryFailed, PositionClosed, PositionOpened, PositionProtected
from vortex.ports import Clock
from vortex.queries import GateReport, OutboxStatus

MOST_HEARD = 1_000
"""Messages that wait for the thread; what comes when there are so many is dropped and counted."""
TICK_S = 0.25


class Notifier:
    """Hears messages from any thread, tells people on a thread of its own.

    Args:
        teller: Decides what is told.
        ways: Where it goes.
        label: Begins every text: which run this is.
        clock: The injected clock.
        mask: Takes secrets out of a text: an error that is told may quote one.
        keep: Called after changes, on the notifier's thread, so that the day's figures outlive the process.
    """

    def __init__(
        self,
        teller: Teller,
        ways: Sequence[Way],
        *,
        label: str,
        clock: Clock,
        keep: Callable[[], object],
        mask: Callable[[str], str] = str,
    ) -> None:
        self._mask = mask
        self._teller, self._label, self._clock, self._keep = teller, label, clock, keep
        self._posts = [Post(way) for way in ways]
        self._heard: Queue[object] = Queue(MOST_HEARD)
        self._dropped = 0
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="notifier", daemon=True)
        self._handlers: Mapping[type, Callable[[Any, int], object]] = {
            Notification: teller.hear,
            PositionOpened: lambda message, now_ms: teller.opened(message.trade, now_ms),
            PositionProtected: self._on_protected,
            PositionClosed: self._on_closed,
            EntryFailed: lambda *_: None,  # it is in the ledger; nothing was open
            AccountChanged: lambda message, now_ms: teller.account(message.view, now_ms),
            GateReport: lambda message, now_ms: teller.gates(message.closed, message.symbols, now_ms),
            OutboxStatus: self._on_outbox,
        }

    def tell(self, message: object) -> None:
        """Take a message from any thread, without ever waiting; what does not fit is dropped and counted."""
        try:
            self._heard.put_nowait(message)
        except Full:
            self._dropped += 1

    def start(self) -> None:
        self._thread.start()

    def close(self, timeout_s: float) -> None:
        """Send what there is, for at most this long (real seconds)."""
        self._ending.set()
        self.tell(None)
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            logger.warning("notifications were still under way at the end, {} are lost", sum(map(len, self._posts)))

    def _run(self) -> None:
        while not self._ending.is_set():
            self._listen()
            self._round(self._teller.take(self._clock.now_ms()))
        self._listen()
        self._round(self._teller.flush(self._clock.now_ms()))

    def _listen(self) -> None:
        """Hear what there is; wait a little when there is nothing."""
        try:
            message = self._heard.get(timeout=TICK_S)
            while True:
                self._hear(message)
                message = self._heard.get_nowait()
        except Empty:
            pass

    def _hear(self, message: object) -> None:
        if message is None:
            return
        handler = self._handlers.get(type(message))
        if handler is None:
            logger.error("the notifier does not know a {}", type(message).__name__)
            return
        try:
            handler(message, self._clock.now_ms())
        except Exception:  # noqa: BLE001  # one message less; the next one is told
            logger.exception("the notifier could not handle a {}", type(message).__name__)

    def _round(self, notifications: Sequence[Notification]) -> None:
        for notification in (*notifications, *self._losses()):
            for post in self._posts:
                post.add(f"{self._label}\n{self._mask(str(notification))}")
        if notifications:
            self._keep()
        for post in self._posts:
            post.deliver(time.monotonic())

    def _losses(self) -> list[Notification]:
        dropped, self._dropped = self._dropped, 0
        if not dropped:
            return []
        logger.warning("{} messages came faster than they could be told, and were dropped", dropped)
        text = f"{dropped} messages came faster than they could be told: look at vortex status"
        return [Notification(kind=Kind.OPERATION, text=text)]

    def _on_protected(self, message: PositionProtected, now_ms: int) -> None:
        self._teller.guarded(message.trade_id, message.symbol, now_ms, protected=message.protected)

    def _on_closed(self, message: PositionClosed, now_ms: int) -> None:
        fills = message.entry_fills, message.exit_fills
        self._teller.closed(message.trade, *fills, message.reason, message.funding_usdt, now_ms)

    def _on_outbox(self, status: OutboxStatus, now_ms: int) -> None:
        self._teller.outbox(status.pending, status.oldest_ms, status.parked, now_ms)
