"""What a desk has to say to the rest of the system about its symbol."""

from __future__ import annotations

from decimal import Decimal
from typing import TypeAlias

from msgspec import Struct

from vortex.domain.desk.bracket import Bracket
from vortex.domain.trade import CloseReason, OpenTrade


class Opened(Struct, frozen=True, kw_only=True):
    """The entry is complete."""

    trade: OpenTrade


class ProtectionChanged(Struct, frozen=True, kw_only=True):
    """The stop was confirmed or is no longer known to rest, or the exchange names another liquidation price."""

    trade_id: str
    protected: bool
    liquidation_price: Decimal | None = None


class Failed(Struct, frozen=True, kw_only=True):
    """The entry came to nothing."""

    bracket: Bracket
    reason: CloseReason
    detail: str


class Closed(Struct, frozen=True, kw_only=True):
    """The position is closed."""

    bracket: Bracket
    reason: CloseReason


class ExitFailing(Struct, frozen=True, kw_only=True):
    """This many exits left the position open, the last one for the reason in `detail`; the next one leaves now."""

    trade_id: str
    tries: int
    detail: str


class Reconciled(Struct, frozen=True, kw_only=True):
    """The first full truth about the symbol since the desk was opened."""


class Foreign(Struct, frozen=True, kw_only=True):
    """A position is there that is not ours; `amount` 0 when it has gone."""

    amount: Decimal


class Adopted(Struct, frozen=True, kw_only=True):
    """A position no trade was known for became one: it is guarded by a stop."""

    trade_id: str
    amount: Decimal


class WrittenOff(Struct, frozen=True, kw_only=True):
    """This much of a trade is given up: the exchange does not hold it, refuses every exit, and does not say why."""

    trade_id: str
    quantity: Decimal


class Rival(Struct, frozen=True, kw_only=True):
    """Another process trades this account: the order by which it showed itself."""

    client_id: str


Notice: TypeAlias = (
    Opened | ProtectionChanged | Failed | Closed | ExitFailing | Reconciled | Foreign | Adopted | Rival | WrittenOff
)
