"""One request of one symbol goes wrong (F16-F20, F32): lost, refused, late, unreadable, or answered from the past."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from tests.kit.invariants import trade_id
from tests.kit.stand import ALGO, MANY, ORDER, Play, Played, Trial, played, sampled

pytestmark = pytest.mark.e2e

SYMBOLS = 6
EVERY = 4
"""Of these trials are in the usual tests, the others in chaos."""
TIMEOUT_MS, QUERY_MS = 2_000, 4_000
OPEN_ORDERS, OPEN_ALGOS = "/fapi/v1/openOrders", "/fapi/v1/openAlgoOrders"
POSITION, FILLS = "/fapi/v2/positionRisk", "/fapi/v1/userTrades"
LOST = ("timeout_after_apply", "reset_after_apply", "http:502@after", "http:504@after", "empty_200", "truncate",
        "html_200")  # fmt: skip
NEVER = ("timeout_before_apply", "reset_before_apply")
DELAYS = ("delay:9900", "delay:30000")
MAYBE = ("http:503_unknown", "http:503", "code:-1000@after", "code:-1001@after", "code:-1006@after", "code:-1007@after",
         "code:-1008")  # fmt: skip
ODD = ("json:{}", "json:[1, 2]", "json:null", 'json:{"orderId": "x", "status": 7}')


def entry(do: str, trial: Trial) -> None:
    """The order that opens."""
    trial.cost_ms = TIMEOUT_MS
    rule = trial.rule("POST", ORDER, do)
    trial.resume()
    trial.fired(rule)


def leaving(do: str, trial: Trial) -> None:
    """The order that closes: the time exit's."""
    trial.resume()
    trade = trial.opened()["trade_id"]
    trial.cost_ms = TIMEOUT_MS
    rule = trial.rule("POST", ORDER, do)
    trial.paused()
    trial.fired(rule)
    assert trial.ended(trade).close_reason == "TIME_EXIT"


def stop(do: str, trial: Trial) -> None:
    """The first of the conditional orders: the stop."""
    trial.cost_ms = TIMEOUT_MS
    rule = trial.rule("POST", ALGO, do)
    trial.resume()
    trial.fired(rule)


def entry_and_stop(do: str, trial: Trial) -> None:
    """The stop right after the fill is refused, again and again: the position is closed."""
    rule = trial.rule("POST", ALGO, do, times=MANY)
    trial.cost_ms = TIMEOUT_MS if do.startswith("timeout") else 0
    trial.resume()
    trial.fired(rule)
    trial.paused()
    entry = trial.seen("fills", lambda fill: fill["client_id"].endswith("E"), "a fill")["client_id"]
    assert trial.ended(trade_id("main", trial.symbol, entry)).close_reason == "PROTECTION_FAILED"
    if do == "code:-2021":
        assert trial.stand.hits(rule) <= len(trial.ledger()["fills"]), "what is refused for good is not tried again"


def lag(path: str, do: str, trial: Trial) -> None:
    """An order's reply is lost, and a query answers from the past."""
    trial.cost_ms = TIMEOUT_MS
    rules = [trial.rule("GET", path, do, times=MANY), trial.rule("POST", ORDER, "timeout_after_apply", nth=1)]
    rules.append(trial.rule("POST", ALGO, "reset_after_apply", nth=1))
    trial.resume()
    trial.fired(rules[1])
    trial.opened()
    trial.paused()
    trial.until(lambda shown: shown["position"] is None, "closed")


def unreadable(path: str, do: str, trial: Trial) -> None:
    """What the exchange says of the symbol cannot be read, or denies everything, while a position is open."""
    trial.cost_ms = QUERY_MS
    trial.resume()
    trade = trial.opened()["trade_id"]
    rule = trial.rule("GET", path, do, times=MANY)
    trial.paused()
    trial.fired(rule)
    assert trial.ended(trade).close_reason == "TIME_EXIT", "nothing that was said of it closed its row"


def plays() -> dict[str, Play]:
    found: dict[str, Play] = {}

    def add(number: str, play: Callable[..., None], *words: str) -> None:
        name = "-".join((number, play.__name__, *(word.replace(":", "_").removeprefix("/fapi/") for word in words)))
        found[name] = partial(play, *words)

    for number, dos in (("F16", LOST), ("F17", NEVER), ("F18", DELAYS), ("F20", MAYBE), ("F24", ODD)):
        for kind in (entry, leaving, stop):
            for do in dos:
                add(number, kind, do)
    for path in (ORDER, ALGO, OPEN_ORDERS, OPEN_ALGOS, POSITION, FILLS):
        for do in ("lag:100", "lag:2000", "lag:10000"):
            add("F19", lag, path, do)
    for path in (OPEN_ORDERS, OPEN_ALGOS, POSITION, FILLS):
        for do in ("json:[]", "json:{}", "timeout_before_apply", "http:503", "html_200"):
            add("F37" if do == "json:[]" else "F24", unreadable, path, do)
    for do in ("code:-2021", "code:-4120", "http:503", "timeout_before_apply"):
        add("F32", entry_and_stop, do)
    return found


PLAYS = plays()


@pytest.fixture(scope="module")
def outcomes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    with played(request, tmp_path_factory.mktemp("requests") / "data", PLAYS, SYMBOLS) as found:
        yield found


@pytest.mark.parametrize("name", sampled(PLAYS, EVERY))
def test_one_request(name: str, outcomes: Played) -> None:
    outcomes[name].result()
