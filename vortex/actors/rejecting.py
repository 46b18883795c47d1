"""Writing down what the risk manager refused: at once when it changes, once a minute while it repeats."""

from __future__ import annotations

from decimal import Decimal

from loguru import logger

from vortex.domain.explain import Explanation, explain, rejection_details
from vortex.domain.hypothetical import Hypotheticals
from vortex.domain.meters import SymbolMeters
from vortex.domain.pnl import RowLabels
from vortex.domain.rejections import RejectionThrottle
from vortex.domain.trade import RejectionRow
from vortex.messages import Recipient, RecordRejection, RiskDenied
from vortex.ports import Ids


class Rejector:
    """One symbol's rejections on their way to storage; `meters` counts all of them, also those without a row.

    Attributes:
        hypotheticals: What those that were written down would have made.
    """

    def __init__(self, *, storage: Recipient, labels: RowLabels, ids: Ids, meters: SymbolMeters | None = None) -> None:
        self.hypotheticals = Hypotheticals()
        self._storage = storage
        self._labels = labels
        self._ids = ids
        self._meters = meters or SymbolMeters()
        self._throttle = RejectionThrottle()
        self._waiting: tuple[Explanation, Decimal] | None = None

    def keep(self, explained: Explanation, daily_pnl_usdt: Decimal) -> None:
        """Remember an accepted verdict: the account may still deny it."""
        self._waiting = (explained, daily_pnl_usdt)

    def denied(self, message: RiskDenied, now_ms: int) -> Explanation | None:
        """Write down that the account's own limits refused what the gates had accepted; return the whole story."""
        if self._waiting is None:
            return None
        kept, daily_pnl_usdt = self._waiting
        explained = explain(kept.decision, kept.components, kept.verdict, message.details)
        self._write(explained, message.code, daily_pnl_usdt, now_ms)
        return explained

    def reject(self, explained: Explanation, daily_pnl_usdt: Decimal, now_ms: int) -> None:
        """Write down that a gate refused."""
        code = explained.verdict.code if explained.verdict is not None else None
        self._write(explained, code or "", daily_pnl_usdt, now_ms)

    def _write(self, explained: Explanation, code: str, daily_pnl_usdt: Decimal, now_ms: int) -> None:
        decision, verdict = explained.decision, explained.verdict
        side, strategy = decision.side, decision.strategy
        if side is None or strategy is None:
            return  # HOLD is no rejection
        self._meters.rejections[code] += 1
        count = self._throttle.offer(side, strategy, code, now_ms)
        if count is None:
            return
        logger.info("{}: {} {} rejected: {}", decision.symbol, strategy, side, code)
        if verdict is not None and verdict.figures is not None:
            self.hypotheticals.follow(strategy, code, verdict.figures, now_ms)
        row = RejectionRow(
            id=self._ids.uuid(),
            symbol=decision.symbol,
            action=side,
            strategy=strategy,
            rejection_reason=code,
            confidence=decision.confidence,
            final_score=decision.final_score,
            daily_pnl=daily_pnl_usdt,
            details=rejection_details(explained),
            count=count,
            mode=self._labels.mode,
            account=self._labels.account,
            market_source=self._labels.market_source,
            profile=self._labels.profile,
            created_at=now_ms,
        )
        self._storage.tell(RecordRejection(row=row))
