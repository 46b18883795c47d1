from __future__ import annotations

import pytest

from vortex.sim.server.params import Params
from vortex.sim.server.routes import ENDPOINTS


@pytest.mark.parametrize(
    ("path", "params", "weight"),
    [
        ("/fapi/v1/depth", {"limit": "20"}, 2),
        ("/fapi/v1/depth", {}, 10),
        ("/fapi/v1/depth", {"limit": "1000"}, 20),
        ("/fapi/v1/klines", {"limit": "99"}, 1),
        ("/fapi/v1/klines", {"limit": "100"}, 2),
        ("/fapi/v1/klines", {}, 5),
        ("/fapi/v1/klines", {"limit": "1500"}, 10),
        ("/fapi/v1/openOrders", {"symbol": "BTCUSDT"}, 1),
        ("/fapi/v1/openOrders", {}, 40),
        ("/fapi/v1/openAlgoOrders", {}, 40),
        ("/fapi/v3/account", {}, 5),
        ("/fapi/v1/feeBurn", {}, 30),
    ],
)
def test_weights(path: str, params: dict[str, str], weight: int) -> None:
    assert ENDPOINTS["GET", path].weight(Params(params)) == weight


def test_orders_weigh_nothing_and_count_as_orders() -> None:
    for path in ("/fapi/v1/order", "/fapi/v1/algoOrder"):
        endpoint = ENDPOINTS["POST", path]
        assert (endpoint.weight(Params({})), endpoint.orders) == (0, True)
