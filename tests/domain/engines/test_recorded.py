"""E1 and E2 on a slice of a recorded BTCUSDT session."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from tests.domain.builders import book, trade, trades
from vortex.domain.engines.order_flow import OrderFlowEngine, OrderFlowParams
from vortex.domain.engines.tick import TickEngine, TickParams
from vortex.domain.indicators.flow import BookFlow, book_fault
from vortex.domain.market import Book, Levels, Trades

DATA = Path(os.environ.get("VORTEX_DATA") or Path(__file__).parents[4] / "shared" / "data")
CAPTURE = DATA / "l2" / "usdm_btcusdt_20240808.gz"
LINES = 12_000
SLOT_MS = 100
DEPTH = 20

Side = dict[float, float]


def apply(side: Side, rows: list[list[str]]) -> None:
    for price, quantity in rows:
        if float(quantity) == 0.0:
            side.pop(float(price), None)
        else:
            side[float(price)] = float(quantity)


def best(side: Side, *, highest: bool) -> Levels:
    return tuple((price, side[price]) for price in sorted(side, reverse=highest)[:DEPTH])


def recorded() -> Iterator[dict[str, Any]]:
    with gzip.open(CAPTURE, "rt") as lines:
        for line in islice(lines, LINES):
            message = json.loads(line.split(" ", 1)[1])
            yield message.get("data", message)


def replay() -> Iterator[Book | Trades]:
    """The best 20 levels once per 100 ms, rebuilt from the snapshot and the diffs, and every trade."""
    bids, asks, flow = Side(), Side(), BookFlow()
    last_id, slot, epoch = 0, 0, 0
    for event in recorded():
        if "lastUpdateId" in event:
            last_id = event["lastUpdateId"]
            apply(bids, event["bids"])
            apply(asks, event["asks"])
        elif event["e"] == "depthUpdate" and last_id and event["u"] >= last_id:
            apply(bids, event["b"])
            apply(asks, event["a"])
            if event["T"] // SLOT_MS > slot:
                slot, epoch = event["T"] // SLOT_MS, epoch + 1
                tops = best(bids, highest=True), best(asks, highest=False)
                yield book(*tops, ts_ms=event["T"], steps=(flow.step(event["T"], *tops),), epoch=epoch)
        elif event["e"] == "trade":
            made = trade(
                event["t"], event["T"], buy=not event["m"], quantity=float(event["q"]), price=float(event["p"])
            )
            yield trades(made)


@pytest.mark.shared
@pytest.mark.skipif(not CAPTURE.exists(), reason="the recordings are not here")
def test_a_recorded_session_is_read_without_a_fault() -> None:
    flow, tick = OrderFlowEngine(OrderFlowParams()), TickEngine(TickParams())
    books, unscored, lean = 0, 0, list[float]()
    for value in replay():
        if isinstance(value, Book):
            assert book_fault(value.bids, value.asks) is None
            answer = flow.update(value)
            assert answer is not None
            books += 1
            unscored += answer.score is None
            assert answer.score is None or -1.0 <= answer.score <= 1.0
        else:
            said = tick.update(value)
            assert said is not None
            assert "TRADE_GAP" not in said.reasons
            if said.score is not None:
                lean.append(said.score)
    assert books > 300
    assert unscored == 10
    assert min(lean) < 0.0 < max(lean)
    assert max(map(abs, lean)) <= 1.0
