from decimal import Decimal

import pytest

from tests.sim.core.kit import BUY, SELL, STOP, TAKE_PROFIT
from vortex.domain.order import OrderKind, OrderSide
from vortex.sim.core.triggers import crosses


@pytest.mark.parametrize(
    ("kind", "side", "below", "at", "above"),
    [
        (STOP, SELL, True, True, False),
        (STOP, BUY, False, True, True),
        (TAKE_PROFIT, SELL, False, True, True),
        (TAKE_PROFIT, BUY, True, True, False),
    ],
)
def test_crossing(kind: OrderKind, side: OrderSide, *, below: bool, at: bool, above: bool) -> None:
    trigger = Decimal(100)
    assert [crosses(kind, side, trigger, Decimal(price)) for price in (99, 100, 101)] == [below, at, above]
