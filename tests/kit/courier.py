"""A courier for virtual time: goes and comes back at once, on the thread of the one who sends it."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from vortex.adapters.courier import outcome
from vortex.adapters.sqlite.delivery import Delivery
from vortex.adapters.sqlite.outbox import open_delivery
from vortex.messages import Recipient
from vortex.ports import ColdStore


class PromptCourier:
    """Implements ports.Courier without a thread.

    Attributes:
        recipient: Who gets the answers.
        rounds: How many there were.
    """

    destination = "the ledger"

    def __init__(self, delivery: Delivery) -> None:
        self.recipient: Recipient | None = None
        self.rounds = 0
        self._delivery = delivery

    @classmethod
    def between(cls, journal: Path, store: ColdStore) -> Self:
        """From the outbox beside this journal to this store."""
        return cls(open_delivery(journal, store))

    def start(self, recipient: Recipient) -> None:
        self.recipient = recipient

    def carry(self) -> None:
        answer = outcome(self._batch)
        if self.recipient is not None:
            self.recipient.tell(answer)

    def finish(self, timeout_s: float) -> None:  # noqa: ARG002  # it takes no time here
        while outcome(self._batch).rows:
            pass

    def close(self) -> None:
        self._delivery.close()

    def _batch(self) -> int:
        self.rounds += 1
        return self._delivery.step()
