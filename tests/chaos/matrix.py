"""One seed of the crash matrix from start to verdict, and many of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from time import monotonic, process_time

from msgspec import Struct

from tests.chaos.plan import ACTIVE_MS, LAST_WORDS, SeedPlan, plan_of
from tests.chaos.profile import hush, scratch
from tests.chaos.stage import Stage
from tests.kit import invariants
from tests.kit.crashing import CrashPoint
from tests.kit.virtual import START_MS
from vortex.domain.order import OrderRole
from vortex.domain.trade import TradeStatus
from vortex.messages import Shutdown
from vortex.queries import GetAccount

FIRST_OCCASION_MS = (1_500, 4_500)
"""After the start."""
DEAD_S = 12.0
"""A root that crashed has ended within this time;"""
HUNG_S = 40.0
"""No actor may hang for longer than this;"""
READY_S = 5.0
"""Within this time after the last crash every actor runs and every symbol is reconciled;"""
OPEN_S = 30.0
"""within this, every gate is open;"""
TRADED_S = 60.0
"""within this, each symbol has opened and closed another trade, and its row is written."""
FLAT_S = 15.0
"""Within this time after the order to shut down nothing is open."""
STOP_S = 8.0
AHEAD = 4
"""Seeds handed to a worker before it asks."""


class Verdict(Struct, frozen=True, kw_only=True):
    """What came of one seed.

    Attributes:
        hit: Where actors crashed.
        trace: Digest of every message handled, equal for equal seeds.
        cpu_s: What it cost.
    """

    seed: int
    violations: tuple[str, ...]
    hit: tuple[CrashPoint, ...]
    trace: str
    cpu_s: float


def run_seed(seed: int) -> Verdict:
    """Run one seed in a directory of its own; `hush` comes before."""
    with scratch() as data_dir:
        return run_plan(plan_of(seed), data_dir)


def run_plan(plan: SeedPlan, data_dir: Path) -> Verdict:
    """Crash, let heal, shut down, judge."""
    before_s = process_time()
    stage = Stage(data_dir, plan.seed, plan.strikes, plan.setting)
    crash(stage, plan)
    return Verdict(
        seed=plan.seed,
        violations=tuple(conclude(stage)),
        hit=tuple(strike.point for _, strike, _ in stage.dispatcher.fired),
        trace=stage.dispatcher.trace_hash,
        cpu_s=process_time() - before_s,
    )


def conclude(stage: Stage) -> list[str]:
    """Let heal, shut down, judge: every violation of the run."""
    heal(stage)
    shut_down(stage)
    judge(stage)
    return stage.violations


def crash(stage: Stage, plan: SeedPlan) -> None:
    """Let what was planned happen, for a while or until all of it has."""
    occasions = list(plan.occasions)
    first_ms = START_MS + stage.random.randrange(*FIRST_OCCASION_MS)
    while stage.dispatcher.now_ms() < START_MS + ACTIVE_MS or occasions:
        stage.pass_s(0.4)
        if occasions and stage.dispatcher.now_ms() >= first_ms:
            occasion, roles = occasions.pop(0)
            occasion(stage, roles)
        if not occasions and all(strike.point.message in LAST_WORDS for strike in stage.dispatcher.waiting):
            break
    stage.pass_s(0.4)
    stage.dispatcher.disarm(LAST_WORDS)


def heal(stage: Stage) -> None:
    """No more crashes: everything must run again, be allowed to trade, and trade."""
    require(stage, lambda: not stage.dying, DEAD_S, "the root does not end")
    require(stage, lambda: not stage.dispatcher.hanging, HUNG_S, "a hang is not found out")
    healed_ms = stage.dispatcher.now_ms()
    stage.violations += bystanders(stage)
    require(stage, stage.all_ready, READY_S, "not every actor runs")
    require(stage, lambda: settled(stage), READY_S, "not every symbol is reconciled")
    require(stage, lambda: tradable(stage), OPEN_S, "a gate stays closed")
    wanted = any if stage.setting.twins else all

    def traded() -> bool:
        rows = stage.run.cold_store.recent_trades(20)
        done = {row.symbol for row in rows if row.status is TradeStatus.CLOSED and row.opened_at > healed_ms}
        return wanted(symbol in done for symbol in stage.symbols)

    require(stage, traded, TRADED_S, "nothing is traded any more")


def bystanders(stage: Stage) -> list[str]:
    """Who was started again though neither it nor a supervisor above it was crashed."""
    if stage.outages:
        return []  # all of them were
    hits = stage.hits
    return [
        f"{actor.path} is generation {actor.generation}"
        for actor in stage.run.system.tree()
        if stage.moved.isdisjoint(actor.path.split("/"))
        and actor.generation > 1 + sum(f"{actor.path}/".startswith(f"{path}/") for path in hits)
    ]


def require(stage: Stage, holds: Callable[[], bool], limit_s: float, otherwise: str) -> None:
    if not stage.pass_until(holds, limit_s):
        stage.violations.append(f"{otherwise} {limit_s} s after the last crash: {state_of(stage)}")


def state_of(stage: Stage) -> str:
    """What does not run, and which gates are closed."""
    down = [f"{actor.path} {actor.state}" for actor in stage.run.system.tree() if actor.state != "READY"]
    statuses = [stage.status(symbol) for symbol in stage.symbols]
    gates = [
        f"{status.symbol} {status.state}: {', '.join(f'{gate.gate} ({gate.detail})' for gate in status.gates)}"
        for status in statuses
        if status is not None
    ]
    return "; ".join([*down, *gates])


def settled(stage: Stage) -> bool:
    statuses = [stage.status(symbol) for symbol in stage.symbols]
    return all(status is not None and status.state not in ("STARTING", "RECONCILING") for status in statuses)


def tradable(stage: Stage) -> bool:
    statuses = [stage.status(symbol) for symbol in stage.symbols]
    return all(status is not None and status.entry_allowed for status in statuses)


def shut_down(stage: Stage) -> None:
    """Order the end; nothing may be opened any more; when all is flat, stop, and see that nothing is left behind."""
    while True:
        outages = len(stage.outages)
        stage.tell("root", Shutdown())
        stage.pass_s(1.0)
        require(stage, lambda: not stage.dying, DEAD_S, "the root does not end")
        if len(stage.outages) == outages:
            break  # else the one who was told is dead
    quiet_ms = stage.dispatcher.now_ms()
    require(stage, lambda: stage.open_symbol() is None, FLAT_S, "a position stays open")
    stage.pass_until(lambda: not left_over(stage), invariants.ORPHAN_MS / 1000)
    stage.violations += left_over(stage)
    late = [
        order["client_id"]
        for order in stage.run.ledger()["orders"]
        if order["client_id"].endswith(OrderRole.ENTRY) and order["received_ms"] > quiet_ms
    ]
    stage.violations += [f"{client_id} entered after the order to shut down" for client_id in late]
    if not stage.run.system.stop(STOP_S):
        stage.violations.append("the tree did not stop in time")


def judge(stage: Stage) -> None:
    """Everything by the ledger and the files."""
    ledger, found = stage.run.ledger(), stage.violations
    for symbol in stage.symbols:
        found += invariants.of_symbol(ledger, symbol, stage.unattended())
    found += invariants.of_ids(ledger)
    found += invariants.of_rows(stage.run.cold_store.recent_trades(1_000), ledger, stage.symbols)


def left_over(stage: Stage) -> list[str]:
    """What is still under way though nothing is open: each goes by itself within moments."""
    files = stage.run.files
    account = stage.ask("account", GetAccount())
    found = [f"the account believes in a position in {symbol}" for symbol in (account.exposures if account else ())]
    found += [f"{client_id} rests without a position" for client_id in stage.resting()]
    found += [f"the journal holds {kind} {key}" for kind in ("bracket", "ended") for key in files.journal.latest(kind)]
    if pending := files.outbox.status().pending:
        found.append(f"{pending} rows wait in the outbox")
    return found


def run_seeds(seeds: Iterable[int], workers: int, *, deadline_s: float = math.inf) -> Iterator[Verdict]:
    """Run many, as they finish: each in one thread of one process, `workers` at a time, none after the deadline.

    The deadline is one of the monotonic clock.
    """
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=hush) as pool:
        left = iter(seeds)
        running = {pool.submit(run_seed, seed) for seed in islice(left, AHEAD * workers)}
        while running:
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            if monotonic() < deadline_s:
                running |= {pool.submit(run_seed, seed) for seed in islice(left, len(finished))}
            for future in finished:
                yield future.result()
