"""Questions about the schema: which type a dotted key has, what that type allows, how a text becomes such a value."""

from __future__ import annotations

import difflib
import re
from functools import cache
from typing import TypeAlias

from msgspec import inspect

from vortex.config.schema import Config
from vortex.config.secret import Secret

Path: TypeAlias = tuple[str, ...]

INTEGER = re.compile(r"-?[0-9]{1,18}")
NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?([eE]-?[0-9]{1,3})?")
NAME = re.compile("[A-Z0-9]+")
TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
SYMBOLS = "symbols"
NUMBERS = (inspect.IntType, inspect.FloatType, inspect.DecimalType)
TEXTS = (inspect.StrType, inspect.CustomType, inspect.EnumType, inspect.LiteralType)
WORDS: dict[type, str] = {
    inspect.BoolType: "true or false",
    inspect.DecimalType: "a decimal number",
    inspect.StructType: "a section",
    inspect.DictType: "a section",
}
LISTS = (inspect.VarTupleType, inspect.TupleType, inspect.ListType)


@cache
def _root() -> inspect.Type:
    return inspect.type_info(Config)


def type_at(path: Path) -> inspect.Type | None:
    """The declared type under a dotted key, or None when the schema has no such key."""
    node: inspect.Type = _root()
    for name in path:
        inner = bare(node)
        if isinstance(inner, inspect.DictType):
            node = inner.value_type
        elif isinstance(inner, inspect.StructType) and (field := _field(inner, name)) is not None:
            node = field.type
        else:
            return None
    return node


def _field(node: inspect.StructType, name: str) -> inspect.Field | None:
    return next((field for field in node.fields if field.encode_name == name), None)


def bare(node: inspect.Type) -> inspect.Type:
    """The type itself: without its description, and without None where that is the alternative."""
    if isinstance(node, inspect.Metadata):
        return bare(node.type)
    if isinstance(node, inspect.UnionType):
        return next(bare(part) for part in node.types if not isinstance(part, inspect.NoneType))
    return node


def item_of(node: inspect.Type) -> inspect.Type:
    """The type of a list's entries."""
    kind = bare(node)
    if isinstance(kind, inspect.TupleType):
        return kind.item_types[0]
    return kind.item_type if isinstance(kind, inspect.VarTupleType | inspect.ListType) else kind


def is_secret(path: Path) -> bool:
    """True when the value under this key must never be shown."""
    node = type_at(path)
    return node is not None and isinstance(inner := bare(item_of(node)), inspect.CustomType) and inner.cls is Secret


def is_list(path: Path) -> bool:
    """True when the value under this key is a list."""
    node = type_at(path)
    return node is not None and isinstance(bare(node), LISTS)


def is_decimal(path: Path) -> bool:
    """True when the value under this key is an exact decimal."""
    node = type_at(path)
    return node is not None and isinstance(bare(node), inspect.DecimalType)


def is_table(path: Path) -> bool:
    """True when the key names a section."""
    node = type_at(path)
    return node is not None and isinstance(bare(node), inspect.StructType | inspect.DictType)


def known_keys(path: Path, wrong: str) -> str:
    """What may stand in a section instead of a wrong key: the closest name, or all of them."""
    node = type_at(path)
    if node is None:
        return known_keys(path[:-1], path[-1])
    if wrong and type_at((*path, wrong)) is not None:
        return "a key inside that section"
    close = closest(path, wrong)
    return (
        f"a known key; did you mean {close}?"
        if close
        else f"a known key ({', '.join(_names(node)) or 'there is none'})"
    )


def closest(path: Path, wrong: str) -> str | None:
    """The key of a section that was probably meant."""
    node = type_at(path)
    return next(iter(difflib.get_close_matches(wrong, _names(node), n=1)), None) if node is not None else None


def _names(node: inspect.Type) -> list[str]:
    inner = bare(node)
    return [field.encode_name for field in inner.fields] if isinstance(inner, inspect.StructType) else []


def allowed(node: inspect.Type) -> str:
    """What a value of this type may be, in words."""
    if not isinstance(node, inspect.Metadata):
        return _words(node)
    meaning = (node.extra_json_schema or {}).get("description")
    if meaning and isinstance(bare(node), inspect.StrType):
        return str(meaning)
    return f"{allowed(node.type)} ({meaning})" if meaning else allowed(node.type)


def _words(node: inspect.Type) -> str:
    match bare(node):
        case inspect.IntType() | inspect.FloatType() as kind:
            return ("an integer" if isinstance(kind, inspect.IntType) else "a number") + _span(kind)
        case inspect.LiteralType() | inspect.EnumType() as kind:
            return "one of " + ", ".join(_choices(kind))
        case inspect.VarTupleType() as kind:
            return f"a list{_length(kind)} of {allowed(kind.item_type)}"
        case inspect.TupleType(items):
            return f"a list of {len(items)}: " + ", ".join(allowed(item) for item in items)
        case kind:
            return WORDS.get(type(kind), "text")


def _choices(kind: inspect.LiteralType | inspect.EnumType) -> list[str]:
    if isinstance(kind, inspect.LiteralType):
        return [str(value) for value in kind.values]
    return [str(member.value) for member in kind.cls]


def _span(kind: inspect.IntType | inspect.FloatType) -> str:
    if kind.ge is not None and kind.le is not None:
        return f" from {_figure(kind.ge)} to {_figure(kind.le)}"
    bounds = {"of at least": kind.ge, "above": kind.gt, "up to": kind.le, "below": kind.lt}
    return "".join(f" {word} {_figure(bound)}" for word, bound in bounds.items() if bound is not None)


def _figure(bound: float) -> str:
    return f"{bound:.0f}" if bound == int(bound) else str(bound)


def _length(kind: inspect.VarTupleType) -> str:
    if kind.min_length is None and kind.max_length is None:
        return ""
    return f" ({kind.min_length or 0} to {kind.max_length or 'any number'})"


def from_text(text: str, node: inspect.Type) -> object:
    """The plain value that a text of the environment or command line means. Raises ValueError."""
    kind = bare(node)
    if isinstance(kind, inspect.BoolType):
        if (word := text.strip(" ").lower()) in TRUTH:
            return TRUTH[word]
        raise ValueError(text)
    if isinstance(kind, NUMBERS):
        return _number(text.strip(" "), kind)
    if isinstance(kind, LISTS):
        return [from_text(part, item_of(kind)) for part in split_list(text)]
    if isinstance(kind, TEXTS):
        return text
    raise ValueError(text)


def split_list(text: str) -> list[str]:
    """The entries of a comma-separated list; names before an `A,B=PATH` belong to it (a market source)."""
    entries: list[str] = []
    for part in text.split(","):
        entry = part.strip(" ")
        while "=" in entry and entries and NAME.fullmatch(entries[-1]):
            entry = f"{entries.pop()},{entry}"
        entries.append(entry)
    return entries


def _number(text: str, kind: inspect.Type) -> object:
    if isinstance(kind, inspect.IntType) and INTEGER.fullmatch(text):
        return int(text)
    if isinstance(kind, inspect.FloatType) and NUMBER.fullmatch(text):
        return float(text)
    if isinstance(kind, inspect.DecimalType) and NUMBER.fullmatch(text):
        return text
    raise ValueError(text)
