"""What the exchange was a little while ago, for questions that are answered late.

What still changed of a symbol is kept as it was after each change of it, encoded; what is final since is still there
and only has to be cut off. Kept are KEPT_MS milliseconds, and of each symbol MOST changes; a question about an earlier
time is answered as of the oldest one.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import TypeAlias

import msgspec
from msgspec import Struct

from vortex.sim.core.account import Account, Position, Present, SymbolSetting
from vortex.sim.core.types import SimAlgo, SimOrder

KEPT_MS = 120_000
MOST = 1_000


class SymbolPart(Struct, frozen=True, kw_only=True, array_like=True):
    """What still changes of one symbol; open orders by their number in the history."""

    position: Position | None
    setting: SymbolSetting | None
    orders: dict[int, SimOrder]
    algos: dict[int, SimAlgo]


class CommonPart(Struct, frozen=True, kw_only=True, array_like=True):
    """What still changes of the account as a whole; how long each part of the history is."""

    wallet: Decimal
    dual_side: bool
    multi_assets: bool
    lengths: dict[str, int]


_States: TypeAlias = deque[tuple[int, bytes]]
_NOTHING = SymbolPart(position=None, setting=None, orders={}, algos={})
_SYMBOL = msgspec.msgpack.Decoder(SymbolPart)
_COMMON = msgspec.msgpack.Decoder(CommonPart)


class Memory:
    """States by the time from which on they held."""

    def __init__(self, common: CommonPart) -> None:
        self._common: _States = deque(maxlen=MOST)
        self._symbols: dict[str, _States] = {}
        self.keep(0, common, {})

    def keep(self, now_ms: int, common: CommonPart, symbols: dict[str, SymbolPart]) -> None:
        """Remember what holds from now on; the last one of a millisecond counts."""
        _append(self._common, now_ms, common)
        for symbol, part in symbols.items():
            if symbol not in self._symbols:  # before its first change there was nothing of it
                self._symbols[symbol] = deque([(0, msgspec.msgpack.encode(_NOTHING))], MOST)
            _append(self._symbols[symbol], now_ms, part)

    def as_of(self, ts_ms: int) -> Present:
        """What still changed then."""
        common = _COMMON.decode(_at(self._common, ts_ms))
        parts = {symbol: _SYMBOL.decode(_at(states, ts_ms)) for symbol, states in self._symbols.items()}
        account = Account(
            wallet=common.wallet,
            dual_side=common.dual_side,
            multi_assets=common.multi_assets,
            settings={symbol: part.setting for symbol, part in parts.items() if part.setting is not None},
            positions={symbol: part.position for symbol, part in parts.items() if part.position is not None},
        )
        orders = [row for part in parts.values() for row in part.orders.items()]
        algos = [row for part in parts.values() for row in part.algos.items()]
        return Present(account=account, orders=dict(sorted(orders)), algos=dict(sorted(algos)), lengths=common.lengths)


def _append(states: _States, now_ms: int, state: SymbolPart | CommonPart) -> None:
    if states and states[-1][0] == now_ms:
        states.pop()
    states.append((now_ms, msgspec.msgpack.encode(state)))
    while len(states) > 1 and states[1][0] < now_ms - KEPT_MS:
        states.popleft()


def _at(states: _States, ts_ms: int) -> bytes:
    """The newest that is not newer, or the oldest there is."""
    return next((state for since_ms, state in reversed(states) if since_ms <= ts_ms), states[0][1])
