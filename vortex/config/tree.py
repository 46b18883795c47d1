"""Plain values on their way to becoming a Config, each with the place it came from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from vortex.config import shape
from vortex.config.errors import ConfigError, refused
from vortex.config.secret import MASK
from vortex.config.shape import Path

DEFAULT = "default"
SENSITIVE = ("key", "secret", "token", "passw")
"""A key that sounds like a secret is masked in messages even when the schema does not know it."""


def refusal(path: Path, value: object, origin: str, allowed: str) -> ConfigError:
    """The error for one value, masked when it is or may be a secret."""
    known = path if shape.type_at(path) is not None else (*path[:-1], shape.closest(path[:-1], path[-1]) or "")
    masked = shape.is_secret(known) or (known != path and any(word in path[-1] for word in SENSITIVE))
    return refused(origin, ".".join(path), MASK if masked else value, allowed)


class Tree:
    """Nested tables; a later `put` or `merge` wins over an earlier one, key by key (lists are replaced whole)."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.origins: dict[str, str] = {}

    def put(self, path: Path, value: object, origin: str) -> None:
        """Set one key. Raises ConfigError for a number that is not finite, which no key allows."""
        if isinstance(value, Mapping):
            self._table(path, origin)
            for key, inner in value.items():
                self.put((*path, key), inner, origin)
            return
        for number in value if isinstance(value, list | tuple) else (value,):
            if isinstance(number, float) and not math.isfinite(number):
                raise refusal(path, number, origin, "a finite number")
        self._table(path[:-1], origin)[path[-1]] = value
        self.origins[".".join(path)] = origin

    def merge(self, table: Mapping[str, object], origin: str) -> None:
        for key, value in table.items():
            self.put((key,), value, origin)

    def get(self, path: Path) -> object:
        """The value under a key, or None."""
        node: object = self.values
        for name in path:
            if not isinstance(node, Mapping) or name not in node:
                return None
            node = node[name]
        return node

    def origin(self, path: Path) -> str:
        """Where the key, or the closest section around it, came from."""
        for length in range(len(path), 0, -1):
            if (origin := self.origins.get(".".join(path[:length]))) is not None:
                return origin
        return DEFAULT

    def _table(self, path: Path, origin: str) -> dict[str, Any]:
        table = self.values
        for depth, name in enumerate(path, 1):
            inner = table.get(name)
            if not isinstance(inner, dict):
                inner = table[name] = {}
            self.origins[".".join(path[:depth])] = origin
            table = inner
        return table

    def put_text(self, path: Path, text: str, origin: str) -> None:
        """Set one key from a text of the environment or the command line. Raises ConfigError when it cannot be."""
        node = shape.type_at(path)
        if node is None or shape.is_table(path):
            raise refusal(path, text, origin, shape.known_keys(path[:-1], path[-1]))
        try:
            self.put(path, shape.from_text(text, node), origin)
        except ValueError:
            raise refusal(path, text, origin, shape.allowed(node)) from None
