"""Why a decision, and what all of them earned: answers of `/api/decisions/ID` and `/api/stats`."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import msgspec

from vortex.actors.symbol import DECISION
from vortex.app.api.status import StatusReader
from vortex.domain.explain import Explanation
from vortex.domain.hypothetical import WouldHave, merged
from vortex.domain.performance import performances
from vortex.domain.results import results
from vortex.domain.trade import RejectionRow, TradeRow
from vortex.ports import ColdStore
from vortex.queries import GetExplanation, GetHypotheticals

MOST_ROWS, MOST_TRADES = 2_000, 20_000
"""Of the newest rows: looked through for an id, and counted in statistics."""
SEED = 7
"""The same trades give the same interval, however often one asks."""


class Insight:
    """Reads what the decisions still know and what the ledger keeps.

    Args:
        reader: Asks the running system.
        store: The ledger.
    """

    def __init__(self, reader: StatusReader, store: ColdStore) -> None:
        self._reader = reader
        self._store = store

    def why(self, name: str) -> dict[str, object] | None:
        """Return the story of a decision, trade or reject by its id, or of a symbol's newest evaluation; None without.

        A rejection keeps its own story in the ledger; that of a trade ends with the process that entered.
        """
        explained = self._explained(name)
        newest = name in self._reader.symbols()  # which is in no ledger
        trades = [] if newest else self._store.recent_trades(MOST_ROWS)
        rejects = [] if newest else self._store.recent_rejections(MOST_ROWS)
        trade = next((row for row in trades if row.id == name), None)
        reject = next((row for row in rejects if row.id == name), None)
        if explained is None and trade is None and reject is None:
            return None
        return {
            "id": name,
            "kind": "trade" if trade is not None else "reject" if reject is not None else "decision",
            "explanation": explained if reject is None else _kept(reject),
            "trade": trade,
            "reject": _without_details(reject),
        }

    def stats(self) -> dict[str, object]:
        """Return the closed trades' performance by mode, account and source, and what was rejected would have made."""
        random = Random(SEED)  # noqa: S311  # draws of a bootstrap are no secret

        def resample(values: Sequence[float]) -> Sequence[float]:
            return random.choices(values, k=len(values))

        questions = {f"{symbol}/{DECISION}": GetHypotheticals() for symbol in self._reader.symbols()}
        parts = [part for part in self._reader.ask(questions).values() if isinstance(part, tuple)]
        return {
            "sources": performances(self._trades(), resample),
            "rejected_since_start": [_means(each) for each in merged(tuple(parts))],
        }

    def results(self) -> dict[str, object]:
        """Return what closed trades made, by period, symbol, strategy and exit, with the curve they drew."""
        now_ms = self._reader.now_ms()
        return {"now_ms": now_ms, "sources": results(self._trades(), now_ms)}

    def _trades(self) -> list[TradeRow]:
        return self._store.recent_trades(MOST_TRADES)

    def _explained(self, name: str) -> Explanation | None:
        symbols = self._reader.symbols()
        asked = {name: None} if name in symbols else dict.fromkeys(symbols, name)
        answers = self._reader.ask({f"{symbol}/{DECISION}": GetExplanation(id=each) for symbol, each in asked.items()})
        return next((answer for answer in answers.values() if isinstance(answer, Explanation)), None)


def _kept(reject: RejectionRow) -> object:
    details = msgspec.json.decode(reject.details)
    return details.get("explanation") if isinstance(details, dict) else None


def _without_details(reject: RejectionRow | None) -> object:
    return None if reject is None else {**msgspec.to_builtins(reject), "details": None}


def _means(each: WouldHave) -> dict[str, object]:
    return {
        "strategy": each.strategy, "reason": each.reason, "n": each.count, "wins": each.wins,
        "net_bp": float(each.net_bp / each.count), "net_r": float(each.net_r / each.count),
    }  # fmt: skip
