"""What the ledger's tables check of a row: a row that breaks one of these is refused by the cold store for good."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from vortex.domain.trade import RejectionRow, TradeRow, TradeStatus

MOST_SYMBOL = 40
MOST_LEVERAGE = 125
FINAL = ("exit_price", "closed_at", "close_reason", "close_fee_usdt", "pnl_gross_usdt", "pnl_net_usdt")
"""What a CLOSED row must not lack."""


def broken_rule(row: TradeRow | RejectionRow) -> str | None:
    """The first rule that the row breaks, with the value; None when the tables take it."""
    return next(_of_trade(row) if isinstance(row, TradeRow) else _of_rejection(row), None)


def _of_trade(row: TradeRow) -> Iterator[str]:
    yield from _symbol(row.symbol)
    if not row.entry_price > 0:
        yield f"entry_price = {row.entry_price}: expected above 0"
    if not row.quantity > 0:
        yield f"quantity = {row.quantity}: expected above 0"
    if not 1 <= row.leverage <= MOST_LEVERAGE:
        yield f"leverage = {row.leverage}: expected from 1 to {MOST_LEVERAGE}"
    yield from _score(row.final_score)
    if row.revision < 0:
        yield f"revision = {row.revision}: expected 0 or more"
    if row.status is TradeStatus.CLOSED:
        yield from (f"{name} is absent in a closed trade" for name in FINAL if getattr(row, name) is None)


def _of_rejection(row: RejectionRow) -> Iterator[str]:
    yield from _symbol(row.symbol)
    yield from _score(row.final_score)
    if row.count < 1:
        yield f"count = {row.count}: expected 1 or more"
    try:
        msgspec.json.decode(row.details)  # json would take NaN, which PostgreSQL does not
    except (msgspec.DecodeError, RecursionError):
        yield f"details = {row.details[:60]!r}: expected JSON"


def _symbol(symbol: str) -> Iterator[str]:
    if not 1 <= len(symbol) <= MOST_SYMBOL:
        yield f"symbol = {symbol[:MOST_SYMBOL]!r}: expected 1 to {MOST_SYMBOL} characters"


def _score(score: float) -> Iterator[str]:
    if not -1.0 <= score <= 1.0:
        yield f"final_score = {score}: expected from -1 to 1"
