"""Writing down what the risk manager refused: at once when it changes, once a minute while it repeats."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from loguru import logger

from vortex.domain.decision import Decision
from vortex.domain.pnl import RowLabels
from vortex.domain.rejections import RejectionThrottle
from vortex.domain.risk.gates import RiskVerdict, rejection_details
from vortex.domain.trade import RejectionRow
from vortex.messages import Recipient, RecordRejection, RiskDenied
from vortex.ports import Ids


class Rejector:
    """One symbol's rejections on their way to storage."""

    def __init__(self, *, storage: Recipient, labels: RowLabels, ids: Ids) -> None:
        self._storage = storage
        self._labels = labels
        self._ids = ids
        self._throttle = RejectionThrottle()
        self._waiting: tuple[Decision, RiskVerdict, Decimal] | None = None

    def keep(self, decision: Decision, verdict: RiskVerdict, daily_pnl_usdt: Decimal) -> None:
        """Remember an accepted verdict: the account may still deny it."""
        self._waiting = (decision, verdict, daily_pnl_usdt)

    def denied(self, message: RiskDenied, now_ms: int) -> None:
        """Write down that the account's own limits refused what the gates had accepted."""
        if self._waiting is not None:
            decision, verdict, daily_pnl_usdt = self._waiting
            self._write(decision, verdict, message.code, daily_pnl_usdt, now_ms, message.details)

    def reject(self, decision: Decision, verdict: RiskVerdict, daily_pnl_usdt: Decimal, now_ms: int) -> None:
        """Write down that a gate refused."""
        self._write(decision, verdict, verdict.code or "", daily_pnl_usdt, now_ms)

    def _write(
        self,
        decision: Decision,
        verdict: RiskVerdict,
        code: str,
        daily_pnl_usdt: Decimal,
        now_ms: int,
        account: Mapping[str, str] | None = None,
    ) -> None:
        side, strategy = decision.side, decision.strategy
        if side is None or strategy is None:
            return  # HOLD is no rejection
        count = self._throttle.offer(side, strategy, code, now_ms)
        if count is None:
            return
        logger.info("{}: {} {} rejected: {}", decision.symbol, strategy, side, code)
        row = RejectionRow(
            id=self._ids.uuid(),
            symbol=decision.symbol,
            action=side,
            strategy=strategy,
            rejection_reason=code,
            confidence=decision.confidence,
            final_score=decision.final_score,
            daily_pnl=daily_pnl_usdt,
            details=rejection_details(verdict, account),
            count=count,
            mode=self._labels.mode,
            account=self._labels.account,
            market_source=self._labels.market_source,
            profile=self._labels.profile,
            created_at=now_ms,
        )
        self._storage.tell(RecordRejection(row=row))
