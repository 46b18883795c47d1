"""Measure what the runtime promises, as ratios of two sides in one run: `make bench` writes build/bench.json.

Each side runs in a process of its own, the two by turns, and the figure is made of their medians. Repeats: `--runs`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from tests.bench.crashes import Crashes
from tests.bench.evaluation import Evaluations
from tests.bench.first_words import Help
from tests.bench.isolation import Isolation
from tests.bench.load import Load
from tests.bench.measure import quantile
from tests.bench.outbox import Kept
from tests.bench.pages import Pages
from tests.bench.slow_replies import SlowReplies
from tests.bench.soak import Soaked
from tests.bench.stall import Stall
from tests.bench.storing import Storing

T = TypeVar("T")
OUTPUT = Path("build/bench.json")
SIDE_TIMEOUT_S = 180
MANY, FEW, PACED = 500, 100, 30
KEPT, QUEUED = 2_000, 10_500
SOAK_MIN = 20.0
LOAD_S, CRASH_S, HANG_S, SLOW_S, PAGES_S, STALL_S = 1.0, 10.0, 22.0, 12.0, 10.0, 12.0


class Figure(Struct, frozen=True, kw_only=True):
    """One promise: `value` is what counts, `system` and `reference` what it is made of."""

    value: float
    unit: str
    system: float
    reference: float
    runs: list[dict[str, Any]]


def main(arguments: Sequence[str]) -> None:
    """Run everything, print a table, write the file."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="repeats of each side")
    parser.add_argument("--only", choices=MEASURES, nargs="+", help="these alone")
    parser.add_argument("--long", action="store_true", help="what takes long, too")
    asked = parser.parse_args(arguments)
    figures: dict[str, Figure] = {}
    for each in asked.only or [name for name in MEASURES if asked.long or name not in LONG]:
        began_s = time.monotonic()
        measured = MEASURES[each](asked.runs)
        figures |= measured
        for name, figure in measured.items():
            _say(f"{name:16} {figure.value:10.3f} {figure.unit}  ({figure.system:.3f} / {figure.reference:.3f})")
        _say(f"{each}: {time.monotonic() - began_s:.0f} s, load average {os.getloadavg()[0]:.1f}")
        OUTPUT.parent.mkdir(exist_ok=True)
        OUTPUT.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=1))


def _evaluation(runs: int) -> dict[str, Figure]:
    """G6: an evaluation costs 1/30 of numpy's; E3 and E5 together 1/4 of TA-Lib's."""
    orders = [f"evaluation {how}" for how in ("kept", "kept_all", "numpy", "kept_candles", "talib", "entry")]
    kept, everything, recomputed, candles, talib, entry = _sides(Evaluations, runs, *orders)
    return {
        "G6": _ratio("us by numpy, times those on kept state", recomputed, kept, lambda each: each.us),
        "G6_all": _ratio("us by numpy, times all between two books", recomputed, everything, lambda each: each.us),
        "G6_candles": _ratio("us by TA-Lib, times those of E3 and E5", talib, candles, lambda each: each.us),
        "G6_entry": _ratio("us of all gates of an entry, times an evaluation", entry, kept, lambda each: each.us),
    }


def _footprint(runs: int) -> dict[str, Figure]:
    pool, stock = _sides(Load, runs, f"load pool {MANY} {LOAD_S}", f"load stock {MANY} {LOAD_S}")
    return {
        "G2": _ratio("symbols per core, times those of stock", pool, stock, lambda load: load.symbols_per_core),
        "G7_threads": _threads(pool, stock),
        "G7_memory": _ratio("memory per symbol, times that of stock", pool, stock, lambda load: load.memory_kb),
        "G7_start": _ratio("time to start, times that of stock", pool, stock, lambda load: load.start_s),
    }


def _few(runs: int) -> dict[str, Figure]:
    pool, stock = _sides(Load, runs, f"load pool {FEW} {LOAD_S}", f"load stock {FEW} {LOAD_S}")
    unit = f"symbols per core at {FEW}, times those of stock"
    return {"G2_100": _ratio(unit, pool, stock, lambda load: load.symbols_per_core)}


def _crashes(runs: int) -> dict[str, Figure]:
    orders = [f"crashes {PACED} {CRASH_S} {how}" for how in ("crashing", "quiet")]
    crashing, quiet = _sides(Crashes, runs + 1, *orders)  # a p99 varies most
    recoveries_ms = [taken_ms for each in crashing for taken_ms in each.recoveries_ms]
    p50_ms, p99_ms = quantile(recoveries_ms, 0.5), quantile(recoveries_ms, 0.99)
    kept, lost = sum(each.kept for each in crashing), sum(each.lost for each in crashing)
    shown = [msgspec.to_builtins(each) for each in crashing]
    return {
        "G8": _ratio("neighbours' p99, times the quiet one", crashing, quiet, lambda each: each.neighbours_p99_ms),
        "G8_recovery": Figure(value=p99_ms, unit="ms p99, median and limit", system=p50_ms, reference=5.0, runs=shown),
        "G8_lost": Figure(value=lost, unit="messages lost", system=lost, reference=kept, runs=shown),
    }


def _isolation(runs: int) -> dict[str, Figure]:
    orders = [f"isolation {PACED} {HANG_S} {how}" for how in ("hang", "spin", "quiet")]
    hang, spin, quiet = _sides(Isolation, max(1, runs - 1), *orders)  # a run is long, and has thousands of closes
    return {**_isolated("M2_hang", hang, quiet), **_isolated("M2_spin", spin, quiet)}


def _isolated(name: str, hanging: Sequence[Isolation], quiet: Sequence[Isolation]) -> dict[str, Figure]:
    shown = [msgspec.to_builtins(each) for each in hanging]
    p99_ms, quiet_ms = (statistics.median(each.p99_ms for each in side) for side in (hanging, quiet))
    worst_ms, quiet_worst_ms = (max(each.worst_ms for each in side) for side in (hanging, quiet))
    return {
        name: Figure(value=p99_ms, unit="ms p99 to close on a stop", system=p99_ms, reference=quiet_ms, runs=shown),
        f"{name}_worst": Figure(value=worst_ms, unit="ms worst", system=worst_ms, reference=quiet_worst_ms, runs=shown),
    }


def _slow_replies(runs: int) -> dict[str, Figure]:
    orders = [f"slow_replies {late} {SLOW_S}" for late in ("one", "crowd", "nobody")]
    one, crowd, nobody = _sides(SlowReplies, runs, *orders)
    return {
        "M3_slow": _stops("one symbol is answered late", one, nobody),
        "M3_crowd": _stops("20 more are", crowd, nobody),
    }


def _outbox(runs: int) -> dict[str, Figure]:
    orders = (f"append {KEPT}", f"fdatasync {KEPT}", f"drain {QUEUED}", f"executemany {QUEUED}")
    append, fdatasync, drain, executemany = _sides(Kept, runs, *(f"outbox {each}" for each in orders))
    return {
        "M4_append": _ratio(
            "p50 to keep a row, times a bare fdatasync of 4 kB", append, fdatasync, lambda one: one.p50_us
        ),
        "M4_drain": _ratio("rows a second, times bare executemany", drain, executemany, lambda one: one.per_s),
    }


def _pages(runs: int) -> dict[str, Figure]:
    orders = [f"pages {who} {PACED} {PAGES_S}" for who in ("two", "nobody")]
    two, nobody = _sides(Pages, runs, *orders)
    return {
        "M6_pages": _ratio(
            "p99 from book to decision with two pages open, times that of none", two, nobody, lambda each: each.p99_ms
        )
    }


def _soak(_runs: int) -> dict[str, Figure]:
    """Once: what leaks, leaks in every run."""
    ((soaked,),) = _sides(Soaked, 1, f"soak {SOAK_MIN}", timeout_s=SOAK_MIN * 60 + SIDE_TIMEOUT_S)
    shown = [msgspec.to_builtins(soaked)]

    def figure(what: str, end: float, warm: float) -> Figure:
        unit = f"{what} after {SOAK_MIN:.0f} min at speed 4, times those once warm; {soaked.trades} trades"
        return Figure(value=end / warm, unit=unit, system=end, reference=warm, runs=shown)

    return {
        "SOAK_memory": figure("resident MB", soaked.end_mb, soaked.warm_mb),
        "SOAK_files": figure("open files", soaked.end_files, soaked.warm_files),
        "SOAK_threads": figure("threads", soaked.end_threads, soaked.warm_threads),
    }


def _help(runs: int) -> dict[str, Figure]:
    ours, bare = _sides(Help, runs, "help vortex", "help bare")
    return {
        "M4_help": _ratio(
            "wall time of --help, times that of a bare typer program", ours, bare, lambda each: each.wall_ms
        )
    }


def _storing(runs: int) -> dict[str, Figure]:
    """M4: an upsert of 100 rows costs 1/20 of 100 single ones."""
    single, batch = _sides(Storing, runs, "storing single", "storing batch")
    unit = "CPU of 100 rows one by one, times that of one batch"
    return {"M4_batch": _ratio(unit, single, batch, lambda each: each.cpu_ms)}


def _stall(runs: int) -> dict[str, Figure]:
    orders = [f"stall {how} {PACED} {STALL_S}" for how in ("stalled", "redis", "memory")]
    stalled, quiet, memory = _sides(Stall, runs, *orders)
    return {
        "M4_stall": _p99(
            "to a decision beside a stalled ledger and Redis", stalled, quiet, lambda one: one.decision_ms
        ),
        "M4_stall_orders": _p99("to an order beside them", stalled, quiet, lambda one: one.order_ms),
        "M4_mirror": _ratio("CPU per book with Redis, times that without", quiet, memory, lambda each: each.cpu_us),
    }


def _stops(when: str, late: Sequence[SlowReplies], quiet: Sequence[SlowReplies]) -> Figure:
    return _p99(f"from fill to stop while {when}", late, quiet, lambda each: each.taken_ms)


def _p99(what: str, system: Sequence[T], quiet: Sequence[T], of: Callable[[T], Sequence[float]]) -> Figure:
    """Of few a run the p99 is the worst one: all runs of a side count as one."""
    ours, theirs = ([taken_ms for each in side for taken_ms in of(each)] for side in (system, quiet))
    unit = f"p99 {what}, times the quiet one; {len(ours)} and {len(theirs)} samples"
    late, usual = quantile(ours, 0.99), quantile(theirs, 0.99)
    runs = [
        {"system": max(of(one), default=0.0), "reference": max(of(other), default=0.0)}  # the worst of each
        for one, other in zip(system, quiet, strict=True)
    ]
    return Figure(value=late / usual, unit=unit, system=late, reference=usual, runs=runs)


def _threads(pool: Sequence[Load], stock: Sequence[Load]) -> Figure:
    most, reference = (max(each.threads for each in side) for side in (pool, stock))
    return Figure(value=most, unit=f"threads at {MANY} symbols", system=most, reference=reference, runs=[])


def _ratio(unit: str, system: Sequence[T], reference: Sequence[T], of: Callable[[T], float]) -> Figure:
    ours, theirs = (statistics.median(of(each) for each in side) for side in (system, reference))
    runs = [{"system": of(one), "reference": of(other)} for one, other in zip(system, reference, strict=True)]
    return Figure(value=ours / theirs, unit=unit, system=ours, reference=theirs, runs=runs)


def _sides(kind: type[T], runs: int, *orders: str, timeout_s: float = SIDE_TIMEOUT_S) -> list[list[T]]:
    """What each side measured, run by turns."""
    rounds = [[_side(kind, order, timeout_s) for order in orders] for _ in range(runs)]
    return [list(side) for side in zip(*rounds, strict=True)]


def _side(kind: type[T], order: str, timeout_s: float) -> T:
    command = [sys.executable, "-m", "tests.bench.side", *order.split()]
    done = subprocess.run(command, stdout=subprocess.PIPE, timeout=timeout_s, check=True)  # noqa: S603  # ourselves
    return msgspec.json.decode(done.stdout, type=kind)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


MEASURES: Mapping[str, Callable[[int], dict[str, Figure]]] = {
    "evaluation": _evaluation,
    "footprint": _footprint,
    "few": _few,
    "crashes": _crashes,
    "isolation": _isolation,
    "slow_replies": _slow_replies,
    "outbox": _outbox,
    "storing": _storing,
    "help": _help,
    "stall": _stall,
    "pages": _pages,
    "soak": _soak,
}
"""In this order."""
LONG = frozenset({"soak"})
"""Only when asked for."""

if __name__ == "__main__":
    main(sys.argv[1:])
