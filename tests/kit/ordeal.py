"""A running system that is mistreated while it trades: what is done to it, what is awaited, how it is judged."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from tests.kit import invariants, stalls
from tests.kit.ledger import Span, trades_of
from tests.kit.processes import Engine, engine, eventually, get, post
from vortex.adapters.sqlite.cold_store import SqliteColdStore

SOON_S, TRADE_S, HALT_S = 30.0, 90.0, 90.0
"""Real seconds, on a busy machine. Many starts within a minute use its weight up, and entries wait for the next one."""
LOOK_S = 0.1
MOVING = {
    "VORTEX__DECISION__A__THETA": "0.001",
    "VORTEX__DECISION__A__CONFIDENCE_MIN": "0",
    "VORTEX__DECISION__A__S1_MIN": "-1",
    "VORTEX__RISK__COOLDOWN_CLOSE_S": "0",
    "VORTEX__RISK__COOLDOWN_LOSSES_S": "0",
    "VORTEX__RISK__GOVERNOR_LOSING_TRIPS_PER_HOUR": "100000",
}
"""Almost any book is a reason to enter."""
HOLD_S = 8
ENTERING = ("ORDER", "FILL", "POSITION")
"""The events of a fill."""


def holding(seconds: int) -> dict[str, str]:
    """Trades are closed after so many seconds of the exchange's time, whatever their strategy."""
    return {f"VORTEX__RISK__{strategy}__MAX_HOLD_S": str(seconds) for strategy in "AB"}


class Ordeal:
    """Two symbols on one simulated exchange, and the processes that trade them, one after another.

    Attributes:
        victim: The symbol whose actors suffer.
        other: The symbol that must not notice.
        running: The present process.
    """

    running: Engine

    def __init__(self, sim_url: str, victim: str, other: str, data_dir: Path) -> None:
        self.sim_url, self.victim, self.other, self.data_dir = sim_url, victim, other, data_dir
        self._down: list[Span] = []
        self._ended_ms: int | None = None

    @contextmanager
    def trading(self, **settings: str) -> Iterator[Engine]:
        """One process, ready and trading; the time without any is noted for the judge."""
        where = {"TRADING_PAIRS": f"{self.victim},{self.other}", "VORTEX__EXCHANGE__SIMULATOR_URL": self.sim_url}
        with engine(self.data_dir, **(where | MOVING | holding(HOLD_S) | settings)) as self.running:
            self.running.wait_ready()
            if self._ended_ms is not None:
                self._down.append((self._ended_ms, self._now_ms()))
            yield self.running
        self._ended_ms = self._now_ms()

    # ------------------------------------------------------------------------------------------------------- doing

    def crash(self, path: str, how: str = "exception", **more: float) -> None:
        """Order a crash of an actor, as anybody can who is allowed to."""
        assert self.command("chaos/crash", actor=path, how=how, **more) == {"ok": True}

    def crash_and_recover(self, path: str, how: str = "exception", **more: float) -> None:
        """Crash an actor and wait until its next incarnation runs."""
        generation = self.running.actor(path)["generation"]
        self.crash(path, how, **more)

        def back() -> bool:
            shown = self.running.actor(path)
            return bool(shown["generation"] > generation and shown["state"] == "READY")

        eventually(back, SOON_S, f"{path} after generation {generation}")

    def command(self, name: str, **body: object) -> object:
        """Post a command to the control API."""
        return post(f"{self.running.run['control_url']}/api/{name}", body)

    # ----------------------------------------------------------------------------------------------------- looking

    def status(self) -> Mapping[str, Any]:
        shown: Mapping[str, Any] = self.running.api("/api/status")
        return shown

    def symbol(self, symbol: str) -> dict[str, Any]:
        shown: dict[str, Any] = self.status()["symbols"][symbol]
        return shown

    def pending(self) -> int:
        """Rows that wait in the outbox, read from disk: whoever sees to it may be stuck."""
        with closing(sqlite3.connect(self.data_dir / "journal.db")) as journal:
            return int(journal.execute("select count(*) from outbox").fetchone()[0])

    def ledger(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = get(f"{self.sim_url}/sim/v1/ledger")
        return found

    # ----------------------------------------------------------------------------------------------------- awaiting

    def position_open(self, symbol: str) -> str:
        """Wait for a protected position; returns its trade id."""

        def found() -> str | None:
            shown = self.symbol(symbol)
            return str(shown["position"]["trade_id"]) if shown["protected"] else None

        return eventually(found, TRADE_S, f"a protected position in {symbol}", self.status)

    def reaches(self, symbol: str, state: str, timeout_s: float = SOON_S) -> None:
        eventually(lambda: self.symbol(symbol)["state"] == state, timeout_s, f"{symbol} {state}")

    def is_well(self) -> None:
        """Wait until every actor runs, it is ready, and every gate is open."""
        running = self.running
        eventually(lambda: {each["state"] for each in running.api("/api/actors")} == {"READY"}, SOON_S, "all READY")
        eventually(lambda: running.api("/readyz")["ready"], SOON_S, "readyz")
        eventually(lambda: self.status()["gates"] == [], SOON_S, "no closed gate", self.status)

    def is_flat(self, *symbols: str) -> None:
        eventually(lambda: all(self.symbol(each)["position"] is None for each in symbols), SOON_S, f"{symbols} flat")

    # ------------------------------------------------------------------------------------------------------ judging

    def is_left_protected(self, *, died: bool = False) -> None:
        """Without a process, the stop of every open position rests on the exchange; after a death as far as it got."""
        for symbol in (self.victim, self.other):
            mine = [entry for entry in self.ledger()["timeline"] if entry["symbol"] == symbol]
            if not mine or float(mine[-1]["position_amt"]) == 0 or mine[-1]["stop_working"]:
                continue
            # One that died at once may have done so between a fill and its stop: the next start sees to that.
            assert died, mine[-1]
            assert mine[-1]["event"] in ENTERING, mine[-1]

    def judge(self) -> None:
        """End all trades and the process; then exchange and rows on disk must agree, and nothing was ever unsafe."""
        both = (self.victim, self.other)
        self.command("pause")
        self.command("flatten")
        self.is_flat(*both)
        eventually(lambda: self.pending() == 0, SOON_S, "the outbox is empty")
        assert self.running.stop() == 0
        with closing(SqliteColdStore.read_only(self.data_dir / "vortex.db")) as store:
            rows = store.recent_trades(10_000)
        ledger, clock = self.ledger(), self._clock()
        down, load_ms = [*self._down, *stalls.spans_ms(clock)], round(stalls.BUSY_MS * clock["speed"])
        assert trades_of(ledger, self.victim), "there was nothing to judge"
        violations = [
            *invariants.of_ids(ledger),
            *(each for symbol in both for each in invariants.of_symbol(ledger, symbol, down, cost_ms=load_ms)),
            *invariants.of_rows(rows, ledger, both),
        ]
        assert violations == []

    def _now_ms(self) -> int:
        return int(self._clock()["now_ms"])

    def _clock(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = get(f"{self.sim_url}/sim/v1/clock")
        return found


class Heartbeat:
    """Watches from outside that a symbol goes on deciding.

    Attributes:
        longest_ms: The longest time between two decisions that were seen, of the exchange's time and without what the
            machine stalled: never less than the longest pause then, and more by what a look takes.
    """

    def __init__(self, ordeal: Ordeal, symbol: str) -> None:
        self.longest_ms = 0
        self._ordeal, self._symbol = ordeal, symbol
        self._last_ms: int | None = None
        self._seen_s = time.monotonic()
        self._speed = float(get(f"{ordeal.sim_url}/sim/v1/clock")["speed"])
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(SOON_S)

    def _watch(self) -> None:
        while not self._over.wait(LOOK_S):
            with suppress(OSError):  # one that was killed does not answer
                self._see(self._ordeal.symbol(self._symbol)["decision"])

    def _see(self, decision: Mapping[str, Any] | None) -> None:
        if decision is not None:
            ts_ms: int = decision["ts_ms"]
            now_s = time.monotonic()
            stalled_ms = (now_s - self._seen_s - stalls.lasted_s(self._seen_s)) * 1_000 * self._speed
            self.longest_ms = max(self.longest_ms, ts_ms - (self._last_ms or ts_ms) - round(stalled_ms))
            if ts_ms != self._last_ms:
                self._last_ms, self._seen_s = ts_ms, now_s


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Hold a SQLite file so that nobody else can write."""
    with closing(sqlite3.connect(database, isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        yield
        holder.execute("ROLLBACK")
