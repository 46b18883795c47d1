"""What the exchange actor must find again after a crash: trades under way and ended ones, held entries, the epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self, TypeVar

import msgspec
from loguru import logger
from msgspec import Struct

from vortex.domain.canary import CanaryIntent
from vortex.domain.desk.bracket import Bracket
from vortex.domain.entries import Entries
from vortex.domain.trade import CloseReason
from vortex.ports import Journal, UnwritableError

_BRACKET, _ENDED, _ACCOUNTED = "bracket", "ended", "accounted"
_ENTRIES, _EPOCH, _CANARY = "entries", "epoch", "canary"
_GONE = b""
T = TypeVar("T")


class IncarnationOverError(Exception):
    """What runs here was replaced while it hung: another one writes this journal and sends the orders now."""


class Ended(Struct, frozen=True, kw_only=True):
    """A trade that is over, kept until its row is safe."""

    bracket: Bracket
    reason: CloseReason
    detail: str = ""


class OrderJournal:
    """Writes through to the journal and skips what is already there. A write is durable when it returns, if `writable`.

    Args:
        journal: The file.
        account: The account's short name.
        over: True once the writer has been replaced by another; every write then raises IncarnationOverError.
    """

    def __init__(self, journal: Journal, account: str, over: Callable[[], bool]) -> None:
        self._journal = journal
        self._account = account
        self._over = over
        self._brackets: dict[str, Bracket] = {}
        self._accounted: dict[str, int] = {}
        self._entries = Entries()
        self._unwritten: dict[tuple[str, str], bytes] = {}
        self.ended: dict[str, Ended] = {}

    @classmethod
    def reader(cls, journal: Journal, account: str) -> Self:
        """For a look: it writes nothing."""
        return cls(journal, account, over=lambda: True)

    @property
    def writable(self) -> bool:
        """True unless something waits that the disk did not take: nothing new may be begun then."""
        return not self._unwritten

    def load(self) -> dict[str, Bracket]:
        """Read what was under way; returns the trades by symbol."""
        self._brackets = self._read(_BRACKET, Bracket)
        self.ended = self._read(_ENDED, Ended)
        return dict(self._brackets)

    def _read(self, kind: str, form: type[T]) -> dict[str, T]:
        """Everything of a kind; what cannot be read is left to what the exchange knows of it."""
        found: dict[str, T] = {}
        for key, body in self._journal.latest(kind).items():
            try:
                found[key] = msgspec.json.decode(body, type=form)
            except msgspec.DecodeError as error:
                logger.error("journal: the {} of {} cannot be read: {}", kind, key, error)
        return found

    def load_entries(self) -> Entries:
        """Read what holds entries."""
        body = self._journal.latest(_ENTRIES).get(self._account)
        self._entries = msgspec.json.decode(body, type=Entries) if body else Entries()
        return self._entries

    def keep_entries(self, entries: Entries) -> None:
        """Keep what holds entries as it is now."""
        if entries != self._entries:
            self._append(_ENTRIES, self._account, msgspec.json.encode(entries))
            self._entries = entries

    def load_accounted(self) -> dict[str, int]:
        """Read up to which execution trades that are over account for, by symbol."""
        self._accounted = self._read(_ACCOUNTED, int)
        return dict(self._accounted)

    def keep_accounted(self, symbol: str, fill_id: int) -> None:
        """Keep up to which execution the symbol's trades that are over account for."""
        if fill_id != self._accounted.get(symbol, 0):
            self._append(_ACCOUNTED, symbol, msgspec.json.encode(fill_id))
            self._accounted[symbol] = fill_id

    def load_canary(self) -> CanaryIntent | None:
        """Read the canary that was under way."""
        return self._read(_CANARY, CanaryIntent).get(self._account)

    def keep_canary(self, intent: CanaryIntent | None) -> None:
        """Keep the canary that is to begin; None forgets it."""
        self._append(_CANARY, self._account, _GONE if intent is None else msgspec.json.encode(intent))

    def next_epoch(self, now_ms: int) -> int:
        """Return this process's epoch: larger than any before, even when the clock went back."""
        last = int(self._journal.latest(_EPOCH).get(self._account, b"0"))
        epoch = max(last + 1, now_ms // 1000)
        self._append(_EPOCH, self._account, str(epoch).encode())
        return epoch

    def keep(self, symbol: str, bracket: Bracket | None) -> None:
        """Keep the trade of a symbol as it is now; None forgets it."""
        if self._brackets.get(symbol) == bracket:
            return
        self._append(_BRACKET, symbol, _GONE if bracket is None else msgspec.json.encode(bracket))
        if bracket is None:
            del self._brackets[symbol]
        else:
            self._brackets[symbol] = bracket

    def keep_ended(self, ended: Ended) -> None:
        """Keep a trade that is over until `recorded`."""
        self.ended[ended.bracket.trade_id] = ended
        self._append(_ENDED, ended.bracket.trade_id, msgspec.json.encode(ended))

    def recorded(self, trade_id: str) -> None:
        """Forget a trade whose final row is safe."""
        if self.ended.pop(trade_id, None) is not None:
            self._append(_ENDED, trade_id, _GONE)

    def waits_for_row(self, symbol: str) -> bool:
        """True while a trade of this symbol is over and its row is not safe."""
        return any(ended.bracket.plan.symbol == symbol for ended in self.ended.values())

    def retry(self) -> None:
        """Write what the disk did not take, oldest first."""
        for (kind, key), body in tuple(self._unwritten.items()):
            self._append(kind, key, body)
            if (kind, key) in self._unwritten:
                return

    def _append(self, kind: str, key: str, body: bytes) -> None:
        """Write, or keep for later: what is open is guarded on, whether or not the disk takes it."""
        if self._over():
            raise IncarnationOverError(f"{kind} {key} is not written")
        try:
            self._journal.append(kind, key, body)
        except UnwritableError as error:
            if not self._unwritten:
                logger.error("{}: no entry leaves until it can be", error)
            self._unwritten[kind, key] = body
        else:
            self._unwritten.pop((kind, key), None)
