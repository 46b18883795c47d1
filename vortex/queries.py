"""What is asked from outside the actors (CLI, control API, tests), always with a timeout, and what is answered.

Questions start with Get and overtake; the other classes are their answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from msgspec import Struct

from vortex.domain.notify.watch import ClosedGate
from vortex.domain.trade import OpenTrade
from vortex.messages import GateClosed


class GetSymbolStatus(Struct, frozen=True, kw_only=True):
    """To a symbol's supervisor: its state and closed gates. Replies SymbolStatus."""

    urgent: ClassVar[bool] = True


class SymbolStatus(Struct, frozen=True, kw_only=True):
    """Answer to GetSymbolStatus; state STARTING, RECONCILING, LEAVING, HALTED, PAUSED, WARMING or READY.

    `entry_allowed` is true when every gate is open: the AND of all of them.
    """

    symbol: str
    state: str
    entry_allowed: bool
    gates: tuple[GateClosed, ...]


class GateReport(Struct, frozen=True, kw_only=True):
    """Outside to the notifier: every gate of these symbols that is closed now."""

    symbols: tuple[str, ...]
    closed: tuple[ClosedGate, ...]


class GetMirror(Struct, frozen=True, kw_only=True):
    """To hot_store: the values under these keys. Replies a dict; absent keys are absent."""

    urgent: ClassVar[bool] = True
    keys: tuple[str, ...]


class GetExplanation(Struct, frozen=True, kw_only=True):
    """To a symbol's decision: why the decision or trade of this id, None: the newest. Replies Explanation or None."""

    urgent: ClassVar[bool] = True
    id: str | None = None


class GetHypotheticals(Struct, frozen=True, kw_only=True):
    """To a symbol's decision: what its rejected signals would have made. Replies a tuple of WouldHave."""

    urgent: ClassVar[bool] = True


class GetFeedAges(Struct, frozen=True, kw_only=True):
    """To feed. Replies {symbol: {stream: time of its last message in epoch ms, or None}}."""

    urgent: ClassVar[bool] = True


class GetAccount(Struct, frozen=True, kw_only=True):
    """To account. Replies the AccountView."""

    urgent: ClassVar[bool] = True


class GetExchange(Struct, frozen=True, kw_only=True):
    """To exchange. Replies ExchangeStatus."""

    urgent: ClassVar[bool] = True


class ExchangeStatus(Struct, frozen=True, kw_only=True):
    """Answer to GetExchange; `unsettled` symbols are between orders, `trades` holds the open trade of each symbol.

    `halted` symbols take no entry until UNHALT; `flattening` ones are ordered flat and not yet confirmed to be. Until
    `silent_until_ms` the exchange asked for silence, 0 if it did not.
    """

    reconciled: bool
    user_stream_ms: int | None
    weight_used_1m: int
    orders_1m: int
    unknown_orders: int
    unsettled: tuple[str, ...]
    halted: tuple[str, ...]
    flattening: tuple[str, ...]
    trades: Mapping[str, OpenTrade]
    weight_limit_1m: int = 2_400
    orders_limit_1m: int = 1_200
    silent_until_ms: int = 0


class GetOutbox(Struct, frozen=True, kw_only=True):
    """To storage. Replies OutboxStatus."""

    urgent: ClassVar[bool] = True


class OutboxStatus(Struct, frozen=True, kw_only=True):
    """Rows that wait for the cold store: how many, since when, and how many were set aside as unwritable.

    Attributes:
        dropped_rejections: How many were ever given up because too many waited.
        paused: Why nothing is handed over until a person acts; None while it is.
    """

    pending: int
    oldest_ms: int | None
    parked: int
    dropped_rejections: int = 0
    paused: str | None = None


class HotStoreStatus(Struct, frozen=True, kw_only=True):
    """How the mirror does, asked of the store itself; `state` is OK or DEGRADED since `since_ms`.

    `lost` counts values that were to be written while they could not be; newer ones took their place afterwards.
    """

    kind: str
    state: str
    since_ms: int
    lost: int
    detail: str = ""
