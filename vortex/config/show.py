"""The effective configuration for people: every key with its origin, secrets masked, and what differs from another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from msgspec import Struct

from vortex.config.loading import Loaded
from vortex.config.schema import Config
from vortex.config.secret import Secret, without_login
from vortex.config.shape import Path
from vortex.config.tree import DEFAULT

SYMBOLS: Path = ("symbols",)


class Setting(Struct, frozen=True, kw_only=True):
    """One dotted key of the effective configuration; `value` is plain (JSON and TOML know it)."""

    key: str
    value: object
    origin: str


def effective(loaded: Loaded) -> list[Setting]:
    """Every key in the schema's order; of a symbol's overrides only the written ones."""
    return list(_settings(loaded.config, loaded.origins))


def changed(old: Config, new: Config, symbols: Iterable[str]) -> list[str]:
    """Dotted keys whose values differ; of these symbols' settings those that do not just follow a common key."""
    common = _differing(old, new)
    keys = common.copy()
    for symbol in symbols:
        keys += [f"symbols.{symbol}.{key}" for key in _differing(old.of(symbol), new.of(symbol)) if key not in common]
    return keys


def _differing(old: Struct, new: Struct) -> list[str]:
    before = dict(_leaves(old, ()))
    return [".".join(path) for path, value in _leaves(new, ()) if path != SYMBOLS and value != before[path]]


def _settings(config: Config, origins: Mapping[str, str]) -> Iterator[Setting]:
    for path, value in _leaves(config, ()):
        if path != SYMBOLS:
            yield _setting(path, value, origins)
    for symbol, overrides in config.symbols.items():
        written = (_setting(path, value, origins) for path, value in _leaves(overrides, (*SYMBOLS, symbol)))
        yield from (setting for setting in written if setting.key in origins)


def _setting(path: Path, value: object, origins: Mapping[str, str]) -> Setting:
    key = ".".join(path)
    return Setting(key=key, value=_plain(value), origin=origins.get(key, DEFAULT))


def _leaves(section: Struct, path: Path) -> Iterator[tuple[Path, object]]:
    """Every key below a section and its value; the table of symbols is one value."""
    for name in section.__struct_fields__:
        value, here = getattr(section, name), (*path, name)
        if isinstance(value, Struct):
            yield from _leaves(value, here)
        else:
            yield here, value


def _plain(value: object) -> object:
    if isinstance(value, Secret | Decimal):
        return str(value)
    if isinstance(value, str):
        return without_login(value)
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return value
