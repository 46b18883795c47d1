"""What people order of a running system: pause, resume, flatten, halt, unhalt; one symbol or all."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

from loguru import logger

from vortex.domain.operation import OperatorAction
from vortex.messages import Operate
from vortex.runtime import ActorSystem
from vortex.runtime.errors import ActorFault, ActorGone

REPLY_S = 2.0


class UnknownSymbolError(Exception):
    """Nothing of this symbol runs; `str(error)` is one line."""


class Operator:
    """Orders the exchange actor, which writes an order to disk before it answers; for threads that are no actor's.

    Args:
        system: The actors.
        symbols: The symbols that can be named.
        halt_file: Orders a halt of all symbols while it exists (`KillSwitch`); an unhalt of all removes it.
    """

    def __init__(self, system: ActorSystem, symbols: Callable[[], Collection[str]], halt_file: Path) -> None:
        self._system = system
        self._symbols = symbols
        self._halt_file = halt_file

    def order(self, action: OperatorAction, symbol: str | None, why: str) -> tuple[str, ...]:
        """Order and wait until it is on disk; the symbols concerned.

        Raises:
            UnknownSymbolError: No such symbol runs.
            ActorFault: The exchange actor is down or did not answer within 2 s; the order may still be carried out.
            OSError: The halt file cannot be removed.
        """
        if symbol is not None and symbol not in self._symbols():
            raise UnknownSymbolError(f"no symbol {symbol!r} runs")
        if action is OperatorAction.UNHALT and symbol is None:
            self._halt_file.unlink(missing_ok=True)  # before the order, or the file would halt everything again
        order = Operate(action=action, symbol=symbol, why=why)
        concerned = self._ask(order)
        if action is OperatorAction.UNHALT and (root := self._system.find("root")) is not None:
            root.tell(order)  # a tree that crashed too often is tried again at once
        return concerned

    def _ask(self, order: Operate) -> tuple[str, ...]:
        exchange = self._system.find("exchange")
        if exchange is None:
            raise ActorGone("exchange has not started")
        concerned: tuple[str, ...] = exchange.ask(order, REPLY_S)
        return concerned


class KillSwitch:
    """Halts all symbols while somebody says so outside the API: a file, or the environment at the start.

    What it ordered stays ordered: only an unhalt of all symbols ends it, which removes the file too.

    Args:
        operator: Carries the order out.
        file: Halts while it exists; a file that is written anew halts anew.
        at_start: Halt once, now.
    """

    def __init__(self, operator: Operator, file: Path, *, at_start: bool) -> None:
        self._operator = operator
        self._file = file
        self._at_start = at_start
        self._obeyed_ns: int | None = None

    def look(self) -> None:
        """Order what is due; an order that fails is due again."""
        written_ns = self._written_ns()
        if not self._at_start and written_ns in (None, self._obeyed_ns):
            return
        try:
            self._operator.order(OperatorAction.HALT, None, "VORTEX_HALT" if self._at_start else f"file {self._file}")
        except ActorFault as fault:
            logger.error("the kill switch is set but not yet obeyed: {}", fault)
            return
        self._at_start, self._obeyed_ns = False, written_ns

    def _written_ns(self) -> int | None:
        try:
            return self._file.stat().st_mtime_ns
        except OSError:  # absent; a directory that cannot be read has stopped the journal long before
            return None
