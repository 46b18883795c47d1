"""What the simulator is told to do: to the market, to conditional orders, and as a person in the exchange's own app.

The JSON form of each is its fields plus `do`, its tag. Decimals are exact, durations are milliseconds of the exchange's
clock.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from vortex.domain.order import Side

ForMs: TypeAlias = Annotated[int, Meta(gt=0, le=86_400_000)]
Positive: TypeAlias = Decimal
"""Above zero; checked by the core, which answers ValueError."""


class Command(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="do"):
    """Base of all of them: about one symbol."""

    symbol: str


# ---------------------------------------------------------------------------------------------------------- the market


class MovePrice(Command, frozen=True, kw_only=True, tag="price"):
    """From now on the market goes on around this price, as if it had jumped there."""

    to: Positive


class Shock(Command, frozen=True, kw_only=True, tag="shock"):
    """The market moves by this many basis points (negative: down), evenly over this time, and stays there."""

    bps: Decimal
    over_ms: Annotated[int, Meta(ge=0, le=86_400_000)]


class Freeze(Command, frozen=True, kw_only=True, tag="freeze"):
    """No market data for this long; the market goes on unseen and is seen again afterwards."""

    for_ms: ForMs


class Cross(Command, frozen=True, kw_only=True, tag="crossed"):
    """Books are crossed, best bid above best ask, for this long."""

    for_ms: ForMs


class Empty(Command, frozen=True, kw_only=True, tag="empty"):
    """Both sides of the book are empty for this long."""

    for_ms: ForMs


class Burst(Command, frozen=True, kw_only=True, tag="burst"):
    """For this long there are so many times the usual trades and books; candles do not count what is added."""

    factor: Annotated[int, Meta(ge=2, le=1_000)]
    for_ms: ForMs


class Outrun(Command, frozen=True, kw_only=True, tag="outrun"):
    """Others are quicker: the next market order finds only this quantity, 0 for nothing, and its rest expires."""

    quantity: Decimal


class ChangeStatus(Command, frozen=True, kw_only=True, tag="status"):
    """The contract's status; orders of any other than TRADING are refused as the exchange refuses them."""

    to: Literal["TRADING", "SETTLING", "BREAK"]


class ChangeFilter(Command, frozen=True, kw_only=True, tag="filter"):
    """The contract's tick size from now on."""

    tick_size: Positive


class SetFunding(Command, frozen=True, kw_only=True, tag="funding"):
    """Settle funding at this rate now, and show it as the present one."""

    rate: Decimal


class ForceAdl(Command, frozen=True, kw_only=True, tag="adl"):
    """Auto-deleverage this much of the position, at the mark price."""

    quantity: Positive


MarketCommand: TypeAlias = (
    MovePrice | Shock | Freeze | Cross | Empty | Burst | Outrun | ChangeStatus | ChangeFilter | SetFunding | ForceAdl
)


# ------------------------------------------------------------------------------------------------- conditional orders


class StickTriggering(Command, frozen=True, kw_only=True, tag="stuck_triggering"):
    """The symbol's stop becomes TRIGGERING, now, and stays so: no order comes of it."""


class Vanish(Command, frozen=True, kw_only=True, tag="vanish"):
    """The symbol's stop is gone without an event: not found, not listed."""


class RejectOnTrigger(Command, frozen=True, kw_only=True, tag="reject_on_trigger"):
    """The symbol's stop will be REJECTED when it triggers."""


class ExpireAlgo(Command, frozen=True, kw_only=True, tag="expire"):
    """The exchange ends the symbol's stop: EXPIRED, with an event."""


AlgoCommand: TypeAlias = StickTriggering | Vanish | RejectOnTrigger | ExpireAlgo


# ------------------------------------------------------------------------------------------------------------ a person


class PersonOpens(Command, frozen=True, kw_only=True, tag="open"):
    """A market order that opens (or flips) a position."""

    side: Side
    quantity: Positive


class PersonIncreases(Command, frozen=True, kw_only=True, tag="increase"):
    """A market order in the direction of the position."""

    quantity: Positive


class PersonCloses(Command, frozen=True, kw_only=True, tag="close"):
    """A reduce-only market order for the whole position."""


class PersonCancelsStop(Command, frozen=True, kw_only=True, tag="cancel_stop"):
    """The resting stop is cancelled."""


class PersonChangesLeverage(Command, frozen=True, kw_only=True, tag="leverage"):
    """The symbol's leverage, with or without a position."""

    leverage: Annotated[int, Meta(ge=1, le=125)]


UserCommand: TypeAlias = PersonOpens | PersonIncreases | PersonCloses | PersonCancelsStop | PersonChangesLeverage

CoreCommand: TypeAlias = MarketCommand | AlgoCommand | UserCommand
