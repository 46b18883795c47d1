"""What the exchange actor must find again after a crash: trades under way, ended ones without a safe row, the epoch."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from vortex.domain.bracket import Bracket
from vortex.domain.trade import CloseReason
from vortex.ports import Journal

_BRACKET, _ENDED, _EPOCH = "bracket", "ended", "epoch"
_GONE = b""


class Ended(Struct, frozen=True, kw_only=True):
    """A trade that is over, kept until its row is safe."""

    bracket: Bracket
    reason: CloseReason
    detail: str = ""


class OrderJournal:
    """Writes through to the journal and skips what is already there. Every write is durable when it returns."""

    def __init__(self, journal: Journal, account: str) -> None:
        self._journal = journal
        self._account = account
        self._brackets: dict[str, Bracket] = {}
        self.ended: dict[str, Ended] = {}

    def load(self) -> dict[str, Bracket]:
        """Read what was under way; returns the trades by symbol."""
        decode_bracket = msgspec.json.Decoder(Bracket).decode
        decode_ended = msgspec.json.Decoder(Ended).decode
        self._brackets = {key: decode_bracket(body) for key, body in self._journal.latest(_BRACKET).items() if body}
        self.ended = {key: decode_ended(body) for key, body in self._journal.latest(_ENDED).items() if body}
        return dict(self._brackets)

    def next_epoch(self, now_ms: int) -> int:
        """Return this process's epoch: larger than any before, even when the clock went back."""
        last = int(self._journal.latest(_EPOCH).get(self._account, b"0"))
        epoch = max(last + 1, now_ms // 1000)
        self._journal.append(_EPOCH, self._account, str(epoch).encode())
        return epoch

    def keep(self, symbol: str, bracket: Bracket | None) -> None:
        """Keep the trade of a symbol as it is now; None forgets it."""
        if self._brackets.get(symbol) == bracket:
            return
        self._journal.append(_BRACKET, symbol, _GONE if bracket is None else msgspec.json.encode(bracket))
        if bracket is None:
            del self._brackets[symbol]
        else:
            self._brackets[symbol] = bracket

    def keep_ended(self, ended: Ended) -> None:
        """Keep a trade that is over until `recorded`."""
        self.ended[ended.bracket.trade_id] = ended
        self._journal.append(_ENDED, ended.bracket.trade_id, msgspec.json.encode(ended))

    def recorded(self, trade_id: str) -> None:
        """Forget a trade whose final row is safe."""
        if self.ended.pop(trade_id, None) is not None:
            self._journal.append(_ENDED, trade_id, _GONE)
