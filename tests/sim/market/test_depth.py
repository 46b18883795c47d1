from __future__ import annotations

from itertools import pairwise

import pytest

from vortex.sim.market.depth import LEVELS, ModelledDepth
from vortex.sim.market.dice import dice


def test_twenty_levels_a_side_from_the_best_price_outward() -> None:
    bids, asks = ModelledDepth(50.0, dice(1)).book(1_000, 3, 0.0)
    assert [price for price, _ in bids] == list(range(1_000, 1_000 - LEVELS, -1))
    assert [price for price, _ in asks] == list(range(1_003, 1_003 + LEVELS))
    assert all(lots >= 1 for _, lots in bids + asks)


def test_no_price_is_zero_or_less() -> None:
    bids, asks = ModelledDepth(50.0, dice(1)).book(3, 1, 0.0)
    assert [price for price, _ in bids] == [3, 2, 1]
    assert len(asks) == LEVELS


def test_quantities_have_their_mean_and_mostly_stay() -> None:
    depth = ModelledDepth(200.0, dice(1))
    books = [depth.book(1_000, 1, 0.0) for _ in range(400)]
    lots = [lots for bids, _ in books for _, lots in bids]
    assert sum(lots) / len(lots) == pytest.approx(200.0, rel=0.1)
    kept = [len(set(a[0]) & set(b[0])) for a, b in pairwise(books)]
    assert min(kept) >= LEVELS - 3
    assert max(kept) < LEVELS


def test_a_quantity_stays_at_its_price_when_the_book_moves() -> None:
    depth = ModelledDepth(200.0, dice(1))
    before, _ = depth.book(1_000, 1, 0.0)
    after, _ = depth.book(1_002, 1, 0.0)
    assert len(set(before[1:]) & set(after)) >= LEVELS - 7


def test_best_quantities_lean_to_one_side() -> None:
    depth = ModelledDepth(1_000.0, dice(1))
    books = [depth.book(1_000, 1, 1.0) for _ in range(2_000)]
    bid, ask = (sum(book[side][0][1] for book in books) / len(books) for side in (0, 1))
    assert bid / ask == pytest.approx(4.0, rel=0.4)  # 1.6 to 0.4
