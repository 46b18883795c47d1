"""Where a replay takes over what the record says: the messages that no replayed actor sends."""

from __future__ import annotations

from collections.abc import Mapping

from vortex.app.replay.entries import Handled, kind_of, unpack
from vortex.domain.market import (
    Book,
    Candle,
    CandleHistory,
    Liquidation,
    MarkPrice,
    Sentiment,
    TradeHistory,
    Trades,
    VolumeHistory,
)
from vortex.domain.order import (
    AccountUpdate,
    AlgoReport,
    ClockMeasured,
    ConfigUpdate,
    FillAnnounced,
    MarginCall,
    OrderReport,
    TriggerRejected,
)
from vortex.domain.trade import CloseReason
from vortex.messages import (
    AddSymbol,
    CloseAll,
    DiskMeasured,
    ExchangeReplied,
    Operate,
    OutboxMeasured,
    RemoveSymbol,
    RowsCarried,
    Shutdown,
    TradeRecorded,
    UserStreamChanged,
)
from vortex.queries import (
    GetAccount,
    GetExchange,
    GetExplanation,
    GetFeedAges,
    GetHypotheticals,
    GetMirror,
    GetOutbox,
    GetSymbolStatus,
)
from vortex.runtime import Crash
from vortex.runtime.control import ChildReady, Stop

WITNESSES = ("hot_store", "storage", "feed")
"""They answer to memory, disk and network: what they were told is compared, what they did is taken from the record."""

COMMON = ("vortex.messages:", "vortex.queries:")


def _kinds(*types: type) -> frozenset[str]:
    return frozenset(map(kind_of, types))


ANYONE = _kinds(
    Book, Trades, TradeHistory, Candle, CandleHistory, MarkPrice, Sentiment, Liquidation, VolumeHistory,
    ExchangeReplied, OrderReport, AlgoReport, AccountUpdate, UserStreamChanged,
    FillAnnounced, TriggerRejected, ConfigUpdate, MarginCall, ClockMeasured, DiskMeasured,
    TradeRecorded, OutboxMeasured, RowsCarried, Crash,
    GetSymbolStatus, GetMirror, GetFeedAges, GetAccount, GetExchange, GetOutbox, GetExplanation, GetHypotheticals,
)  # fmt: skip
"""From the market, the exchange, the storage actor and people."""

BY_RECEIVER: Mapping[str, frozenset[str]] = {
    "root": _kinds(Operate, AddSymbol, RemoveSymbol, Shutdown, Stop),
    "exchange": _kinds(Operate),
}
STARTED, CLOSE_ALL = kind_of(ChildReady), kind_of(CloseAll)


def is_input(handled: Handled) -> bool:
    """True when the message comes from where nothing is replayed."""
    kind, path = handled.kind, handled.path
    if kind in ANYONE or kind in BY_RECEIVER.get(path, ()):
        return True
    if kind == CLOSE_ALL and path == "exchange":  # the account's must be told again, that of the end of a run is ours
        return unpack(kind, handled.body).reason is CloseReason.SHUTDOWN
    if path in WITNESSES:
        return not kind.startswith(COMMON)  # its own timers
    return kind == STARTED and unpack(kind, handled.body).name in WITNESSES
