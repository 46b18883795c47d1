"""Request parameters as the exchange reads them: from query and form alike, refused with its own codes."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from vortex.sim.core.types import RequestRefused

MAX_EXPONENT = 30
"""Of a decimal: nothing on an exchange is longer, and 1e999999 written out would be a megabyte."""


class Params:
    """Typed access by name. What is missing or malformed raises RequestRefused with code -1102."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def optional(self, name: str) -> str | None:
        return self._values.get(name) or None

    def text(self, name: str) -> str:
        value = self.optional(name)
        if value is None:
            raise _malformed(name)
        return value

    def optional_integer(self, name: str) -> int | None:
        value = self.optional(name)
        if value is None:
            return None
        try:
            return int(value)
        except ValueError:
            raise _malformed(name) from None

    def integer(self, name: str) -> int:
        self.text(name)
        return self.optional_integer(name) or 0

    def optional_decimal(self, name: str) -> Decimal | None:
        value = self.optional(name)
        if value is None:
            return None
        try:
            number = Decimal(value)
        except InvalidOperation:
            raise _malformed(name) from None
        if not number.is_finite() or abs(number.adjusted()) > MAX_EXPONENT:
            raise _malformed(name)
        return number

    def decimal(self, name: str) -> Decimal:
        self.text(name)
        return self.optional_decimal(name) or Decimal(0)

    def flag(self, name: str) -> bool:
        """A boolean, false when absent."""
        value = (self.optional(name) or "false").lower()
        if value not in ("true", "false"):
            raise _malformed(name)
        return value == "true"

    def limit(self, *, default: int, most: int) -> int:
        """Rows asked for, clipped to 1..most as the exchange does."""
        value = self.optional_integer("limit")
        return default if value is None else max(1, min(value, most))


def _malformed(name: str) -> RequestRefused:
    return RequestRefused(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
