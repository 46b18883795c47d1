"""Gates before every symbol at once: what is wrong with our clock, our disk or our journal is wrong for all."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from loguru import logger

from vortex.actors.seat import Seat
from vortex.domain.operation import Gate
from vortex.domain.order import ClockMeasured
from vortex.messages import DiskMeasured, OutboxMeasured

CLOCK_OFFSET_MS = 500.0
"""Our clock and the exchange's may differ by this much."""
DISK_ROOM_BYTES = 64 * 2**20
"""Less free disk than this holds entries back: what they would need to write must fit."""


class CommonGates:
    """Keeps which of these gates are closed, and tells every seat.

    Args:
        seats: Everyone who is told.
        now_ms: The injected clock.
    """

    GATES = (Gate.CLOCK, Gate.DISK, Gate.JOURNAL)

    def __init__(self, seats: Callable[[], Iterable[Seat]], now_ms: Callable[[], int]) -> None:
        self._seats = seats
        self._now_ms = now_ms
        self._closed: dict[Gate, tuple[str, int]] = {}
        self._unwritable: str | None = None
        self._outbox: str | None = None

    @property
    def refusal(self) -> str | None:
        """Why nobody may enter, or None: the last word, whatever the gates of others say."""
        return next((f"{gate}: {why}" for gate, (why, _) in self._closed.items()), None)

    def clock(self, measured: ClockMeasured) -> None:
        """Our clock was compared with the exchange's."""
        far = abs(measured.offset_ms) > CLOCK_OFFSET_MS
        self._set(Gate.CLOCK, f"the exchange's clock is {measured.offset_ms:+.0f} ms from ours" if far else None)

    def disk(self, measured: DiskMeasured) -> None:
        """So much is free where journal and outbox are kept."""
        room, needed = measured.room_bytes // 2**20, DISK_ROOM_BYTES // 2**20
        short = measured.room_bytes < DISK_ROOM_BYTES
        self._set(Gate.DISK, f"{room} MiB are free, {needed} needed" if short else None)

    def journal(self, *, writable: bool) -> None:
        """The journal takes what we intend, or does not."""
        self._unwritable = None if writable else "the disk does not take it"
        self._set(Gate.JOURNAL, self._unwritable or self._outbox)

    def outbox(self, measured: OutboxMeasured) -> None:
        """The outbox, which lies beside the journal, takes rows of further trades, or does not."""
        self._outbox = measured.problem
        self._set(Gate.JOURNAL, self._unwritable or self._outbox)

    def tell(self, seat: Seat) -> None:
        """Tell one who has just come which of these gates are closed and which are open."""
        for gate in self.GATES:
            if gate in self._closed:
                why, since_ms = self._closed[gate]
                seat.close_gate(gate, why, since_ms)
            else:
                seat.open_gate(gate)

    def _set(self, gate: Gate, why: str | None) -> None:
        if (why is not None) == (gate in self._closed):
            return
        if why is None:
            del self._closed[gate]
            logger.info("gate {} is open again", gate)
        else:
            logger.error("gate {} is closed: {}", gate, why)
            self._closed[gate] = (why, self._now_ms())
        for seat in self._seats():
            self.tell(seat)
