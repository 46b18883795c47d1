"""The wallet's changes as a list: commissions and profits from the executions, and funding."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from vortex.sim.core.state import State, capped
from vortex.sim.core.types import ListIncome, RequestRefused, SimFill, SimIncome

COMMISSION, REALIZED_PNL, FUNDING_FEE = "COMMISSION", "REALIZED_PNL", "FUNDING_FEE"
KINDS = (COMMISSION, REALIZED_PNL, FUNDING_FEE)


def income(state: State, _now_ms: int, request: ListIncome) -> list[SimIncome]:
    """Rows in order of time; without a start the newest ones up to the limit. Raises RequestRefused -1121 or -1130."""
    if request.symbol is not None:
        state.spec(request.symbol)
    if request.kind is not None and request.kind not in KINDS:
        raise RequestRefused(-1130, "Data sent for parameter 'incomeType' is not valid.")
    rows = [row for row in _rows(state, request) if request.kind in (None, row.kind)]
    rows.sort(key=lambda row: row.ts_ms)  # stable: executions of the same time before funding
    limit = capped(request.limit)
    return rows[-limit:] if request.start_ms is None else rows[:limit]


def _rows(state: State, request: ListIncome) -> Iterator[SimIncome]:
    first_ms, last_ms = request.start_ms or 0, request.end_ms
    if request.kind != FUNDING_FEE:
        numbers = state.fill_numbers(request.symbol)
        first, last = state.between(numbers, first_ms, last_ms)
        for number in numbers[first:last]:
            yield from _of_fill(state.fill(number))
    for number, row in state.funding():
        if row.ts_ms < first_ms:
            break
        if request.symbol in (None, row.symbol) and (last_ms is None or row.ts_ms <= last_ms):
            yield SimIncome(
                symbol=row.symbol,
                kind=FUNDING_FEE,
                amount_usdt=row.amount_usdt,
                ts_ms=row.ts_ms,
                tran_id=3 * number + 2,
            )


def _of_fill(fill: SimFill) -> Iterator[SimIncome]:
    """An execution's commission, and what it realised if it closed something. Ids are unique over all kinds."""
    if fill.realized_pnl:
        yield _row(fill, REALIZED_PNL, fill.realized_pnl, 3 * fill.fill_id)
    if fill.commission:
        yield _row(fill, COMMISSION, -fill.commission, 3 * fill.fill_id + 1)


def _row(fill: SimFill, kind: str, amount_usdt: Decimal, tran_id: int) -> SimIncome:
    return SimIncome(
        symbol=fill.symbol,
        kind=kind,
        amount_usdt=amount_usdt,
        ts_ms=fill.ts_ms,
        tran_id=tran_id,
        info=str(fill.fill_id),
        trade_id=fill.fill_id,
    )
