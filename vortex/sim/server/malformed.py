"""Frames as no exchange should send them; the envelope of a combined stream stays whole."""

from __future__ import annotations

from typing import Any

import orjson


def cut(frame: bytes) -> bytes:
    """JSON that ends in the middle."""
    return frame[: len(frame) // 2]


def mistyped(frame: bytes) -> bytes:
    """Text for numbers, numbers for text, nothing for lists; the event's name stays."""
    return _changed(frame, _mistyped)


def without_symbol(frame: bytes) -> bytes:
    """No `s` anywhere."""
    return _changed(frame, _without_symbol)


def _changed(frame: bytes, change: Any) -> bytes:
    value = orjson.loads(frame)
    if isinstance(value, dict) and "stream" in value:
        return orjson.dumps(value | {"data": change(value["data"])})
    return orjson.dumps(change(value))


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
