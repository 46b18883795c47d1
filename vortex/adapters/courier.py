"""The way to the cold store: on a thread of its own, so that nobody waits for the network but the one who uses it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from threading import Event, Lock
from typing import TypeAlias

from loguru import logger

from vortex.adapters.sqlite.connect import StoreError
from vortex.adapters.sqlite.delivery import Delivery, DismissedError
from vortex.messages import Recipient, RowsCarried
from vortex.ports import StoreMisconfiguredError, StoreUnavailableError, UnwritableError

OpenDelivery: TypeAlias = Callable[[Callable[[], bool]], Delivery]
"""Opens a delivery that ends when told that it is dismissed. Raises StoreError."""
LOOK_S = 0.25
"""How often a courier that waits for the former one's request looks whether it is dismissed itself."""


class ThreadCourier:
    """Implements ports.Courier. Made by Couriers.

    It has its own connection to the outbox, opened when there is something to do. Once dismissed it forgets no row and
    says nothing, however late the store answers it; what it had under way is handed over again, which changes nothing.

    Args:
        open_delivery: Opens its way from the outbox to the store.
        in_flight: Held while a request is under way, by whichever courier.
        destination: What people call the store.
    """

    def __init__(self, open_delivery: OpenDelivery, in_flight: Lock, destination: str) -> None:
        self.destination = destination
        self._open = open_delivery
        self._in_flight = in_flight
        self._delivery: Delivery | None = None
        self._orders: SimpleQueue[float | None] = SimpleQueue()
        self._dismissed = Event()
        self._over = Event()
        self._recipient: Recipient | None = None

    def start(self, recipient: Recipient) -> None:
        self._recipient = recipient
        threading.Thread(target=self._live, name="courier", daemon=True).start()

    def carry(self) -> None:
        self._orders.put(None)

    def finish(self, timeout_s: float) -> None:
        self._orders.put(time.monotonic() + timeout_s)
        if not self._over.wait(timeout_s):
            logger.error("{} does not answer: it is not waited for", self.destination)
        self.dismiss()

    def dismiss(self) -> None:
        """End, if need be as soon as the store answers; nobody waits for it."""
        self._dismissed.set()
        self._orders.put(0.0)

    def _live(self) -> None:
        while (until_s := self._orders.get()) is None:
            answer = self._round()
            if self._recipient is not None and not self._dismissed.is_set():
                self._recipient.tell(answer)
        while time.monotonic() < until_s and self._round().rows:
            pass
        self._over.set()
        if self._delivery is not None:
            self._delivery.close()

    def _round(self) -> RowsCarried:
        """One request; one of a former courier that is still under way ends first."""
        while not self._dismissed.is_set():
            if self._in_flight.acquire(timeout=LOOK_S):
                try:
                    return outcome(self._batch)
                finally:
                    self._in_flight.release()
        return RowsCarried(rows=0)

    def _batch(self) -> int:
        if self._delivery is None:
            self._delivery = self._open(self._dismissed.is_set)
        return self._delivery.step()


class Couriers:
    """Makes a courier for each incarnation of the storage actor, and dismisses the one before.

    Args:
        open_delivery: Opens the way from the outbox to the store.
        destination: What people call the store.
    """

    def __init__(self, open_delivery: OpenDelivery, destination: str) -> None:
        self._open = open_delivery
        self._destination = destination
        self._in_flight = Lock()
        self._last: ThreadCourier | None = None

    def __call__(self) -> ThreadCourier:
        self.close()
        self._last = ThreadCourier(self._open, self._in_flight, self._destination)
        return self._last

    def close(self) -> None:
        """Dismiss the last one."""
        if self._last is not None:
            self._last.dismiss()


def outcome(batch: Callable[[], int]) -> RowsCarried:
    """Hand over one batch, and say in a message what came of it."""
    try:
        return RowsCarried(rows=batch())
    except StoreUnavailableError as error:
        return RowsCarried(rows=0, trouble=_words(error), retry_after_s=error.retry_after_s)
    except (StoreMisconfiguredError, StoreError) as error:
        return RowsCarried(rows=0, trouble=_words(error), for_people=True)
    except (UnwritableError, DismissedError) as error:
        return RowsCarried(rows=0, trouble=_words(error))
    except Exception as error:  # noqa: BLE001  # a defect of a store must not cost the thread, nor the row
        logger.opt(exception=error).error("the rows wait: a defect")
        return RowsCarried(rows=0, trouble=f"a defect: {_words(error)}", for_people=True)


def _words(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
