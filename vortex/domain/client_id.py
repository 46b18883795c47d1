"""Our own order ids: `v7-<account>-<symbol>-<epoch36>-<seq36><role>`, at most 36 characters.

The epoch grows with every start of the process, the sequence number with every order of a symbol, so an id is never
used twice, whatever was lost. An exchange keeps ids unique among open orders only; ours are unique for ever.
"""

from __future__ import annotations

import hashlib
import re

from vortex.domain.order import OrderRole

PREFIX = "v7"
MAX_LENGTH = 36
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_PLAIN_SYMBOL = re.compile(r"[A-Z0-9]{1,12}", re.ASCII)
_ACCOUNT = re.compile(r"[a-z0-9]{1,6}", re.ASCII)


def base36(number: int) -> str:
    """Return a non-negative number in base 36."""
    if number < 0:
        raise ValueError(f"base36 of a negative number: {number}")
    digits = ""
    while number >= len(_DIGITS):
        number, rest = divmod(number, len(_DIGITS))
        digits = _DIGITS[rest] + digits
    return _DIGITS[number] + digits


def symbol_tag(symbol: str) -> str:
    """Return the symbol as it stands in an id: itself, or 7 plain characters and 5 hex digits of its sha1."""
    if _PLAIN_SYMBOL.fullmatch(symbol):
        return symbol
    plain = "".join(char for char in symbol if char.isascii() and (char.isdigit() or "A" <= char <= "Z"))
    return plain[:7] + hashlib.sha1(symbol.encode(), usedforsecurity=False).hexdigest()[:5]


def client_id(account: str, symbol: str, epoch: int, seq: int, role: OrderRole) -> str:
    """Build the id of one order.

    Raises:
        ValueError: The account is not 1-6 of [a-z0-9], or the id would be longer than 36 characters.
    """
    if not _ACCOUNT.fullmatch(account):
        raise ValueError(f"account {account!r} is not 1-6 characters of [a-z0-9]")
    text = f"{PREFIX}-{account}-{symbol_tag(symbol)}-{base36(epoch)}-{base36(seq)}{role.value}"
    if len(text) > MAX_LENGTH:
        raise ValueError(f"client id {text!r} is longer than {MAX_LENGTH} characters")
    return text


def is_ours(text: str, account: str) -> bool:
    """True when an order id was made by this system for this account."""
    return text.startswith(f"{PREFIX}-{account}-")
