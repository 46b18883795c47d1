"""The account's events in Binance's field names, as the private stream sends them."""

from __future__ import annotations

from decimal import Decimal

from vortex.sim.core.events import (
    AccountPushed,
    AlgoPushed,
    ConfigPushed,
    MarginCallPushed,
    OrderPushed,
    TradePushed,
    TriggerRejectPushed,
    UserEvent,
)
from vortex.sim.core.types import SimPosition
from vortex.sim.server.render import Json, average_price, trigger_ms
from vortex.sim.server.text import plain, rounded

ZERO = Decimal(0)


def user_frame(event: UserEvent, shift_ms: int, isolated_usdt: Decimal) -> Json:
    """The event as Binance sends it; `isolated_usdt` is what all isolated positions hold of the wallet."""
    ts_ms = event.ts_ms + shift_ms
    name, body = _body(event, shift_ms, isolated_usdt)
    return {"e": name, "T": ts_ms, "E": ts_ms, **body}


def _body(event: UserEvent, shift_ms: int, isolated_usdt: Decimal) -> tuple[str, Json]:  # noqa: PLR0911  # one per kind
    match event:
        case OrderPushed():
            return "ORDER_TRADE_UPDATE", {"o": order_update(event, shift_ms)}
        case TradePushed():
            return "TRADE_LITE", trade_lite(event)
        case AlgoPushed():
            return "ALGO_UPDATE", {"o": algo_update(event, shift_ms)}
        case TriggerRejectPushed():
            row = {"s": event.symbol, "i": event.algo_id, "r": event.reason}
            return "CONDITIONAL_ORDER_TRIGGER_REJECT", {"or": row}
        case AccountPushed():
            return "ACCOUNT_UPDATE", {"a": account_update(event, isolated_usdt)}
        case ConfigPushed():
            return "ACCOUNT_CONFIG_UPDATE", config_update(event)
        case MarginCallPushed():
            return "MARGIN_CALL", {"p": [margin_call_row(event)]}


def trade_lite(event: TradePushed) -> Json:
    """The fields of TRADE_LITE: an execution without its fee."""
    order, fill = event.order, event.fill
    return {
        "s": order.symbol, "q": plain(order.quantity), "p": plain(order.price), "m": fill.maker, "c": order.client_id,
        "S": order.side, "L": plain(fill.price), "l": plain(fill.quantity), "t": fill.fill_id, "i": order.order_id,
    }  # fmt: skip


def config_update(event: ConfigPushed) -> Json:
    """What changed: a symbol's leverage, or the account's multi-assets mode."""
    if event.symbol is not None:
        return {"ac": {"s": event.symbol, "l": event.leverage}}
    return {"ai": {"j": event.multi_assets}}


def margin_call_row(event: MarginCallPushed) -> Json:
    """A position of MARGIN_CALL."""
    position = event.position
    return {
        "s": position.symbol, "ps": "BOTH", "pa": plain(position.amount), "mt": "ISOLATED",
        "iw": rounded(position.isolated_wallet), "mp": plain(position.mark_price),
        "up": rounded(position.unrealized_pnl), "mm": rounded(event.maintenance),
    }  # fmt: skip


def algo_update(event: AlgoPushed, shift_ms: int) -> Json:
    """The `o` of ALGO_UPDATE."""
    algo = event.algo
    update: Json = {
        "caid": algo.client_id, "aid": algo.algo_id, "at": "CONDITIONAL", "o": algo.kind, "s": algo.symbol,
        "S": algo.side, "ps": "BOTH", "f": algo.time_in_force, "q": plain(algo.quantity), "X": algo.status,
        "ai": "" if algo.child_order_id is None else str(algo.child_order_id),
        "ap": plain(average_price(algo)), "aq": plain(algo.executed),
        "act": "0" if algo.child_order_id is None else "LIMIT" if algo.price else "MARKET",
        "tp": plain(algo.trigger_price), "p": plain(algo.price), "V": "EXPIRE_MAKER", "wt": algo.working_type,
        "pm": "NONE", "cp": algo.close_position, "pP": False, "R": algo.reduce_only,
        "tt": trigger_ms(algo, shift_ms), "gtd": 0,
    }  # fmt: skip
    if algo.callback_rate is not None:
        update |= {"AP": plain(algo.activation_price or ZERO), "cr": plain(algo.callback_rate)}
    return update | ({"rm": event.reason} if event.reason else {})


def order_update(event: OrderPushed, shift_ms: int) -> Json:
    """The `o` of ORDER_TRADE_UPDATE."""
    order, fill = event.order, event.fill
    last = {
        "x": event.execution,
        "l": plain(fill.quantity) if fill else "0",
        "L": plain(fill.price) if fill else "0",
        "N": "USDT" if fill else None,
        "n": plain(fill.commission) if fill else None,
        "t": fill.fill_id if fill else 0,
        "m": fill.maker if fill else False,
        "rp": plain(fill.realized_pnl) if fill else "0",
        "T": (fill.ts_ms if fill else order.updated_ms) + shift_ms,
    }
    return last | {
        "s": order.symbol, "c": order.client_id, "S": order.side, "o": order.kind, "f": order.time_in_force,
        "q": plain(order.quantity), "p": plain(order.price), "ap": plain(average_price(order)), "sp": "0",
        "X": order.status, "i": order.order_id, "z": plain(order.executed), "b": "0", "a": "0", "R": order.reduce_only,
        "wt": "CONTRACT_PRICE", "ot": order.kind, "ps": "BOTH", "cp": order.close_position, "pP": False,
        "si": 0, "ss": 0, "V": "EXPIRE_MAKER", "pm": "NONE", "gtd": 0,
    }  # fmt: skip


def account_update(event: AccountPushed, isolated_usdt: Decimal) -> Json:
    """The `a` of ACCOUNT_UPDATE: the wallet and the positions that changed."""
    wallet = {
        "a": "USDT",
        "wb": plain(event.wallet),
        "cw": rounded(event.wallet - isolated_usdt),
        "bc": rounded(event.change),
    }
    return {"m": event.reason, "B": [wallet], "P": [_position(position) for position in event.positions]}


def _position(position: SimPosition) -> Json:
    return {
        "s": position.symbol, "pa": plain(position.amount), "ep": rounded(position.entry_price),
        "bep": rounded(position.entry_price), "cr": "0", "up": rounded(position.unrealized_pnl), "mt": "isolated",
        "iw": rounded(position.isolated_wallet), "ps": "BOTH",
    }  # fmt: skip
