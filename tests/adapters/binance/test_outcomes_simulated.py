"""The outcome table once more, against the simulated exchange, whose ledger says what was executed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import pytest

from tests.adapters.binance.outcome_table import (
    ALGO,
    CALLS,
    ENTRY_ID,
    OF_ONE_CALL,
    ORDER,
    SAME_FOR_ALL,
    STOP_ID,
    Call,
    Row,
)
from tests.adapters.binance.probes import Probe
from tests.sim.server.kit import Running, options_of, running, short_capture
from vortex.adapters.binance.client import Credentials
from vortex.adapters.binance.hosts import simulator
from vortex.adapters.binance.loop import NetworkLoop
from vortex.adapters.binance.rest import BinanceExchange
from vortex.adapters.clock import SystemClock
from vortex.domain.order import Done, Outcome, Refused, Unknown
from vortex.messages import ExchangeReplied, UserStreamChanged

PATIENT_MS, HASTY_MS = 30_000, 60
SENT_MS = 1_500
"""Within this time a request has reached the exchange, however busy the machine is."""
MANY = 100
PRICE, LEVERAGE, RESTING = "62000", 5, "50000"
"""Above the stop of the table; the leverage before; a price at which nobody sells."""
OTHER_WORDS = {"http:503_busy": "http:503", "http:503_throttled": "code:-1008", "http:408_timeout": "code:-1007"}
"""The same answers in the words of the fault interface."""
BEYOND = ("http:503_margin", "code:1")
"""No rule can be told to answer so: a code comes with its own status, and codes are negative."""
OWN_NUMBERS = {
    "code:-1003": (-1003, 1_000), "code:-1015": (-1015, 1_000), "http:429": (-1003, 1_000),
    "http:429:7": (-1003, 7_000), "http:418:120": (-1003, 120_000),
}  # fmt: skip
"""Here every refusal for haste has a code and says how long to wait."""
EXECUTED = (
    "timeout_after_apply",
    "reset_after_apply",
    "truncate",
    "empty_200",
    "html_200",
    "json:",
    "http:503_unknown",
)
HERE_ALONE = (
    *(Row(do, "UNKNOWN") for do in ("timeout_after_apply", "reset_after_apply", "http:504@after", "http:502@after")),
    *(Row(f"code:{code}@after", "UNKNOWN") for code in (-1000, -1001, -1006, -1007, -4116)),
)
ROWS = (*(row for row in SAME_FOR_ALL if row.do not in BEYOND), *HERE_ALONE)


def executed(do: str) -> bool:
    """Whether the exchange did what it was asked before it answered so, as `docs/how-to/break-the-exchange.md` says."""
    return do.startswith(EXECUTED) or do.endswith("@after") or not do


class Rig:
    """One simulated exchange in its first state before each row, and production's client."""

    def __init__(self, venue: Running) -> None:
        self._venue, self._raw = venue, venue.client
        self._loop = NetworkLoop()
        self._loop.start()
        keys = Credentials(key="paper", secret="paper")
        self._port = BinanceExchange(self._loop, simulator(venue.server.url), keys, SystemClock())
        self._probe = Probe()
        self._port.start(self._probe)
        self._probe.expect(UserStreamChanged)

    def close(self) -> None:
        self._port.stop()
        self._loop.stop()

    def begin(self) -> None:
        """A position whose stop could rest, nothing else."""
        self._tell("reset", {})
        self._tell("market", {"symbol": "BTCUSDT", "do": "price", "to": PRICE})
        self._tell("user", {"symbol": "BTCUSDT", "do": "leverage", "leverage": LEVERAGE})
        self._tell("user", {"symbol": "BTCUSDT", "do": "open", "side": "LONG", "quantity": "0.010"})

    def rest(self) -> None:
        """An order and a stop with the ids that the table cancels rest."""
        order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.010"}
        placed = self._raw.signed("POST", ORDER, **order, price=RESTING, newClientOrderId=ENTRY_ID)
        assert placed.status == 200, placed
        placed = self._raw.stop_order("SELL", "61000.0", clientAlgoId=STOP_ID)
        assert placed.status == 200 or placed.code == -4116, placed  # that of the table rests

    def outcome(self, call: Call, do: str) -> Outcome:
        """What becomes of a call.

        The rule holds until the answer is there: parts of the question before may still arrive and meet it, and aiohttp
        repeats what may be repeated when a kept connection is found reset.
        """
        if do:
            self._raw.fault(OTHER_WORDS.get(do, do), method=call.method, path=call.path, times=MANY)
        seen = len(self._probe.told)
        changes = call.method != "GET" and do.startswith("timeout_after")  # it must have got there to do so
        hasty_ms = SENT_MS if changes else HASTY_MS
        self._port.send(call.request, hasty_ms if do.startswith("timeout") else PATIENT_MS)
        answer = self._probe.expect(ExchangeReplied, lambda answer: answer.request is call.request, after=seen)
        assert self._raw.send("DELETE", "/sim/v1/faults").status == 200
        return answer.outcome

    def bought(self) -> bool:
        """The table's order was executed."""
        return any(fill["client_id"] == ENTRY_ID for fill in self._ledger()["fills"])

    def resting(self) -> set[str]:
        ledger = self._ledger()
        return {each["client_id"] for each in (*ledger["orders"], *ledger["algo_orders"]) if each["status"] == "NEW"}

    def leverage(self) -> int:
        (position,) = self._ledger()["positions"]
        return int(position["leverage"])

    def _ledger(self) -> Mapping[str, Any]:
        ledger: Mapping[str, Any] = self._raw.ledger()
        return ledger

    def _tell(self, name: str, body: Mapping[str, Any]) -> None:
        reply = self._raw.post_json(f"/sim/v1/{name}", body)
        assert reply.status == 200, reply


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    capture = short_capture(tmp_path_factory.mktemp("market"))
    options = options_of(capture, balance_usdt=Decimal(1_000_000), order_latency_ms=0.0)
    with running(options) as venue:
        made = Rig(venue)
        yield made
        made.close()


def check(rig: Rig, call: Call, row: Row) -> None:
    outcome = rig.outcome(call, row.do)
    where = f"{call.method} {call.path} {row.do}: {outcome}"
    assert isinstance(outcome, {"DONE": Done, "REFUSED": Refused, "UNKNOWN": Unknown}[row.verdict]), where
    if isinstance(outcome, Refused):
        expected = OWN_NUMBERS.get(row.do, (row.code, row.retry_ms))
        assert (outcome.code, outcome.retry_after_ms) == expected, where


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.do)
def test_what_an_answer_proves_and_what_was_done(rig: Rig, row: Row) -> None:
    calls = {(call.method, call.path): call for call in CALLS}
    done = executed(row.do)
    rig.begin()
    for path in (ORDER, ALGO):
        check(rig, calls.pop(("POST", path)), row)
    assert rig.bought() is done
    assert rig.resting() == ({STOP_ID} if done else set())
    rig.rest()
    for call in calls.values():
        check(rig, call, row)
    assert rig.resting() == (set() if done else {ENTRY_ID, STOP_ID})
    assert rig.leverage() == (10 if done else LEVERAGE)


@pytest.mark.parametrize(
    ("call", "row"), OF_ONE_CALL, ids=lambda part: f"{part.method}-{part.path}" if isinstance(part, Call) else part.do
)
def test_what_an_answer_proves_about_one_request(rig: Rig, call: Call, row: Row) -> None:
    rig.begin()
    if call.method != "POST":
        rig.rest()
    check(rig, call, row)
