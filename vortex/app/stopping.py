"""The stop in order: no entry from now on, orders under way end, positions are guarded or, if it is wanted, closed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Literal

from loguru import logger

from vortex.app.api.status import StatusReader
from vortex.domain.money import plain
from vortex.domain.notify.kinds import Kind, Notification
from vortex.domain.trade import CloseReason, OpenTrade
from vortex.messages import CloseAll, Recipient, Shutdown
from vortex.queries import ExchangeStatus
from vortex.runtime import ActorSystem

OnExit = Literal["keep", "flatten"]

SETTLE_S: dict[OnExit, float] = {"keep": 3.0, "flatten": 4.0}
"""For orders under way to end and stops to be confirmed; or for every position to be closed."""
POLL_S = 0.05
BLIND = "the exchange actor does not answer: look at the exchange for open positions and their stops"


def settle(system: ActorSystem, reader: StatusReader, on_exit: OnExit, notifier: Recipient, why: str) -> None:
    """Close entries at once, and wait for what is under way; say what stays open, to the log and to people.

    Args:
        system: The actors, still running.
        reader: Asks the exchange actor.
        on_exit: Whether positions stay, guarded by their stops, or are closed.
        notifier: Told how it ended.
        why: What ended the run.
    """
    root, exchange = system.find("root"), system.find("exchange")
    if root is not None:
        root.tell(Shutdown())
    if on_exit == "flatten" and exchange is not None:
        exchange.tell(CloseAll(reason=CloseReason.SHUTDOWN))
    deadline_s = time.monotonic() + SETTLE_S[on_exit]
    status = reader.exchange()
    while status is not None and _under_way(status, on_exit) and time.monotonic() < deadline_s:
        time.sleep(POLL_S)
        status = reader.exchange()
    said = [BLIND] if status is None else list(_left(status, on_exit))
    for line in said:
        logger.warning("{}", line)
    if not said:
        said = ["no position is open"]
        logger.info("{}", said[0])
    notifier.tell(Notification(kind=Kind.STOP, text="\n".join((why, *said))))


def _under_way(status: ExchangeStatus, on_exit: OnExit) -> bool:
    return bool(status.unsettled or (on_exit == "flatten" and (status.trades or status.flattening)))


def _left(status: ExchangeStatus, on_exit: OnExit) -> Iterator[str]:
    """One line for each position that stays open, and for each of which it is not known whether it does."""
    for symbol, trade in status.trades.items():
        yield _stays(symbol, trade, on_exit)
    for symbol in status.unsettled:
        if symbol not in status.trades:
            yield f"{symbol}: AN ORDER WAS STILL UNDER WAY; look at the exchange"


def _stays(symbol: str, trade: OpenTrade, on_exit: OnExit) -> str:
    stop = "rests on the exchange" if trade.protected else "IS NOT CONFIRMED"
    how = "stays open" if on_exit == "keep" else "COULD NOT BE CLOSED IN TIME and stays open"
    what = f"{trade.plan.side} {plain(trade.quantity)}, stop at {plain(trade.plan.sl_price)} {stop}"
    return f"{symbol} {trade.trade_id}: {how}, {what}; time exits do not run while stopped"
