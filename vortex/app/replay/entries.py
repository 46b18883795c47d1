"""What a record consists of, in words that outlive the process: plain values, never pickled objects.

A message is kept as its type's name and its MessagePack form. Two messages are the same when these are the same bytes,
so a float counts by its bits and a Decimal by its digits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from vortex.config.schema import Config
from vortex.config.secret import Secret
from vortex.domain.order import ExchangeRequest
from vortex.domain.pnl import RowLabels
from vortex.ports import Usage
from vortex.runtime import Address
from vortex.runtime.errors import ActorHung, InboxOverflow

VERSION = 2
OURS = "vortex."
ERRORS: Mapping[str, type[BaseException]] = {kind.__name__: kind for kind in (ActorHung, InboxOverflow, MemoryError)}
"""Errors that come from outside a handler, or that a supervisor tells from others; of the rest the name is enough."""


class RecordError(Exception):
    """This is no record, or one of another version; `str(error)` is one line."""


class Header(Struct, frozen=True, kw_only=True):
    """What a run started from.

    Attributes:
        seed: Of the ids.
        config: The effective configuration without its secrets.
        labels: What every output of the run is marked with.
    """

    version: int = VERSION
    seed: str
    config: Config
    labels: RowLabels


class Handled(Struct, frozen=True, array_like=True, tag="handled"):
    """An incarnation begins to handle a message at this time; `kind` is empty when it starts."""

    path: str
    generation: int
    now_ms: int
    monotonic_ms: float
    kind: str = ""
    body: bytes = b""


class Sent(Struct, frozen=True, array_like=True, tag="sent"):
    """The exchange actor hands a request to its port."""

    request: ExchangeRequest
    timeout_ms: int


class Used(Struct, frozen=True, array_like=True, tag="used"):
    """From its question of this number on the exchange actor was told this of the request budget."""

    question: int
    usage: Usage


class Loaded(Struct, frozen=True, array_like=True, tag="loaded"):
    """What the journal held under a kind when it was first read."""

    kind: str
    bodies: dict[str, bytes]


class Reconfigured(Struct, frozen=True, array_like=True, tag="reconfigured"):
    """Symbols that are added from now on are built by this configuration."""

    config: Config


Entry: TypeAlias = Handled | Sent | Used | Loaded | Reconfigured


class Record(Struct, frozen=True):
    """A run.

    Attributes:
        entries: In the order in which they happened, as often as one asks.
        whole: False when the file ends in the middle, as that of a killed process does.
    """

    header: Header
    entries: Iterable[Entry]
    whole: bool = True


class Note(Struct, frozen=True, gc=False):
    """`Handled` as it is noted: nothing is encoded yet, and a start has no message."""

    path: str
    generation: int
    now_ms: int
    monotonic_ms: float
    message: object

    def written(self) -> Handled:
        """The entry. Raises TypeError when the message holds what cannot be written down."""
        kind, body = ("", b"") if self.message is None else pack(self.message)
        return Handled(self.path, self.generation, self.now_ms, self.monotonic_ms, kind, body)


def kind_of(message_type: type) -> str:
    """The name under which messages of a type are kept."""
    return f"{message_type.__module__}:{message_type.__qualname__}"


def pack(message: object) -> tuple[str, bytes]:
    """Return the kind and the bytes of a message. Raises TypeError when it holds what cannot be written down."""
    return kind_of(type(message)), encode(message)


def unpack(kind: str, body: bytes) -> Any:
    """The message again. Raises RecordError."""
    module, _, name = kind.partition(":")
    found = getattr(import_module(module), name, None) if module.startswith(OURS) else None
    if not (isinstance(found, type) and issubclass(found, Struct)):
        raise RecordError(f"{kind} is no message")
    return decode(body, found)


def encode(value: object) -> bytes:
    """MessagePack; an address is its path, a type and an error are their names, a secret is left out."""
    return _ENCODER.encode(value)


def decode(body: bytes, kind: Any) -> Any:
    """The counterpart of `encode`; an Any stays plain. Raises RecordError."""
    try:
        return msgspec.msgpack.decode(body, type=kind, dec_hook=_restored)
    except msgspec.MsgspecError as error:
        raise RecordError(f"damaged, or of another version: {error}") from error


def plain(body: bytes) -> object:
    """What bytes say, without types."""
    return msgspec.msgpack.decode(body)


def _plain(value: object) -> object:
    match value:
        case Address():
            return value.path
        case type():
            return kind_of(value)
        case BaseException():
            return type(value).__name__, str(value)
        case Secret():
            return ""
    raise TypeError(f"a {type(value).__qualname__} cannot be written down")


def _restored(kind: type, plain: Any) -> object:
    if kind is Secret:
        return Secret(plain)
    if kind is BaseException:
        name, text = plain
        return ERRORS.get(name, type(name, (Exception,), {}))(text)
    if kind is type:
        module, _, name = plain.partition(":")
        return getattr(import_module(module), name) if module.startswith(OURS) else type(name, (), {})
    raise NotImplementedError(kind)


_ENCODER = msgspec.msgpack.Encoder(enc_hook=_plain)
