"""How a configuration key states what it accepts: its range and its meaning, unit included, beside its default."""

from __future__ import annotations

from msgspec import Meta


def within(least: float, most: float, meaning: str) -> Meta:
    """Accept `least <= value <= most`."""
    return Meta(ge=least, le=most, description=meaning)


def above(limit: float, most: float, meaning: str) -> Meta:
    """Accept `limit < value <= most`."""
    return Meta(gt=limit, le=most, description=meaning)


def switch(meaning: str) -> Meta:
    """Accept true or false."""
    return Meta(description=meaning)
