"""The effective configuration for people: every key, its value with secrets masked, and where it came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from msgspec import Struct

from vortex.config.loading import Loaded
from vortex.config.secret import Secret
from vortex.config.shape import Path
from vortex.config.tree import DEFAULT


class Setting(Struct, frozen=True, kw_only=True):
    """One dotted key of the effective configuration; `value` is plain (JSON and TOML know it)."""

    key: str
    value: object
    origin: str


def effective(loaded: Loaded) -> list[Setting]:
    """Every key in the schema's order; of a symbol's overrides only the written ones."""
    return list(_settings(loaded.config, (), loaded.origins))


def _settings(section: Struct, path: Path, origins: Mapping[str, str]) -> Iterator[Setting]:
    for name in section.__struct_fields__:
        value, here = getattr(section, name), (*path, name)
        if isinstance(value, Struct):
            yield from _settings(value, here, origins)
        elif here == ("symbols",):
            for symbol, overrides in value.items():
                written = _settings(overrides, (*here, symbol), origins)
                yield from (setting for setting in written if setting.key in origins)
        else:
            key = ".".join(here)
            yield Setting(key=key, value=_plain(value), origin=origins.get(key, DEFAULT))


def _plain(value: object) -> object:
    if isinstance(value, Secret | Decimal):
        return str(value)
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return value
