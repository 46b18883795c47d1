"""What is secret, and how it is kept out of everything that leaves the process."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote, unquote

from vortex.config.secret import MASK, Secret

SHORTEST_SECRET = 4
"""Characters; masking less would blot out ordinary words."""
SHORTEST_PART = 8
"""The same for a piece of an address."""
PUBLIC = frozenset({"paper"})
"""Key and secret of the simulator's account."""

_HOST = re.compile(r"localhost|[a-z0-9-]+(\.[a-z0-9-]+)+", re.IGNORECASE)
_WORD = re.compile("[a-z]+")
_SHAPES = re.compile(
    r"""( signature=
        | (?: listenKey | x-mbx-apikey | authorization )["']?\s*[=:]\s*["']?(?: bearer\s )?
        | ://[^\s/:@]*:(?=[^\s/@]*@)
        )[^\s"'&,@)}\]]+""",
    re.IGNORECASE | re.VERBOSE,
)
"""What is secret whoever wrote it: signed queries, stream keys, headers, passwords in addresses."""


def secrets_of(value: object) -> Iterator[str]:
    """Every secret of a configuration, whatever section or list it is in; of an address also each of its parts."""
    if isinstance(value, Secret):
        yield value.reveal()
        yield from _parts(value.reveal())
    elif isinstance(value, str):
        yield from _login(value)
    elif isinstance(value, tuple):
        for item in value:
            yield from secrets_of(item)
    else:
        for name in getattr(value, "__struct_fields__", ()):
            yield from secrets_of(getattr(value, name))


def _parts(address: str) -> Iterator[str]:
    """What may be secret by itself: libraries quote an address in pieces. Hosts and ordinary words are none."""
    yield from _login(address)
    _, mark, rest = address.partition("://")
    if mark:
        for part in re.split(r"[/?&@:=#,]", rest):
            if len(part) >= SHORTEST_PART and not (_HOST.fullmatch(part) or _WORD.fullmatch(part)):
                yield from dict.fromkeys((part, unquote(part)))


def _login(address: str) -> Iterator[str]:
    """What stands before the host of an address, and the password in it."""
    login, mark, _ = address.partition("://")[2].partition("/")[0].rpartition("@")
    if mark:
        password = login.partition(":")[2]
        yield from (part for part in (login, password, unquote(password)) if len(part) >= SHORTEST_SECRET)


class Masker:
    """Replaces every known secret in a text, also where it is written as JSON or in an address.

    Args:
        secrets: What is secret; what is public or shorter than `shortest` is not masked.
        shortest: Characters.
    """

    def __init__(self, secrets: Iterable[str], *, shortest: int = SHORTEST_SECRET) -> None:
        known = {text for text in secrets if len(text) >= shortest and text not in PUBLIC}
        forms = {form for text in known for form in (text, json.dumps(text)[1:-1], quote(text, safe=""))}
        longest_first = sorted(forms | {json.dumps(text, ensure_ascii=False)[1:-1] for text in known}, key=len)[::-1]
        self._known = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")

    def __call__(self, text: str) -> str:
        """The text without secrets, nor what looks like one."""
        return _SHAPES.sub(rf"\g<1>{MASK}", self._known.sub(MASK, text))

    def body(self, body: bytes) -> bytes:
        """A reply without the secrets that are known."""
        text = body.decode("utf-8", "surrogateescape")
        return self._known.sub(MASK, text).encode("utf-8", "surrogateescape")
