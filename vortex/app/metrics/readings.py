"""From what actors answer and count to samples: one function for each part of the catalogue.

What nobody answered has no sample: an unknown figure is not 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TypeAlias

from msgspec import Struct

from vortex.actors.root import SHARED
from vortex.app.api import views
from vortex.domain.meters import ACK_MS, STOP_MS, TICK_MS, Histogram, Meters, merged
from vortex.domain.operation import Gate
from vortex.domain.risk.view import AccountView
from vortex.domain.trade import OpenTrade
from vortex.queries import ExchangeStatus, HotStoreStatus, OutboxStatus, SymbolStatus
from vortex.runtime import ActorInfo

Sample: TypeAlias = tuple[str, tuple[str, ...], float | Decimal | Histogram]
"""Name, values of the labels in the order of the catalogue, value."""
Samples: TypeAlias = Iterator[Sample]
MS_PER_S = 1_000.0


class Reading(Struct, frozen=True, kw_only=True):
    """Everything that one request looks at.

    Attributes:
        symbols: Those traded now, and those that leave.
        states: The state of each symbol; None when nobody says.
        answers: What actors answered, by path.
        actors: Every actor of the tree.
        now_ms: The injected clock.
    """

    symbols: tuple[str, ...]
    states: Mapping[str, str | None]
    answers: Mapping[str, object]
    actors: tuple[ActorInfo, ...]
    now_ms: int


def samples(reading: Reading, meters: Meters) -> Samples:
    """Every sample that actors account for."""
    yield from _gates(reading)
    yield from _symbols(reading)
    yield from _feeds(reading)
    exchange = views.pick(reading.answers, "exchange", ExchangeStatus)
    if exchange is not None:
        yield from _exchange(exchange, reading.now_ms)
    account = views.pick(reading.answers, "account", AccountView)
    if account is not None:
        yield from _account(account)
    outbox = views.pick(reading.answers, "storage", OutboxStatus)
    if outbox is not None:
        yield from _outbox(outbox, reading.now_ms)
    yield from _actors(reading.actors)
    yield from _meters(meters, reading.now_ms)


def mirrored(status: HotStoreStatus) -> Samples:
    """How the hot store does, by its own word."""
    yield "vortex_hot_store_up", (), status.state == "OK"
    yield "vortex_hot_store_lost_total", (), status.lost


def _gates(reading: Reading) -> Samples:
    """Every gate, open ones too; of a symbol that does not answer those alone that are known to be closed."""
    closed = {(str(gate["gate"]), str(gate["symbol"] or "")) for gate in views.gates(reading.symbols, reading.answers)}
    heard = [each for each in reading.symbols if views.pick(reading.answers, each, SymbolStatus) is not None]
    known = {
        (gate.value, symbol) for gate in Gate for symbol in (heard and [""] if gate in views.ACCOUNT_WIDE else heard)
    }
    for key in sorted(known | closed):
        yield "vortex_gate_closed", key, key in closed


def _symbols(reading: Reading) -> Samples:
    for role in SHARED:
        yield "vortex_answered", (role,), role in reading.answers
    for symbol in reading.symbols:
        status = views.pick(reading.answers, symbol, SymbolStatus)
        if status is not None:
            yield "vortex_entry_allowed", (symbol,), status.entry_allowed
        if (state := reading.states.get(symbol)) is not None:
            yield "vortex_symbol_state", (symbol, state), 1
    exchange = views.pick(reading.answers, "exchange", ExchangeStatus)
    for symbol in dict.fromkeys((*reading.symbols, *exchange.trades)) if exchange is not None else ():
        yield from _position(symbol, exchange.trades.get(symbol) if exchange is not None else None)


def _position(symbol: str, trade: OpenTrade | None) -> Samples:
    yield "vortex_positions_open", (symbol,), trade is not None
    notional_usdt = trade.plan.side.sign * trade.quantity * trade.entry_price if trade is not None else Decimal(0)
    yield "vortex_position_notional_usdt", (symbol,), notional_usdt
    if trade is not None:
        yield "vortex_position_protected", (symbol,), trade.protected


def _feeds(reading: Reading) -> Samples:
    heard: Mapping[str, Mapping[str, int | None]] = views.pick(reading.answers, "feed", dict) or {}
    for symbol, streams in heard.items():
        for stream, ts_ms in streams.items():
            if ts_ms is not None:
                yield "vortex_feed_age_seconds", (symbol, stream), max(0, reading.now_ms - ts_ms) / MS_PER_S


def _exchange(status: ExchangeStatus, now_ms: int) -> Samples:
    yield "vortex_user_stream_up", (), status.user_stream_ms is not None
    if status.user_stream_ms is not None:
        yield "vortex_user_stream_age_seconds", (), max(0, now_ms - status.user_stream_ms) / MS_PER_S
    yield "vortex_exchange_weight_used", (), status.weight_used_1m
    yield "vortex_exchange_weight_limit", (), status.weight_limit_1m
    yield "vortex_exchange_orders_per_minute", (), status.orders_1m
    yield "vortex_exchange_orders_limit", (), status.orders_limit_1m
    yield "vortex_exchange_silence_seconds", (), max(0, status.silent_until_ms - now_ms) / MS_PER_S
    yield "vortex_exchange_unknown_orders", (), status.unknown_orders


def _account(view: AccountView) -> Samples:
    if view.equity_usdt is not None:
        yield "vortex_equity_usdt", (), view.equity_usdt
    if view.available_usdt is not None:
        yield "vortex_available_usdt", (), view.available_usdt
    yield "vortex_daily_pnl_usdt", (), view.daily_pnl_usdt
    yield "vortex_trades_today", (), view.trades_today
    yield "vortex_drawdown_latched", (), view.drawdown_latched
    yield "vortex_flatten_latched", (), view.flatten_latched
    yield "vortex_governor_tripped", (), view.governor_tripped is not None


def _outbox(status: OutboxStatus, now_ms: int) -> Samples:
    yield "vortex_outbox_pending", (), status.pending
    oldest_ms = now_ms if status.oldest_ms is None else status.oldest_ms
    yield "vortex_outbox_oldest_seconds", (), max(0, now_ms - oldest_ms) / MS_PER_S
    yield "vortex_outbox_parked", (), status.parked
    yield "vortex_outbox_paused", (), status.paused is not None
    yield "vortex_outbox_dropped_rejections_total", (), status.dropped_rejections


def _actors(actors: tuple[ActorInfo, ...]) -> Samples:
    waiting: dict[str, int] = {}
    backlog_s: dict[str, float] = {}
    for actor in actors:
        key = _, role = place_of(actor.path)
        yield "vortex_actor_state", (*key, actor.state.value), 1
        yield "vortex_actor_restarts_total", key, actor.restarts
        yield "vortex_dead_letters_total", key, actor.dead_letters
        yield "vortex_conflated_messages_total", key, actor.superseded
        waiting[role] = waiting.get(role, 0) + actor.mailbox
        backlog_s[role] = max(backlog_s.get(role, 0.0), actor.backlog_s)
    for role, messages in waiting.items():
        yield "vortex_mailbox_messages", (role,), messages
        yield "vortex_mailbox_backlog_seconds", (role,), backlog_s[role]


def place_of(path: str) -> tuple[str, str]:
    """Symbol and role of an actor: `BTCUSDT/E1` is BTCUSDT's E1, a shared actor has no symbol."""
    symbol, _, role = path.partition("/")
    if role:
        return symbol, role
    return ("", path) if path in (*SHARED, "root") else (path, "supervisor")


def _meters(meters: Meters, now_ms: int) -> Samples:
    symbols = meters.symbols.copy()
    for symbol, counted in symbols.items():
        for action, n in counted.decisions.copy().items():
            yield "vortex_decisions_total", (symbol, action), n
        for reason, n in counted.rejections.copy().items():
            yield "vortex_rejections_total", (symbol, reason), n
        for (strategy, reason), n in counted.trades.copy().items():
            yield "vortex_trades_total", (symbol, strategy, reason), n
        since_ms = counted.unprotected_since_ms
        naked_ms = 0 if since_ms is None else max(0, now_ms - since_ms)
        yield "vortex_unprotected_now_seconds", (symbol,), naked_ms / MS_PER_S
        yield "vortex_unprotected_seconds_total", (symbol,), counted.unprotected_ms(now_ms) / MS_PER_S
    every = symbols.values()
    yield "vortex_tick_to_decision_seconds", (), merged((each.tick_to_decision_ms for each in every), TICK_MS)
    yield "vortex_decision_to_ack_seconds", (), merged((each.decision_to_ack_ms for each in every), ACK_MS)
    yield "vortex_fill_to_stop_seconds", (), merged((each.fill_to_stop_ms for each in every), STOP_MS)
    for (request, outcome), n in meters.requests.copy().items():
        yield "vortex_exchange_requests_total", (request, outcome), n
    for request, histogram in meters.reply_ms.copy().items():
        yield "vortex_exchange_reply_seconds", (request,), histogram
