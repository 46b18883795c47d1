"""The desk in a hostile world, over as many seeds as asked for, resumable; or one seed again."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from time import monotonic

from msgspec import Struct

from tests.chaos.progress import Progress, say
from tests.domain.hostile_judge import violations_of
from tests.kit.processes import REPOSITORY

BATCH = 100


class Batch(Struct, frozen=True, kw_only=True):
    """What came of the seeds from `first` on."""

    first: int
    violations: dict[int, list[str]]


def run_batch(first: int) -> Batch:
    """Run one batch of seeds. What the desk raises is a violation as any other."""
    found: dict[int, list[str]] = {}
    for seed in range(first, first + BATCH):
        try:
            violations = violations_of(seed)
        except Exception as error:  # noqa: BLE001  # a defect may raise anything
            violations = [repr(error)]
        if violations:
            found[seed] = violations
    return Batch(first=first, violations=found)


def run(count: int, minutes: float, workers: int, state: Path) -> int:
    """Run the seeds that are missing, for so long at most; 1 when one was violated."""
    progress = Progress(state, Batch, ("tests/domain",))
    done = {batch.first for batch in progress.verdicts}
    if done:
        say(f"{len(done) * BATCH} seeds are known from {state}")
    began_s = monotonic()
    for batch in _batches((first for first in range(0, count, BATCH) if first not in done), workers):
        progress.add(batch)
        for seed, violations in batch.violations.items():
            say(f"seed {seed}: {'; '.join(violations)}")
        if monotonic() - began_s > minutes * 60:
            break
    bad = sorted(seed for batch in progress.verdicts for seed in batch.violations)
    say(f"{len(progress.verdicts) * BATCH} seeds, {len(bad)} with violations, after {monotonic() - began_s:.0f} s")
    for seed in bad[:10]:
        say(f"violated by seed {seed}; again: {sys.executable} -m tests.chaos.faults --seed {seed}")
    return 1 if bad else 0


def _batches(firsts: Iterable[int], workers: int) -> Iterator[Batch]:
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
    try:
        yield from pool.map(run_batch, firsts)
    finally:
        pool.shutdown(cancel_futures=True)  # when time is over


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.faults", description=__doc__)
    parser.add_argument("--seeds", type=int, default=10_000, help="run the seeds below this number")
    parser.add_argument("--minutes", type=float, default=57.0, help="stop after this time")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes side by side")
    parser.add_argument("--state", type=Path, default=REPOSITORY / "build" / "chaos-faults.jsonl")
    parser.add_argument("--seed", type=int, help="run this one alone, and tell of it")
    chosen = parser.parse_args()
    if chosen.seed is not None:
        violations = violations_of(chosen.seed)
        say("\n".join([f"seed {chosen.seed}: {len(violations)} violations", *violations]))
        return 1 if violations else 0
    return run(chosen.seeds, chosen.minutes, chosen.workers, chosen.state)


if __name__ == "__main__":
    sys.exit(main())
