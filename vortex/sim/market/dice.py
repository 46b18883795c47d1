"""Reproducible randomness: the same parts always give the same numbers, in every process."""

from __future__ import annotations

import random
from functools import lru_cache
from hashlib import blake2b


def dice(*parts: object) -> random.Random:
    """A generator of its own for one purpose, e.g. `dice(seed, symbol, "walk")`."""
    return random.Random(_name(parts))  # noqa: S311  # a reproducible market, not a secret


@lru_cache(maxsize=16_384)
def fraction(*parts: object) -> float:
    """A number in [0, 1) that depends on nothing but `parts`."""
    digest = blake2b(_name(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


def drift(at_ms: int, knot_ms: int, *parts: object) -> float:
    """A smooth curve in [-1, 1] over time: a random value every `knot_ms`, smoothed between them.

    Value noise with the smoothstep 3x^2 - 2x^3: it returns to its mean of 0 and may be asked at any time, in any
    order, and always answers the same.
    """
    knot, rest_ms = divmod(at_ms, knot_ms)
    here, there = fraction(*parts, knot_ms, knot), fraction(*parts, knot_ms, knot + 1)
    x = rest_ms / knot_ms
    return 2.0 * (here + (there - here) * x * x * (3.0 - 2.0 * x)) - 1.0


def _name(parts: tuple[object, ...]) -> str:
    return ":".join(map(str, parts))
