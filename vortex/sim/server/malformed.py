"""Frames as no exchange should send them."""

from __future__ import annotations

from typing import Any

import orjson


def cut(frame: bytes) -> bytes:
    """JSON that ends in the middle."""
    return frame[: len(frame) // 2]


def mistyped(frame: bytes) -> bytes:
    """Text for numbers, numbers for text, nothing for lists; the event's name stays."""
    return orjson.dumps(_mistyped(orjson.loads(frame)))


def without_symbol(frame: bytes) -> bytes:
    """No `s` anywhere."""
    return orjson.dumps(_without_symbol(orjson.loads(frame)))


def _mistyped(value: Any) -> Any:
    match value:
        case dict():
            return {name: item if name == "e" else _mistyped(item) for name, item in value.items()}
        case str():
            return 0
        case list():
            return None
        case _:
            return "wrong"


def _without_symbol(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_symbol(item) for name, item in value.items() if name != "s"}
    return value
