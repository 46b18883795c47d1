"""The few scalar functions that every formula uses."""

from __future__ import annotations

from collections.abc import Iterable

WEIGHT_SLACK = 1e-9
"""Weights are decimal fractions: their float sum may miss a limit that they meet on paper."""


def clip(value: float, low: float, high: float) -> float:
    """Return `value` limited to [low, high]."""
    return low if value < low else min(value, high)


def sign(value: float) -> int:
    """Return -1, 0 or +1; the sign of zero is 0."""
    return (value > 0.0) - (value < 0.0)


def blend(parts: Iterable[tuple[float, float | None]], required: float) -> tuple[float | None, float]:
    """Average weighted parts over those present, and tell the weight that was present.

    Args:
        parts: (weight, value) pairs; a value of None is missing, which is not 0.
        required: The least weight that must be present for an answer, in (0, 1].

    Returns:
        The weighted mean, None when too little is present, and the weight present in [0, 1].
    """
    total = present = 0.0
    for weight, value in parts:
        if value is not None:
            total += weight * value
            present += weight
    return (total / present if present >= required - WEIGHT_SLACK else None), present
