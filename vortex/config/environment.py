"""The names the environment knows, and the keys they stand for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from vortex.config import shape
from vortex.config.errors import ConfigError, refused
from vortex.config.files import read_secret
from vortex.config.shape import Path as Key
from vortex.config.shape import is_secret

PREFIX = "VORTEX__"
FILE = "_FILE"
TESTNET, HALT = "TESTNET", "VORTEX_HALT"
NAMES: Mapping[str, Key] = {
    "BINANCE_API_KEY": ("exchange", "api_key"),
    "BINANCE_SECRET_KEY": ("exchange", "secret_key"),
    "SUPABASE_URL": ("cold_store", "supabase_url"),
    "SUPABASE_KEY": ("cold_store", "supabase_key"),
    "DATABASE_URL": ("cold_store", "database_url"),
    "REDIS_HOST": ("hot_store", "redis_host"),
    "REDIS_PORT": ("hot_store", "redis_port"),
    "TRADING_PAIRS": ("trading_pairs",),
}
"""Short names; the long form VORTEX__SECTION__KEY of the same key wins over them."""


class Setting(Struct, frozen=True, kw_only=True):
    """One variable that sets one key; `short` is its name when it is one of NAMES."""

    key: Key
    text: str
    origin: str
    short: str | None = None


def settings(variables: Mapping[str, str], place: str) -> Iterator[Setting]:
    """What these variables set: short names first, then the long ones. An empty short name counts as not set.

    Raises ConfigError for an unknown VORTEX__ name, a secret given twice, or a secret's file that cannot be read.
    """
    for name, key in NAMES.items():
        text = _with_file(name, key, variables, place)
        if text or (text is not None and name == "TRADING_PAIRS"):
            yield Setting(key=key, text=text, origin=f"{place} {name}", short=name)
    for name in sorted(variables):
        if name.startswith(PREFIX):
            yield _long(name, variables, place)


def without_ours(variables: Mapping[str, str]) -> dict[str, str]:
    """An environment for a process that needs none of our keys, addresses and settings."""
    return {name: text for name, text in variables.items() if not name.startswith((PREFIX, *NAMES))}


def truth(name: str, variables: Mapping[str, str], place: str) -> tuple[bool, str] | None:
    """What TESTNET or VORTEX_HALT says and where; None when it is unset or empty. Raises ConfigError when unclear."""
    text = variables.get(name, "")
    if not text:
        return None
    if (answer := shape.TRUTH.get(text.strip(" ").lower())) is None:
        raise refused(place, name, text, "true, false, 1, 0, yes or no")
    return answer, f"{place} {name}"


def unknown(variables: Mapping[str, str]) -> list[str]:
    """Names of a `.env` file that set nothing here."""
    files = {name + FILE for name, key in NAMES.items() if is_secret(key)}
    known = {*NAMES, *files, TESTNET}
    return [name for name in variables if name not in known and not name.startswith("VORTEX_")]


def _with_file(name: str, key: Key, variables: Mapping[str, str], place: str) -> str | None:
    text, file = variables.get(name), variables.get(name + FILE) if is_secret(key) else None
    if text and file:
        raise ConfigError(f"{place}: {name} and {name}{FILE} are both set: expected one of them")
    return read_secret(Path(file)) if file else text


def _long(name: str, variables: Mapping[str, str], place: str) -> Setting:
    parts = name.removeprefix(PREFIX).split("__")
    key = tuple(part if depth == 1 and parts[0] == "SYMBOLS" else part.lower() for depth, part in enumerate(parts))
    text = variables[name]
    if shape.type_at(key) is None and key[-1].endswith("_file"):
        secret = (*key[:-1], key[-1].removesuffix("_file"))
        if is_secret(secret):
            key, text = secret, read_secret(Path(text), many=shape.is_list(secret))
    return Setting(key=key, text=text, origin=f"{place} {name}")
