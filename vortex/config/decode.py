"""From a tree of plain values to a Config, or to one clear line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar

import msgspec
from msgspec import structs

from vortex.config import shape
from vortex.config.errors import ConfigError
from vortex.config.schema import ACCOUNT_WIDE, PER_SYMBOL, Config, SymbolConfig
from vortex.config.secret import Secret
from vortex.config.shape import NUMBER, Path
from vortex.config.tree import Tree, refusal

T = TypeVar("T")

MAX_SECRET = 4_096
"""Characters; a longer token is a mistake."""

_WHERE = re.compile(r"(?P<text>.*?)(?: - at `\$\.?(?P<path>[^`]*)`)?", re.DOTALL)
_INDEX = re.compile(r"\[(\d+)\]$")
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>.*)`", re.DOTALL)


def decode(tree: Tree) -> Config:
    """Build the Config. Raises ConfigError for the first value that the schema does not allow."""
    values = dict(tree.values)
    overrides = values.pop(shape.SYMBOLS, {})
    config = _convert(values, Config, (), tree)
    if not isinstance(overrides, Mapping):
        raise refusal((shape.SYMBOLS,), overrides, tree.origin((shape.SYMBOLS,)), "a section per symbol")
    symbols = {name: _symbol(name, table, tree) for name, table in overrides.items()}
    return structs.replace(config, symbols=symbols)


def _symbol(name: str, overrides: object, tree: Tree) -> SymbolConfig:
    path = (shape.SYMBOLS, name)
    if not re.fullmatch("[A-Z0-9]{2,20}", name):
        raise refusal(path, overrides, tree.origin(path), "a section named by 2 to 20 of A-Z and 0-9")
    if not isinstance(overrides, Mapping):
        raise refusal(path, overrides, tree.origin(path), "a section")
    for section, keys in ACCOUNT_WIDE.items():
        if wide := sorted(keys & set(overrides.get(section, ()))):
            key = (*path, section, wide[0])
            raise refusal(key, tree.get(key), tree.origin(key), "no override: this limit is the whole account's")
    common = {section: tree.values[section] for section in PER_SYMBOL if section in tree.values}
    return _convert(_merged(common, overrides), SymbolConfig, path, tree)


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        both = isinstance(value, Mapping) and isinstance(below, Mapping)
        merged[key] = _merged(below, value) if both and below is not None else value
    return merged


def _convert(values: Mapping[str, Any], kind: type[T], prefix: Path, tree: Tree) -> T:
    _check_decimals(values, prefix, tree)
    try:
        return msgspec.convert(values, kind, dec_hook=_custom)
    except msgspec.ValidationError as error:
        _refuse(str(error), prefix, tree)


def _custom(kind: type, value: object) -> object:
    if kind is Secret and isinstance(value, str) and len(value) <= MAX_SECRET and value.isprintable():
        return Secret(value)
    raise ValueError("Expected text")


def _check_decimals(values: Mapping[str, Any], prefix: Path, tree: Tree) -> None:
    """Texts that Python's Decimal would take and people would not mean: `NaN`, `1_000`, other alphabets' digits."""
    for name, value in values.items():
        path = (*prefix, name)
        if isinstance(value, Mapping):
            _check_decimals(value, path, tree)
        elif isinstance(value, str) and shape.is_decimal(path) and not NUMBER.fullmatch(value):
            raise refusal(path, value, tree.origin(path), "a decimal number")


def _refuse(text: str, prefix: Path, tree: Tree) -> NoReturn:
    found = _WHERE.fullmatch(text)
    reason, where = (found["text"], found["path"] or "") if found else (text, "")
    path = (*prefix, *(part for part in re.sub(r"\[.*?\]", "", where).split(".") if part))
    if unknown := _UNKNOWN.fullmatch(reason):
        key = (*path, unknown["name"])
        raise refusal(key, tree.get(key), tree.origin(key), shape.known_keys(path, key[-1])) from None
    value = tree.get(path)
    node = shape.type_at(path)
    if node is None or (isinstance(value, Mapping) and shape.is_table(path)):
        raise ConfigError(f"{tree.origin(path)}: [{'.'.join(path)}]: {reason}") from None
    if isinstance(value, list | tuple) and (index := _INDEX.search(where)):
        value, node = value[int(index[1])], shape.item_of(node)
    raise refusal(path, value, tree.origin(path), shape.allowed(node)) from None
