"""Our own order ids: `v7-<account>-<symbol>-<epoch36>-<seq36><role>`, at most 36 characters.

The epoch grows with every start of the process, the sequence number with every order of a symbol, so an id is never
used twice, whatever was lost. An exchange keeps ids unique among open orders only; ours are unique for ever.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Mapping

from msgspec import Struct

from vortex.domain.order import OrderRole

PREFIX = "v7"
MAX_LENGTH = 36
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_PLAIN_SYMBOL = re.compile(r"[A-Z0-9]{1,12}", re.ASCII)
_ACCOUNT = re.compile(r"[a-z0-9]{1,6}", re.ASCII)
_ID = re.compile(
    rf"{PREFIX}-([a-z0-9]{{1,6}})-([A-Z0-9]{{1,12}}|[A-Z0-9]{{0,7}}[0-9a-f]{{5}})-([0-9a-z]+)-([0-9a-z]+)([ESTX])"
)


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


class OrderId(Struct, frozen=True, kw_only=True):
    """The parts of one of our order ids."""

    account: str
    tag: str
    epoch: int
    seq: int
    role: OrderRole


def parsed(text: str) -> OrderId | None:
    """Take an order id apart; None when it is not of our making."""
    match = _ID.fullmatch(text)
    if match is None:
        return None
    account, tag, epoch, seq, role = match.groups()
    return OrderId(account=account, tag=tag, epoch=int(epoch, 36), seq=int(seq, 36), role=OrderRole(role))


def is_made_for(text: str, account: str) -> bool:
    """True when this system made the id for this account, whatever the symbol and the process."""
    own = parsed(text)
    return own is not None and own.account == account


class OrderIds:
    """Makes the ids of one symbol's orders, and knows them again.

    Args:
        account: The account's short name.
        symbol: The symbol.
        epoch: This process's; larger than that of any before it.
    """

    def __init__(self, account: str, symbol: str, epoch: int) -> None:
        self._account = account
        self._symbol = symbol
        self._epoch = epoch
        self._seq = 0

    def new(self) -> Mapping[OrderRole, str]:
        """Return the next set of ids, one for each role; none of them was ever given before."""
        self._seq += 1
        return {role: client_id(self._account, self._symbol, self._epoch, self._seq, role) for role in OrderRole}

    def trade_id(self, entry_id: str) -> str:
        """Return the id of the trade that this entry began: the same whoever asks, however often."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"vortex7:{self._account}:{self._symbol}:{entry_id}"))

    def ours(self, text: str, *roles: OrderRole) -> bool:
        """True when the id was made for this account and symbol, by whatever process, for one of these roles (any)."""
        own = parsed(text)
        mine = own is not None and (own.account, own.tag) == (self._account, symbol_tag(self._symbol))
        return mine and own is not None and (not roles or own.role in roles)

    def anothers(self, text: str) -> bool:
        """True when it was made for this account by another process than this one: one before us, or one beside us."""
        own = parsed(text)
        return own is not None and own.account == self._account and own.epoch != self._epoch

    def newer(self, text: str) -> bool:
        """True when it was made for this account by a process that began after this one: there are two of us."""
        own = parsed(text)
        return own is not None and own.account == self._account and own.epoch > self._epoch
