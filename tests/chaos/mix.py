"""Troubles of every kind on real processes, then calm, then the verdict: `python -m tests.chaos.mix --seed N`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from secrets import randbelow
from tempfile import mkdtemp
from threading import Event, Thread
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tests.chaos.allowances import Deed, Evidence, judge
from tests.chaos.troubles import SYMBOLS, Trouble, troubles
from tests.kit.ordeal import MOVING, holding
from tests.kit.processes import REPOSITORY, Engine, eventually, get, post, simulator
from tests.kit.recordings import recording
from vortex.adapters.sqlite.cold_store import SqliteColdStore

SPEED = 4
READY_S = 30.0
"""Within this, of real time, a process that was started is reconciled."""
RESUME_EVERY_MS = 30_000
"""Of the exchange's time: a person looks, and undoes the pauses and halts that the engine ordered itself."""
SETTLE_MS = 10_000
CALM_MS = 60_000
"""After the last trouble, of the exchange's time: then all must be well."""
STALL_S, LOOK_S = 0.2, 0.05
KLINES = tuple(f"klines_1m/{symbol}_1m_202505-06.csv.gz" for symbol in SYMBOLS)
SETTINGS = {
    **MOVING,
    **holding(10),
    "TRADING_PAIRS": ",".join(SYMBOLS),
    "VORTEX__RISK__COOLDOWN_SL_S": "0",
    "VORTEX__RISK__COOLDOWN_FAILURE_S": "0",
    "VORTEX__RISK__GOVERNOR_ENTRIES_PER_MIN": "10000",
}
INTERNAL_FAILURE = 70
UNDONE_BY = {"pause": "resume", "halt": "unhalt", "flatten": "resume"}


class Mix:
    """One run of one seed.

    Attributes:
        deeds: What was done when, of the exchange's time; refused ones are not among them.
        outages: When there was no process that is reconciled.
        stalls: When this machine let its processes wait.
        wrongs: What was seen to go wrong while it ran.
    """

    def __init__(self, seed: int | str, sim_url: str, folder: Path) -> None:
        self.seed, self.folder, self._sim_url = seed, folder, sim_url
        self.deeds: list[Deed] = []
        self.outages: list[tuple[int, int]] = []
        self.stalls: list[tuple[int, int]] = []
        self.wrongs: list[str] = []
        self._undo: list[tuple[int, Callable[[], object]]] = []
        self._deeds_by_kind: Mapping[str, Callable[[Mapping[str, Any]], object]] = {
            "request": lambda body: self._sim("faults", body),
            "stream": lambda body: self._sim("stream", body),
            "listen_key": lambda body: self._sim("stream", body),
            "prices": lambda body: self._sim("market", body),
            "money": lambda body: self._sim("market", body),
            "algo": lambda body: self._sim("algo", body),
            "status": self._status,
            "adl": self._adl,
            "person": self._person,
            "clock": self._clock,
            "crash": self._crash,
            "root": self._crash,
            "operate": self._operate,
            "kill": self._kill,
        }
        self._engine = Engine(folder / "data", **self._settings())
        self._began_ms = self.now_ms()
        self._back()

    def now_ms(self) -> int:
        """The exchange's time."""
        return int(get(f"{self._sim_url}/sim/v1/clock")["now_ms"])

    # ------------------------------------------------------------------------------------------------------- running

    def play(self, minutes: float, calm_ms: int) -> None:
        """Trouble it for so long of real time, then let it be for so long of the exchange's."""
        end_s, drawn = time.monotonic() + 60 * minutes, troubles(self.seed)
        due_ms, with_log = self.now_ms(), (self.folder / "troubles.jsonl").open("w")
        with with_log as log, self._watch_machine():
            self._later(RESUME_EVERY_MS, self._resume)
            while time.monotonic() < end_s:
                trouble = next(drawn)
                due_ms = max(self.now_ms(), due_ms + trouble.after_ms)
                self._pass_until(due_ms)
                done = self._do(trouble)
                line = {"ts_ms": self.deeds[-1].ts_ms if done else due_ms, "done": done, "kind": trouble.kind}
                log.write(json.dumps(line | dict(trouble.body)) + "\n")
                log.flush()
            self._restore()
            self._pass_until(self.now_ms() + calm_ms)
            self._require_well(f"{calm_ms} ms after the last trouble")

    def _pass_until(self, due_ms: int) -> None:
        """Let the exchange's time pass; undo what has lasted, and start the process again when it has ended."""
        while (now_ms := self.now_ms()) < due_ms:
            self._undo_due(now_ms)
            if self._engine.process.poll() is not None:
                self._ended()
            time.sleep(min(LOOK_S, (due_ms - now_ms) / SPEED / 1_000))

    def _undo_due(self, now_ms: int) -> None:
        for entry in [entry for entry in self._undo if entry[0] <= now_ms]:
            self._undo.remove(entry)
            entry[1]()

    def _do(self, trouble: Trouble) -> bool:
        """False when it cannot be done now: no such position, no process."""
        now_ms = self.now_ms()
        try:
            self._deeds_by_kind[trouble.kind](trouble.body)
        except OSError:  # HTTPError among them
            return False
        self.deeds.append(Deed(ts_ms=now_ms, kind=trouble.kind, body=trouble.body))
        return True

    def _restore(self) -> None:
        """Let nothing be wrong any more."""
        undone, self._undo = self._undo, []
        for _, undo in undone:
            with suppress(OSError):
                undo()
        self._undo.clear()
        with urlopen(Request(f"{self._sim_url}/sim/v1/faults", method="DELETE"), timeout=5):  # noqa: S310  # this machine
            pass
        self._pass_until(self.now_ms() + SETTLE_MS)  # a process that is about to end has ended
        for command in ("unhalt", "resume"):
            eventually(partial(self._command, command, {}), READY_S, command)

    def _require_well(self, when: str) -> None:
        """Calm has come: everything runs, is ready, is written, and is protected or flat."""
        running = self._engine
        wells: Mapping[str, Callable[[], bool]] = {
            "every actor runs": lambda: {each["state"] for each in running.api("/api/actors")} == {"READY"},
            "every symbol is ready": lambda: {
                each["state"] for each in running.api("/api/status")["symbols"].values()
            } == {"READY"},
            "the outbox is empty": lambda: running.api("/api/status")["outbox"]["pending"] == 0,
            "positions are protected or flat": lambda: all(
                each["position"] is None or each["protected"]
                for each in running.api("/api/status")["symbols"].values()
            ),
        }  # fmt: skip
        for what, holds in wells.items():
            try:
                eventually(holds, 5.0, what)
            except AssertionError as late:
                gates = running.api("/api/status")["gates"]
                self.wrongs.append(f"{when}: {late}; gates {gates}")

    def finish(self) -> Evidence:
        """Flatten and stop, and gather what there is to judge."""
        with suppress(OSError):
            self._command("pause", {})
            self._command("flatten", {})
            status = self._engine.api
            with suppress(AssertionError):
                eventually(
                    lambda: all(each["position"] is None for each in status("/api/status")["symbols"].values()),
                    READY_S, "flat",
                )  # fmt: skip
        code = self._engine.stop(READY_S)
        if code != 0:
            self.wrongs.append(f"the process stopped with {code}")
        with closing(SqliteColdStore.read_only(self.folder / "data" / "vortex.db")) as store:
            rows = store.recent_trades(100_000)
        ledger = get(f"{self._sim_url}/sim/v1/ledger", 60.0)
        times = {"outages": self.outages, "stalls": self.stalls}
        for name, evidence in {"ledger": ledger, "times": times}.items():
            (self.folder / f"{name}.json").write_text(json.dumps(evidence))
        return Evidence(
            ledger=ledger, rows=tuple(rows), deeds=tuple(self.deeds), outages=tuple(self.outages),
            stalls=tuple(self.stalls),
        )  # fmt: skip

    def end(self) -> None:
        """Leave no process behind."""
        if self._engine.process.poll() is None:
            self._engine.kill()

    # ------------------------------------------------------------------------------------------------------ processes

    def _settings(self) -> dict[str, str]:
        return SETTINGS | {"VORTEX__EXCHANGE__SIMULATOR_URL": self._sim_url}

    def _ended(self) -> None:
        """Start it again, as a service manager does."""
        self._note_end()
        self._restart(self.now_ms())

    def _note_end(self) -> None:
        """No end by itself is right but that after an internal failure."""
        if (code := self._engine.process.returncode) != INTERNAL_FAILURE:
            self.wrongs.append(f"the process ended with {code}")

    def _restart(self, since_ms: int) -> None:
        self._engine = Engine(self.folder / "data", **self._settings())
        self._began_ms = since_ms
        self._back()

    def _back(self) -> None:
        """Wait for readiness; what troubles it meanwhile was done before, and ends when it is due."""
        began_s = time.monotonic()
        while True:
            if self._engine.process.poll() is not None:
                self._note_end()
                self._engine = Engine(self.folder / "data", **self._settings())
            with suppress(OSError, KeyError, ValueError):
                if self._engine.run["pid"] == self._engine.process.pid and self._engine.api("/readyz")["ready"]:
                    break
            if time.monotonic() - began_s > READY_S:
                self.wrongs.append(f"not reconciled {READY_S} s after the start at {self._began_ms}")
                break
            self._undo_due(self.now_ms())
            time.sleep(LOOK_S)
        self.outages.append((self._began_ms, self.now_ms()))

    @contextmanager
    def _watch_machine(self) -> Iterator[None]:
        over = Event()

        def watch() -> None:
            while not over.is_set():
                began_s = time.monotonic()
                time.sleep(LOOK_S)
                late_s = time.monotonic() - began_s - LOOK_S
                if late_s > STALL_S:
                    now_ms = self.now_ms()
                    self.stalls.append((now_ms - round(late_s * SPEED * 1_000), now_ms))

        thread = Thread(target=watch, daemon=True)
        thread.start()
        yield
        over.set()
        thread.join()

    # ----------------------------------------------------------------------------------------------------------- deeds

    def _sim(self, name: str, body: Mapping[str, Any]) -> object:
        return post(f"{self._sim_url}/sim/v1/{name}", body)

    def _command(self, name: str, body: Mapping[str, Any]) -> object:
        return post(f"{self._engine.run['control_url']}/api/{name}", body)

    def _later(self, for_ms: int, undo: Callable[[], object]) -> None:
        self._undo.append((self.now_ms() + for_ms, undo))

    def _status(self, body: Mapping[str, Any]) -> None:
        order = {key: body[key] for key in ("symbol", "do", "to")}
        self._sim("market", order)
        self._later(body["for_ms"], lambda: self._sim("market", order | {"to": "TRADING"}))

    def _adl(self, body: Mapping[str, Any]) -> None:
        held = {
            each["symbol"]: float(each["position_amt"]) for each in get(f"{self._sim_url}/sim/v1/ledger")["positions"]
        }
        quantity = f"{abs(held.get(body['symbol'], 0.0)) * body['share']:.3f}"
        self._sim("market", {"symbol": body["symbol"], "do": "adl", "quantity": quantity})

    def _person(self, body: Mapping[str, Any]) -> None:
        self._sim("user", {key: value for key, value in body.items() if key != "for_ms"})
        if body["do"] == "open":
            self._later(body["for_ms"], lambda: self._close(body["symbol"]))

    def _close(self, symbol: str) -> None:
        with suppress(HTTPError):  # there is no position any more
            self._sim("user", {"symbol": symbol, "do": "close"})

    def _clock(self, body: Mapping[str, Any]) -> None:
        self._sim("clock", {"offset_ms": body["offset_ms"]})
        self._later(body["for_ms"], self._clock_back)

    def _clock_back(self) -> None:
        """Once more the clock jumps."""
        self._sim("clock", {"offset_ms": 0})
        self.deeds.append(Deed(ts_ms=self.now_ms(), kind="clock", body={"offset_ms": 0}))

    def _crash(self, body: Mapping[str, Any]) -> None:
        self._command("chaos/crash", body)

    def _operate(self, body: Mapping[str, Any]) -> None:
        where = {key: value for key, value in body.items() if key == "symbol"}
        self._command(body["command"], where)
        self._later(body["for_ms"], lambda: self._take_back(body["command"], where))

    def _take_back(self, command: str, where: Mapping[str, Any]) -> None:
        with suppress(OSError):  # no process, or one that is ending: `_restore` says it again
            self._command(UNDONE_BY[command], where)

    def _resume(self) -> None:
        self._take_back("halt", {})
        self._take_back("pause", {})
        self._later(RESUME_EVERY_MS, self._resume)

    def _kill(self, body: Mapping[str, Any]) -> None:
        began_ms = self.now_ms()
        self._engine.kill()
        time.sleep(body["for_ms"] / SPEED / 1_000)
        self._restart(began_ms)


def run(seed: int | str, minutes: float, folder: Path, calm_ms: int = CALM_MS) -> list[str]:
    """Run a seed and return every violation; ledger, log and troubles stay in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    markets = [word for name in KLINES for word in ("--market", str(recording(name)))]
    number = sum(str(seed).encode())
    with simulator("--speed", str(SPEED), "--seed", str(number), "--balance", "200000", *markets) as sim_url:
        mix = Mix(seed, sim_url, folder)
        try:
            mix.play(minutes, calm_ms)
            evidence = mix.finish()
        finally:
            mix.end()
    found = [*mix.wrongs, *judge(evidence, SYMBOLS)]
    say(f"seed {seed}: {evidence.told()}")
    for each in found:
        say(f"seed {seed} VIOLATED: {each}")
    return found


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.mix", description=__doc__)
    parser.add_argument("--seed", type=int, action="append", help="run this one; several in turn; none is a random one")
    parser.add_argument("--random", action="store_true", help="and a random one, which is printed")
    parser.add_argument("--minutes", type=float, default=20.0, help="of real time, for each")
    parser.add_argument("--keep", type=Path, default=REPOSITORY / "build" / "chaos-mix", help="where evidence stays")
    chosen = parser.parse_args()
    violated = 0
    seeds = chosen.seed or []
    if chosen.random or not seeds:
        seeds = [*seeds, randbelow(10**6)]
    for seed in seeds:
        say(f"seed {seed} for {chosen.minutes} min; again: {sys.executable} -m tests.chaos.mix --seed {seed}")
        chosen.keep.mkdir(parents=True, exist_ok=True)
        folder = Path(mkdtemp(dir=chosen.keep, prefix=f"{seed}-"))
        violated += bool(run(seed, chosen.minutes, folder))
        say(f"seed {seed}: evidence in {folder}")
    return min(violated, 1)


if __name__ == "__main__":
    sys.exit(main())
