"""A frozen Redis and a ledger that does not answer: how long decisions and orders take beside them."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Literal, TypeAlias

from msgspec import Struct

from tests.bench.measure import os_threads
from tests.bench.pace import Pace
from tests.bench.slow_replies import SETTINGS
from tests.bench.world import MakeStorage
from tests.kit.redis_server import redis_server
from vortex.actors.storage import StorageActor
from vortex.adapters.courier import Couriers
from vortex.adapters.redis.store import RedisHotStore
from vortex.adapters.sqlite.outbox import SqliteOutbox, open_delivery
from vortex.app.collector import calm
from vortex.domain.operation import Gate
from vortex.domain.trade import CloseReason, RejectionRow, TradeRow
from vortex.messages import EntryFailed, GateOpened, OpenPosition, Recipient
from vortex.ports import HotStore

How: TypeAlias = Literal["memory", "redis", "stalled"]
"""Without Redis; with it; with it frozen, and a ledger that takes a minute for every answer."""
STALL_S = 60.0
ENTERING = {
    **SETTINGS,
    "VORTEX__RISK__COOLDOWN_FAILURE_S": "1",  # an entry of each symbol a second
    "VORTEX__RISK__NOTIONAL_SYMBOL_MAX": "5",
    "VORTEX__RISK__NOTIONAL_TOTAL_MAX": "100",
    "VORTEX__RISK__OPEN_RISK_MAX": "1",
    "VORTEX__RISK__MAX_POSITIONS": "1000",
    "VORTEX__RISK__MAX_SAME_DIRECTION": "1000",
}
STARTED_S = 5.0


class Stall(Struct, frozen=True, kw_only=True):
    """One run; milliseconds from the delivery of a book to its decision, and to the order that follows from it."""

    decision_ms: list[float]
    order_ms: list[float]
    cpu_us: float
    """Of this process, per book."""
    threads: int
    mirror: str
    """How the mirror did at the end."""


class Ledger:
    """Implements ports.ColdStore: takes everything, after a while."""

    def __init__(self, takes_s: float) -> None:
        self._takes_s = takes_s

    def write_trades(self, rows: Sequence[TradeRow]) -> None:  # noqa: ARG002  # they are not looked at
        time.sleep(self._takes_s)

    def write_rejections(self, rows: Sequence[RejectionRow]) -> None:  # noqa: ARG002  # as above
        time.sleep(self._takes_s)

    def recent_trades(self, limit: int) -> list[TradeRow]:
        return [][:limit]

    def recent_rejections(self, limit: int) -> list[RejectionRow]:
        return [][:limit]

    def close(self) -> None: ...


def run(how: How, symbols: int, seconds: float) -> Stall:
    """Play a market in front of the product's trees, its storage, outbox and mirror."""
    calm()
    with TemporaryDirectory() as name, redis_server() as server:
        store = None if how == "memory" else RedisHotStore(server.address, _now_ms, origin="bench", token=how)
        if store is not None:
            _wait_ok(store)
        with _storage(Path(name), STALL_S if how == "stalled" else 0.0) as storage:
            pace = Pace(symbols, seconds, ENTERING, hot_store=store, storage=storage)
            if how == "stalled":
                server.freeze()
            measured = _measure(pace, "none" if store is None else "", store)
            server.thaw()
            pace.stop()
        if store is not None:
            store.close()
        return measured


def _measure(pace: Pace, mirror: str, store: HotStore | None) -> Stall:
    delivered_s: dict[str, float] = {}
    orders_s: list[float] = []

    def ordered(order: object) -> None:
        if isinstance(order, OpenPosition):
            plan = order.plan
            orders_s.append(time.monotonic() - delivered_s.get(plan.symbol, math.inf))
            failed = EntryFailed(
                trade_id=plan.decision_id, plan=plan, reason=CloseReason.ORDER_EXPIRED, detail="", ts_ms=plan.decided_ms
            )
            for path in ("account", f"{plan.symbol}/decision", f"{plan.symbol}/monitor"):
                pace.world.at(path).tell(failed)

    pace.world.on_order = ordered
    for tape in pace.tapes:  # what stands where the exchange does has no user stream to say so
        pace.world.at(tape.symbol).tell(GateOpened(gate=Gate.USER_STREAM))
    pace.on_book = lambda symbol: delivered_s.update({symbol: time.monotonic()})
    used_s, books = time.process_time(), pace.world.decisions.decided
    pace.play(lambda _: None)
    used_s, books = time.process_time() - used_s, pace.world.decisions.decided - books
    decisions_s = [each for all_of in pace.latencies_s.values() for each in all_of]
    return Stall(
        decision_ms=[each * 1e3 for each in decisions_s],
        order_ms=[each * 1e3 for each in orders_s],
        cpu_us=used_s / books * 1e6,
        threads=os_threads(),
        mirror=mirror if store is None else store.status().state,
    )


@contextmanager
def _storage(folder: Path, takes_s: float) -> Iterator[MakeStorage]:
    journal = folder / "journal.db"
    outbox = SqliteOutbox(journal, _now_ms)
    couriers = Couriers(partial(open_delivery, journal, Ledger(takes_s)), "a ledger")

    def make(exchange: Recipient) -> StorageActor:
        return StorageActor(outbox=outbox, courier=couriers(), exchange=exchange, random=Random(1))

    yield make
    couriers.close()
    outbox.close()


def _wait_ok(store: HotStore) -> None:
    until_s = time.monotonic() + STARTED_S
    while store.status().state != "OK":
        if time.monotonic() > until_s:
            raise TimeoutError(store.status().detail)
        time.sleep(0.01)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
