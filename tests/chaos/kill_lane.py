"""One simulated exchange and the processes that trade on it, one killed after the other; the exchange is the judge."""

from __future__ import annotations

import hashlib
import hmac
import shutil
import sqlite3
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urlencode

from msgspec import Struct

from tests.chaos.kill_points import LEVERAGE, MARGIN, ONCE, Life
from tests.chaos.profile import BTC, scratch
from tests.kit import invariants, stalls
from tests.kit.kill_proxy import NOW, KillPoint, KillProxy, kill_proxy
from tests.kit.ledger import Span
from tests.kit.ordeal import MOVING, holding
from tests.kit.processes import Engine, eventually, get, post, simulator
from vortex.adapters.sqlite.cold_store import SqliteColdStore

SPEED = 4
"""Real processes are held to their time limits up to this speed."""
HOLD_S = 4
"""Of the exchange's time."""
RECOVERED_S = 30.0
"""Within this REAL time after a process starts, its positions are reconciled and protected."""
REACH_S = 60.0
"""Real seconds after which a moment that was waited for does not come."""
CLOSED_S = 60.0
"""Real seconds within which a trade closes by its own exits, and everything about it is on disk."""
LOOK_S = 0.1
SETTINGS = MOVING | holding(HOLD_S) | {
    "VORTEX__RISK__COOLDOWN_SL_S": "0",
    "VORTEX__RISK__COOLDOWN_FAILURE_S": "0",
    "VORTEX__RISK__GOVERNOR_ENTRIES_PER_MIN": "10000",
}  # fmt: skip
MEDDLING = {LEVERAGE: {"leverage": "3"}, MARGIN: {"marginType": "CROSSED"}}


class Killed(Struct, frozen=True, kw_only=True):
    """One kill.

    Attributes:
        recovered_s: Real seconds from the next start until all was reconciled and protected; None when that process
            was killed before.
    """

    point: KillPoint
    recovered_s: float | None


class LifeVerdict(Struct, frozen=True, kw_only=True):
    """What came of one life."""

    seed: int
    killed: tuple[Killed, ...]
    missed: tuple[KillPoint, ...]
    violations: tuple[str, ...]


class Lane:
    """One symbol's processes.

    Attributes:
        sound: False once something was violated: what follows would be judged by it.
    """

    def __init__(self, sim_url: str, proxy: KillProxy, data_dir: Path) -> None:
        self._sim_url, self._proxy, self._data_dir = sim_url, proxy, data_dir
        self._down: list[Span] = []
        self._since_ms: int | None = None
        self._resumed = True
        self._engine = self._start()
        self.sound = True

    # ------------------------------------------------------------------------------------------------------ one life

    def live(self, life: Life) -> LifeVerdict:
        """Kill as planned, let the trade close, judge."""
        killed: list[Killed] = []
        missed: list[KillPoint] = []
        try:
            self._recover()
            self._meddle(life)
            for point, following in zip(life.kills, (*life.kills[1:], None), strict=True):
                if not self._killed_at(point):
                    missed.append(point)
                    continue
                killed.append(Killed(point=point, recovered_s=self._recover_before(following)))
            self._recover()
            self._settle()
            violations = self._judge()
        except AssertionError as late:  # what was awaited did not come: that is a finding, not the end of a campaign
            violations = [str(late), *self._judge()]
        self.sound = not violations
        return LifeVerdict(seed=life.seed, killed=tuple(killed), missed=tuple(missed), violations=tuple(violations))

    def _meddle(self, life: Life) -> None:
        """A person changes what the next process must set again; only while nothing is open."""
        if life.meddled is None:
            return
        self._as_a_person(life.meddled, {"symbol": BTC} | MEDDLING[life.meddled])
        self._kill()
        self._restart()

    def _killed_at(self, point: KillPoint) -> bool:
        """Wait for the moment; entries are allowed as soon as somebody can be told so."""
        self._proxy.arm(point, self._kill)
        deadline_s = monotonic() + REACH_S
        while not self._proxy.wait(LOOK_S) and monotonic() < deadline_s:
            self._resume()
        hit = self._proxy.disarm()
        if hit:
            self._restart()
        return hit

    def _recover_before(self, following: KillPoint | None) -> float | None:
        """Measure a recovery, unless the next kill may come within it."""
        in_between = following is not None and (following.method not in ("POST", NOW) or following.path in ONCE)
        return None if in_between else self._recover()

    # ---------------------------------------------------------------------------------------------------- processes

    def _start(self) -> Engine:
        self._began_s = monotonic()
        where = {"TRADING_PAIRS": BTC, "VORTEX__EXCHANGE__SIMULATOR_URL": self._proxy.url}
        return Engine(self._data_dir, **(where | SETTINGS))

    def _kill(self) -> None:
        self._engine.process.kill()

    def _restart(self) -> None:
        self._engine.process.wait()
        if self._since_ms is None:
            self._since_ms = int(get(f"{self._sim_url}/sim/v1/clock")["now_ms"])
        self._engine = self._start()

    def _recover(self) -> float:
        """Wait until all is reconciled and protected; returns what that took since the start."""
        left_s = RECOVERED_S - (monotonic() - self._began_s)
        eventually(self._safe, max(left_s, 1.0), f"reconciled and protected {RECOVERED_S} s after the start")
        if self._since_ms is not None:
            self._down.append((self._since_ms, int(get(f"{self._sim_url}/sim/v1/clock")["now_ms"])))
            self._since_ms = None
        return monotonic() - self._began_s

    def _safe(self) -> bool:
        if not (self._data_dir / "run.json").exists():
            return False
        run = self._engine.run
        if run["pid"] != self._engine.process.pid or not self._engine.api("/readyz")["ready"]:
            return False
        shown = self._symbol()
        return shown["position"] is None or shown["protected"] is True

    def _symbol(self) -> Mapping[str, Any]:
        shown: Mapping[str, Any] = self._engine.api("/api/status")["symbols"][BTC]
        return shown

    def close(self) -> None:
        self._engine.kill()

    def keep_log(self, path: Path) -> None:
        """Save what the processes said."""
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(self._engine.log, path)

    # ------------------------------------------------------------------------------------------------------- the end

    def _resume(self) -> None:
        if not self._resumed and (self._data_dir / "run.json").exists():
            try:
                self._resumed = self._safe() and bool(post(f"{self._engine.run['control_url']}/api/resume", {}))
            except OSError:
                self._resumed = False  # killed, or not up yet: the next look tells

    def _settle(self) -> None:
        """No further trade; the last one closes by its own exits, and everything is written down."""
        assert post(f"{self._engine.run['control_url']}/api/pause", {})["ok"]
        self._resumed = False
        eventually(self._flat, CLOSED_S, "the trade closes and nothing of it rests")
        eventually(self._written, CLOSED_S, "the outbox is drained")

    def _flat(self) -> bool:
        ledger = self._ledger()
        resting = [algo for algo in ledger["algo_orders"] if algo["status"] == "NEW"]
        return not ledger["positions"] and not resting and self._symbol()["position"] is None

    def _written(self) -> bool:
        with closing(sqlite3.connect(self._data_dir / "journal.db")) as journal:
            return bool(journal.execute("select count(*) = 0 from outbox").fetchone()[0])

    def _judge(self) -> list[str]:
        """Everything since the simulator began, by its ledger and by the rows on disk."""
        with closing(SqliteColdStore.read_only(self._data_dir / "vortex.db")) as store:
            rows = store.recent_trades(10_000)
        ledger = self._ledger()
        down = [*self._down, *stalls.spans_ms(get(f"{self._sim_url}/sim/v1/clock"))]
        return [
            *invariants.of_symbol(ledger, BTC, down, cost_ms=stalls.BUSY_MS * SPEED),
            *invariants.of_ids(ledger),
            *invariants.of_rows(rows, ledger, (BTC,)),
        ]

    def _ledger(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = get(f"{self._sim_url}/sim/v1/ledger")
        return found

    def _as_a_person(self, path: str, parameters: Mapping[str, str]) -> None:
        """A signed request of somebody else."""
        now_ms = str(get(f"{self._sim_url}/fapi/v1/time")["serverTime"])
        query = urlencode({**parameters, "timestamp": now_ms, "recvWindow": "60000"})
        signature = hmac.new(b"paper", query.encode(), hashlib.sha256).hexdigest()
        request = urllib.request.Request(  # noqa: S310  # this machine
            f"{self._sim_url}{path}?{query}&signature={signature}", b"", {"X-MBX-APIKEY": "paper"}
        )
        with urllib.request.urlopen(request, timeout=5.0) as reply:  # noqa: S310  # as above
            reply.read()


@contextmanager
def lane(seed: int = 7) -> Iterator[Lane]:
    """A fresh exchange, and a first process on it."""
    market = ("--market", f"{BTC}=btcusdt_20240808.gz")
    with (
        simulator("--speed", str(SPEED), "--seed", str(seed), *market) as sim_url,
        kill_proxy(sim_url) as proxy,
        scratch() as folder,
        closing(Lane(sim_url, proxy, folder / "data")) as one,
    ):
        yield one
