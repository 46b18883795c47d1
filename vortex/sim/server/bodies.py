"""Bodies of the simulator's own commands: decoded strictly, refused in words that name field and value."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, TypeVar

import msgspec
import orjson
from msgspec import structs

from vortex.sim.server.params import MAX_EXPONENT

T = TypeVar("T")

_FIELD = re.compile(r"`\$\.(\w+)")
_UNKNOWN = re.compile(r"unknown field `(\w+)`")
_MAX_SHOWN = 60


def decoded(body: bytes, kind: Any) -> Any:
    """The command in a body. Raises ValueError that names the field, its value and what is wrong with it."""
    try:
        command = msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise ValueError(_words(str(error), body)) from error
    except msgspec.DecodeError as error:
        raise ValueError(f"the body is no JSON: {error}") from error
    _check_decimals(command)
    return command


def _words(error: str, body: bytes) -> str:
    found = _FIELD.search(error) or _UNKNOWN.search(error)
    values = orjson.loads(body)
    if found is None or not isinstance(values, dict) or found[1] not in values:
        return error
    return f"{found[1]}: {_shown(values[found[1]])}: {error}"


def _shown(value: object) -> str:
    text = orjson.dumps(value).decode()
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."


def _check_decimals(command: msgspec.Struct) -> None:
    for name, value in structs.asdict(command).items():
        if isinstance(value, Decimal) and (not value.is_finite() or abs(value.adjusted()) > MAX_EXPONENT):
            raise ValueError(f"{name}: {value} is no number that an exchange knows")
