"""The account's one ledger of limits: the UTC day, exposure, reservations, cooldowns and the governor.

Two symbols that decide at once both pass their own gates; only this ledger sees both. It grants a reservation, which
becomes exposure when the position opens, is released when the entry fails, and expires by itself otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

import msgspec
from msgspec import Struct

from vortex.domain.money import exact, plain
from vortex.domain.order import ZERO
from vortex.domain.risk.codes import RejectCode
from vortex.domain.risk.params import RiskParams
from vortex.domain.risk.view import AccountView, Cooldown, Exposure, Room, room_of
from vortex.domain.trade import CloseReason, EntryPlan, OpenTrade

__all__ = ["AccountLedger", "AccountView", "Denial"]

SECOND_MS = 1_000
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000


class Denial(Struct, frozen=True, kw_only=True):
    """Which limit an entry would break, with the figures."""

    code: RejectCode
    details: Mapping[str, str]


class _State(Struct, kw_only=True):
    """Everything that must survive a restart; equity is not among it, it is observed anew."""

    day: int = -1
    day_start: Decimal = ZERO
    transfers: Decimal = ZERO
    transfers_ms: list[int] = []
    latched: bool = False
    flatten: bool = False
    trades_today: int = 0
    exposures: dict[str, Exposure] = {}
    cooldowns: dict[str, Cooldown] = {}
    losses: dict[str, int] = {}
    last_closed: dict[str, str] = {}
    grants_ms: list[int] = []
    losing_ms: list[int] = []
    governor: str | None = None


class AccountLedger:
    """All limits that more than one symbol shares. Times are the exchange's clock, epoch milliseconds."""

    def __init__(self, params: RiskParams) -> None:
        self._params = params
        self._cooldown_ms = {
            "CLOSE": params.cooldown_close_s * SECOND_MS,
            str(CloseReason.SL_HIT): params.cooldown_sl_s * SECOND_MS,
            "CONSECUTIVE_LOSSES": params.cooldown_losses_s * SECOND_MS,
            "ENTRY_FAILED": params.cooldown_failure_s * SECOND_MS,
        }
        self._state = _State()
        self._equity: Decimal | None = None
        self._available: Decimal | None = None
        self._observed_ms = 0

    # ------------------------------------------------------------------------------------------------- equity and day

    def equity_observed(self, now_ms: int, equity: Decimal, available: Decimal | None = None) -> None:
        """Note the equity (wallet + unrealised profit, USDT) and what is free for new margin, if known.

        The first observation of a UTC day is the day's start. The guards latch for the day: a recovery of unrealised
        profit does not release them. An account without anything is one that the exchange does not show: it is not
        known then, and nobody enters, but nothing was lost.
        """
        state, params = self._state, self._params
        if equity <= 0:
            self._equity = self._available = None
            return
        self._equity, self._available, self._observed_ms = equity, available, now_ms
        if now_ms // DAY_MS > state.day:
            self._start_day(now_ms // DAY_MS, equity)
        loss = -self._daily_pnl()
        if loss <= 0:
            return
        state.latched |= loss >= exact(params.daily_drawdown) * state.day_start
        state.flatten |= loss >= exact(params.hard_flatten) * state.day_start
        if params.max_daily_loss_usdt is not None:
            state.latched |= loss >= exact(params.max_daily_loss_usdt)

    def transferred(self, ts_ms: int, amount_usdt: Decimal) -> None:
        """Note money that entered (positive) or left the account then: it is neither profit nor loss. Once only."""
        state = self._state
        if ts_ms // DAY_MS >= state.day and ts_ms not in state.transfers_ms:
            state.transfers += amount_usdt
            state.transfers_ms.append(ts_ms)

    def _start_day(self, day: int, equity: Decimal) -> None:
        state = self._state
        state.day, state.day_start, state.transfers = day, equity, ZERO
        state.transfers_ms.clear()
        state.latched = state.flatten = False
        state.trades_today = 0
        state.losses.clear()

    def _daily_pnl(self) -> Decimal:
        state = self._state
        return ZERO if self._equity is None else self._equity - state.day_start - state.transfers

    # ----------------------------------------------------------------------------------------------- entries and exits

    def reserve(self, plan: EntryPlan, now_ms: int) -> Denial | None:
        """Grant the entry its share of the limits for `reservation_s` and return None, or say which one it breaks."""
        denial = next(self._objections(plan, now_ms), None)
        if denial is not None:
            return denial
        self._state.exposures[plan.symbol] = Exposure(
            decision_id=plan.decision_id, trade_id=None, side=plan.side, risk_usdt=plan.risk_usdt,
            notional_usdt=plan.notional_usdt, margin_usdt=plan.margin_usdt, since_ms=now_ms,
        )  # fmt: skip
        self._state.grants_ms.append(now_ms)
        return None

    def opened(self, trade: OpenTrade, now_ms: int) -> None:
        """Turn the reservation into exposure; also for a position found at start. Repeating it changes nothing."""
        state, plan = self._state, trade.plan
        known = state.exposures.get(trade.plan.symbol)
        if known is None or known.trade_id != trade.trade_id:
            state.trades_today += 1
        notional = trade.quantity * trade.entry_price
        state.exposures[plan.symbol] = Exposure(
            decision_id=plan.decision_id, trade_id=trade.trade_id, side=plan.side,
            risk_usdt=plan.risk_usdt * trade.quantity / plan.quantity, notional_usdt=notional,
            margin_usdt=notional / plan.leverage,
            since_ms=now_ms if known is None else known.since_ms,
        )  # fmt: skip

    def reconciled(self, symbol: str, trade_id: str | None) -> None:
        """Release an exposure whose end was never told: the exchange has another trade (None: no trade) there."""
        known = self._state.exposures.get(symbol)
        if known is not None and known.trade_id not in (None, trade_id):
            del self._state.exposures[symbol]

    def failed(self, plan: EntryPlan, now_ms: int) -> None:
        """Release the reservation of an entry that came to nothing, and let the symbol cool down."""
        known = self._state.exposures.get(plan.symbol)
        if known is not None and known.decision_id == plan.decision_id:
            del self._state.exposures[plan.symbol]
        self._cool(plan.symbol, now_ms, "ENTRY_FAILED")

    def closed(self, trade: OpenTrade, net_pnl: Decimal, reason: CloseReason, closed_ms: int) -> None:
        """Release the exposure, count the result, start the cooldowns. A repeated close of a trade is ignored."""
        state, symbol = self._state, trade.plan.symbol
        if state.last_closed.get(symbol) == trade.trade_id:
            return
        state.last_closed[symbol] = trade.trade_id
        state.exposures.pop(symbol, None)
        self._cool(symbol, closed_ms, "CLOSE")
        if reason is CloseReason.SL_HIT:
            self._cool(symbol, closed_ms, CloseReason.SL_HIT)
        if net_pnl > 0:
            state.losses.pop(symbol, None)
        elif net_pnl < 0:
            self._count_loss(symbol, closed_ms)

    def _count_loss(self, symbol: str, closed_ms: int) -> None:
        state, params = self._state, self._params
        losses = state.losses[symbol] = state.losses.get(symbol, 0) + 1
        if params.consecutive_losses and losses >= params.consecutive_losses:
            self._cool(symbol, closed_ms, "CONSECUTIVE_LOSSES")
        state.losing_ms = [*_since(state.losing_ms, closed_ms - HOUR_MS), closed_ms]
        if len(state.losing_ms) > params.governor_losing_trips_per_hour:
            state.governor = f"{len(state.losing_ms)} losing trades within an hour"

    def _cool(self, symbol: str, from_ms: int, cause: str) -> None:
        until_ms = from_ms + self._cooldown_ms[cause]
        known = self._state.cooldowns.get(symbol)
        if known is None or until_ms > known.until_ms:
            self._state.cooldowns[symbol] = Cooldown(until_ms=until_ms, cause=cause)

    # --------------------------------------------------------------------------------------------------------- limits

    def _objections(self, plan: EntryPlan, now_ms: int) -> Iterator[Denial]:
        """Yield what speaks against the entry, in the order of the gates."""
        view = self.view(now_ms)
        if view.governor_tripped is not None:
            yield _denial(RejectCode.HALTED, governor=view.governor_tripped)
        room = room_of(view, self._params)
        if room is None:
            yield _denial(RejectCode.STALE_DATA, missing="equity")
        else:
            yield from self._symbol_objections(plan, view)
            yield from self._count_objections(plan, view)
            yield from _room_objections(plan, room)
            yield from self._governor_objections(now_ms)

    def _symbol_objections(self, plan: EntryPlan, view: AccountView) -> Iterator[Denial]:
        known, cooldown = view.exposures.get(plan.symbol), view.cooldowns.get(plan.symbol)
        if known is not None and known.trade_id is not None:
            yield _denial(RejectCode.POSITION_EXISTS, trade_id=known.trade_id)
        elif known is not None:
            yield _denial(RejectCode.PENDING_ENTRY, decision_id=known.decision_id)
        if cooldown is not None:
            yield _denial(RejectCode.COOLDOWN, until_ms=str(cooldown.until_ms), cause=cooldown.cause)

    def _count_objections(self, plan: EntryPlan, view: AccountView) -> Iterator[Denial]:
        params, positions, same = self._params, len(view.exposures), view.same_direction(plan.side)
        if view.drawdown_latched:
            yield _denial(RejectCode.DRAWDOWN, daily_pnl_usdt=plain(view.daily_pnl_usdt))
        if positions >= params.max_positions or same >= params.max_same_direction:
            yield _denial(RejectCode.MAX_POSITIONS, positions=str(positions), same_direction=str(same))
        if params.max_trades_per_day is not None and view.trades_today >= params.max_trades_per_day:
            yield _denial(RejectCode.MAX_TRADES, trades=str(view.trades_today), limit=str(params.max_trades_per_day))

    def _governor_objections(self, now_ms: int) -> Iterator[Denial]:
        """Come last: only an entry that nothing else stops counts as one too many."""
        state, limit = self._state, self._params.governor_entries_per_min
        state.grants_ms = _since(state.grants_ms, now_ms - MINUTE_MS)
        if len(state.grants_ms) >= limit:
            state.governor = f"more than {limit} entries within a minute"
            yield _denial(RejectCode.HALTED, governor=state.governor)

    def reset_governor(self) -> None:
        """Let entries pass again after a person lifted the halt; its counts start anew."""
        self._state.governor = None
        self._state.grants_ms.clear()
        self._state.losing_ms.clear()

    # ------------------------------------------------------------------------------------------------ view and memory

    def view(self, now_ms: int) -> AccountView:
        """Return the account as it stands, without what has expired."""
        state = self._state
        self._expire(now_ms)
        known = self._equity is not None
        return AccountView(
            ts_ms=now_ms, equity_usdt=self._equity, available_usdt=self._free(),
            day_start_equity_usdt=state.day_start if known else None, daily_pnl_usdt=self._daily_pnl(),
            drawdown_latched=state.latched, flatten_latched=state.flatten, trades_today=self._trades(),
            exposures=dict(state.exposures), cooldowns=dict(state.cooldowns), governor_tripped=state.governor,
        )  # fmt: skip

    def dump(self) -> bytes:
        """Return for the journal what must survive a restart; it changes only when something happened."""
        return msgspec.json.encode(self._state)

    def restore(self, body: bytes) -> None:
        """Continue from a dump. Raises msgspec.DecodeError for anything else."""
        self._state = msgspec.json.decode(body, type=_State)

    def _trades(self) -> int:
        """Entries of the day, those under way included."""
        return self._state.trades_today + sum(each.trade_id is None for each in self._state.exposures.values())

    def _free(self) -> Decimal | None:
        """What the exchange called available, less what was granted since; never more than equity less all margins."""
        if self._equity is None:
            return None
        exposures = self._state.exposures.values()
        derived = self._equity - sum((each.margin_usdt for each in exposures), ZERO)
        if self._available is None:
            return derived
        unseen = (each.margin_usdt for each in exposures if each.since_ms > self._observed_ms)
        return min(derived, self._available - sum(unseen, ZERO))

    def _expire(self, now_ms: int) -> None:
        """Forget what is over; what began later than now begins now, for the exchange's clock was set back."""
        state, life_ms = self._state, self._params.reservation_s * SECOND_MS
        state.grants_ms = [min(each, now_ms) for each in state.grants_ms]
        for symbol, cooldown in tuple(state.cooldowns.items()):
            until_ms = min(cooldown.until_ms, now_ms + self._cooldown_ms[cooldown.cause])
            if until_ms <= now_ms:
                del state.cooldowns[symbol]
            elif until_ms < cooldown.until_ms:
                state.cooldowns[symbol] = msgspec.structs.replace(cooldown, until_ms=until_ms)
        for symbol, exposure in tuple(state.exposures.items()):
            since_ms = min(exposure.since_ms, now_ms)
            if exposure.trade_id is None and now_ms >= since_ms + life_ms:
                del state.exposures[symbol]
            elif since_ms < exposure.since_ms:
                state.exposures[symbol] = msgspec.structs.replace(exposure, since_ms=since_ms)


def _room_objections(plan: EntryPlan, room: Room) -> Iterator[Denial]:
    for code, name, wanted, left in (
        (RejectCode.EXPOSURE_CAP, "notional_usdt", plan.notional_usdt, room.notional_usdt),
        (RejectCode.EXPOSURE_CAP, "risk_usdt", plan.risk_usdt, room.risk_usdt),
        (RejectCode.INSUFFICIENT_MARGIN, "margin_usdt", plan.margin_usdt, room.margin_usdt),
    ):
        if wanted > left:
            yield _denial(code, **{name: plain(wanted), "room_usdt": plain(left)})


def _since(times_ms: list[int], from_ms: int) -> list[int]:
    return [time_ms for time_ms in times_ms if time_ms > from_ms]


def _denial(code: RejectCode, **details: str) -> Denial:
    return Denial(code=code, details=details)
