"""Base of everything decoded that holds money: what is no number is no answer."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct


class Exact(Struct, frozen=True):
    """Refuses NaN and infinity, which Decimal would take; a decoder raises ValidationError for it."""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, Decimal) and not value.is_finite():
                raise ValueError(f"{name} is {value}")
