"""Who may enter: what people, or a supervisor that gives up on a symbol, ordered, and what is left of it.

Every symbol has its own pause and its own halt; the kill switch stands above all of them. A pause of all symbols holds
those that come later, too, yet each one can be resumed alone.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from vortex.domain.operation import Gate, OperatorAction


class Hold(Struct, frozen=True, kw_only=True):
    """Why entries are held, and since when."""

    why: str
    since_ms: int


class SymbolEntries(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What holds the entries of one symbol."""

    paused: Hold | None = None
    halted: Hold | None = None


class Entries(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What holds entries, everywhere; journaled whole.

    Attributes:
        killed: The kill switch.
        newcomers: What holds a symbol that is not named in `symbols`.
    """

    killed: Hold | None = None
    newcomers: SymbolEntries = SymbolEntries()
    symbols: Mapping[str, SymbolEntries] = {}

    def holds(self, symbol: str) -> dict[Gate, Hold]:
        """The gates that are closed for this symbol."""
        own = self._of(symbol)
        gates = {Gate.KILL_SWITCH: self.killed, Gate.HALTED: own.halted, Gate.PAUSED: own.paused}
        return {gate: hold for gate, hold in gates.items() if hold is not None}

    def halted(self, symbol: str) -> bool:
        """True when the symbol is to be flat: nothing of it may be open."""
        return self.killed is not None or self._of(symbol).halted is not None

    def operated(self, action: OperatorAction, symbol: str | None, hold: Hold) -> Entries:
        """Return what holds after this order about one symbol, or all (None). The first cause of a hold stays."""
        if symbol is not None:
            own = _operated(self._of(symbol), action, hold)
            return replace(self, symbols=_told_apart({**self.symbols, symbol: own}, self.newcomers))
        if action is OperatorAction.HALT:
            return replace(self, killed=self.killed or hold)
        killed = None if action is OperatorAction.UNHALT else self.killed
        everyone = {name: _operated(own, action, hold) for name, own in self.symbols.items()}
        newcomers = _operated(self.newcomers, action, hold)
        return replace(self, killed=killed, newcomers=newcomers, symbols=_told_apart(everyone, newcomers))

    def _of(self, symbol: str) -> SymbolEntries:
        return self.symbols.get(symbol, self.newcomers)


def _told_apart(symbols: Mapping[str, SymbolEntries], newcomers: SymbolEntries) -> dict[str, SymbolEntries]:
    """Name only those symbols that differ from a newcomer."""
    return {name: own for name, own in symbols.items() if own != newcomers}


def _operated(own: SymbolEntries, action: OperatorAction, hold: Hold) -> SymbolEntries:
    match action:
        case OperatorAction.PAUSE:
            return replace(own, paused=own.paused or hold)
        case OperatorAction.RESUME:
            return replace(own, paused=None)
        case OperatorAction.HALT:
            return replace(own, halted=own.halted or hold)
        case OperatorAction.UNHALT:
            return replace(own, halted=None)
    return own  # FLATTEN closes, and holds nothing
