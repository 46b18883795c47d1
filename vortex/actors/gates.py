"""The gates of one symbol: every reason why it must not enter now, none of them lost, none opened by mistake."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from loguru import logger

from vortex.domain.operation import Gate
from vortex.messages import GateClosed, GateOpened

News: TypeAlias = GateClosed | GateOpened


class Gates:
    """An entry is allowed when nothing is closed.

    A gate has two sides. Whoever stands behind it closes and opens it by what he says; and it is shut while he is down
    and cannot say anything. Neither side opens what the other closed.

    Args:
        symbol: For the log.
        now_ms: The injected clock, epoch milliseconds.
        tell: Told when a gate becomes closed, and when it is open again.
    """

    def __init__(self, symbol: str, now_ms: Callable[[], int], tell: Callable[[News], None]) -> None:
        self._symbol = symbol
        self._now_ms = now_ms
        self._tell = tell
        self._said: dict[Gate, GateClosed] = {}
        self._down: dict[Gate, GateClosed] = {}

    @property
    def closed(self) -> tuple[GateClosed, ...]:
        """Every closed gate once; of two reasons the one that something is down."""
        return tuple({**self._said, **self._down}.values())

    def is_closed(self, *gates: Gate) -> bool:
        """True when any of these is closed."""
        return any(gate in self._said or gate in self._down for gate in gates)

    def close(self, closed: GateClosed) -> None:
        """Someone says that a gate is closed; the first reason stays until it is opened."""
        self._change(self._said, closed.gate, self._said.get(closed.gate, closed))

    def open(self, *gates: Gate) -> None:
        """Someone says that these are open."""
        for gate in gates:
            self._change(self._said, gate, None)

    def shut(self, gates: Iterable[Gate], detail: str) -> None:
        """Who stands behind these is down, or not fit."""
        for gate in gates:
            closed = GateClosed(gate=gate, since_ms=self._now_ms(), detail=detail)
            self._change(self._down, gate, self._down.get(gate, closed))

    def back(self, gates: Iterable[Gate], detail: str) -> None:
        """Who stands behind these is a new one: what the last one said is void, they are closed until he says open."""
        for gate in gates:
            since_ms = self._down[gate].since_ms if gate in self._down else self._now_ms()
            self._change(self._said, gate, GateClosed(gate=gate, since_ms=since_ms, detail=detail))
            self._change(self._down, gate, None)

    def _change(self, side: dict[Gate, GateClosed], gate: Gate, closed: GateClosed | None) -> None:
        """Put one side of a gate; when the gate as a whole changed, log and tell it."""
        other = self._down if side is self._said else self._said
        unchanged = gate in other or (gate in side) is (closed is not None)
        if closed is None:
            side.pop(gate, None)
        else:
            side[gate] = closed
        if unchanged:
            return
        if closed is None:
            logger.info("{}: gate {} opened", self._symbol, gate)
            self._tell(GateOpened(gate=gate))
        else:
            logger.info("{}: gate {} closed, {}", self._symbol, gate, closed.detail)
            self._tell(closed)
