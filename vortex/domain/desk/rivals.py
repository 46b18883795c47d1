"""Noticing that another process trades the same account: two owners of one position are worse than none."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from vortex.domain.client_id import OrderIds
from vortex.domain.order import AlgoReport, OrderReport, OrderRole

KEPT = 50
"""Entries of ours whose late or repeated reports are still known."""


class Rivals:
    """Knows the entries of this symbol that are ours, by whatever process of ours, and finds those that are not."""

    def __init__(self, ids: OrderIds) -> None:
        self._ids = ids
        self._entries: deque[str] = deque(maxlen=KEPT)

    def know(self, entry_id: str) -> None:
        """This entry is ours."""
        if entry_id not in self._entries:
            self._entries.append(entry_id)

    def seen_in(self, reports: Iterable[OrderReport | AlgoReport]) -> str | None:
        """Return the id of an order that shows a rival: newer than this process, or an entry we never made."""
        return next((report.client_id for report in reports if self._shows(report)), None)

    def _shows(self, report: OrderReport | AlgoReport) -> bool:
        name = report.client_id
        if self._ids.newer(name):
            return True
        entered = isinstance(report, OrderReport) and report.fill is not None and self._ids.ours(name, OrderRole.ENTRY)
        return entered and self._ids.anothers(name) and name not in self._entries
