"""One request of one symbol goes wrong (F16 to F20, F32): lost, refused, late, unreadable, or answered from the past."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from functools import partial

import pytest

from tests.kit.stand import ALGO, ORDER, Play, Stand, Trial, stand, trials

pytestmark = pytest.mark.e2e

SYMBOLS = 10
TIMEOUT_MS, QUERY_MS = 2_000, 4_000
OPEN_ORDERS, OPEN_ALGOS = "/fapi/v1/openOrders", "/fapi/v1/openAlgoOrders"
POSITION, FILLS = "/fapi/v2/positionRisk", "/fapi/v1/userTrades"
LOST = ("timeout_after_apply", "reset_after_apply", "http:502@after", "http:504@after", "empty_200", "truncate",
        "html_200")  # fmt: skip
NEVER = ("timeout_before_apply", "reset_before_apply")
DELAYS = ("delay:9900", "delay:30000")
MAYBE = ("http:503_unknown", "http:503", "code:-1000@after", "code:-1001@after", "code:-1006@after", "code:-1007@after",
         "code:-1008")  # fmt: skip


def entry(do: str, trial: Trial) -> None:
    """The order that opens."""
    trial.cost_ms = TIMEOUT_MS
    rule = trial.rule("POST", ORDER, do)
    trial.resume()
    trial.fired(rule)


def leaving(do: str, trial: Trial) -> None:
    """The order that closes: the time exit's."""
    trial.resume()
    trade_id = trial.opened()["trade_id"]
    trial.cost_ms = TIMEOUT_MS
    rule = trial.rule("POST", ORDER, do)
    trial.paused()
    trial.fired(rule)
    assert trial.ended(trade_id).close_reason == "TIME_EXIT"


def stop(do: str, trial: Trial) -> None:
    """The first of the conditional orders: the stop."""
    trial.cost_ms = TIMEOUT_MS
    rule = trial.rule("POST", ALGO, do)
    trial.resume()
    trial.fired(rule)


def plays() -> dict[str, Play]:
    found: dict[str, Play] = {}
    kinds: tuple[Callable[[str, Trial], None], ...] = (entry, leaving, stop)
    for number, dos in (("F16", LOST), ("F17", NEVER), ("F18", DELAYS), ("F20", MAYBE)):
        for kind in kinds:
            for do in dos:
                found[f"{number}-{kind.__name__}-{do.replace(':', '_')}"] = partial(kind, do)
    return found


PLAYS = plays()


@pytest.fixture(scope="module")
def played(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Future[None]]]:
    wanted = {item.callspec.params["name"] for item in request.session.items if item.module is request.module}
    with stand(tmp_path_factory.mktemp("requests") / "data", SYMBOLS) as built:
        yield trials(built, {name: PLAYS[name] for name in PLAYS if name in wanted}, built.symbols)


@pytest.mark.parametrize("name", PLAYS)
def test_one_request(name: str, played: Mapping[str, Future[None]]) -> None:
    played[name].result()
