"""The crash matrix as a command: as many seeds as asked for, resumable; or one seed again, told in full."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

from tests.chaos.matrix import Verdict, run_seed, run_seeds
from tests.chaos.mutants import MUTANTS, found_by
from tests.chaos.plan import plan_of, points, possible
from tests.chaos.profile import hush
from tests.chaos.progress import Progress, say
from tests.kit.processes import REPOSITORY
from tests.kit.virtual import START_MS

SAY_EVERY_S = 10.0
PLANTED_SEEDS = range(300)
"""Those that `make test` runs too."""


def run_many(count: int, minutes: float, workers: int, state: Path) -> int:
    """Run the seeds that are missing, for so long at most; 1 when something was violated or never reached."""
    progress = Progress(state, Verdict)
    done = {verdict.seed for verdict in progress.verdicts}
    if done:
        say(f"{len(done)} seeds are known from {state}")
    began_s = said_s = monotonic()
    verdicts = run_seeds(
        (seed for seed in range(count) if seed not in done), workers, deadline_s=began_s + minutes * 60
    )
    for verdict in verdicts:
        progress.add(verdict)
        for violation in verdict.violations:
            say(f"seed {verdict.seed}: {violation}")
        if monotonic() - said_s > SAY_EVERY_S:
            said_s = monotonic()
            say(f"{len(progress.verdicts)} of {count} seeds after {said_s - began_s:.0f} s")
    return report(progress.verdicts, count)


def report(verdicts: Sequence[Verdict], count: int) -> int:
    """Say what came of it."""
    bad = sorted(verdict.seed for verdict in verdicts if verdict.violations)
    hit = {point for verdict in verdicts for point in verdict.hit}
    wanted = possible()
    missed = [point for point in wanted if point not in hit]
    crashes = sum(len(verdict.hit) for verdict in verdicts)
    say(f"{len(verdicts)} seeds, {crashes} crashes, {len(wanted) - len(missed)} of {len(wanted)} crash points reached")
    for message, reason in sorted({(point.message, reason) for point, reason in points().items() if reason}):
        say(f"out of reach: {message}: {reason}")
    for point in missed:
        say(f"never reached: {point}")
    for seed in bad:
        say(f"violated by seed {seed}; again: {sys.executable} -m tests.chaos --seed {seed}")
    if len(verdicts) < count:
        say(f"{count - len(verdicts)} seeds are left: the same command goes on")
    return 1 if bad or missed else 0


def run_one(seed: int) -> int:
    """Run one seed and tell what was planned and what happened."""
    plan, verdict = plan_of(seed), run_seed(seed)
    say(f"seed {seed}: {', '.join(plan.setting.symbols)}{' as twins' if plan.setting.twins else ''}")
    for strike in plan.strikes:
        happened = "reached" if strike.point in verdict.hit else "not reached"
        also = f", and {strike.also} with it" if strike.also else ""
        say(f"  {strike.how} {strike.point}, no. {strike.nth} from {strike.from_ms - START_MS} ms on{also}: {happened}")
    for occasion, _ in plan.occasions:
        say(f"  {(occasion.__doc__ or occasion.__name__).splitlines()[0]}")
    for violation in verdict.violations:
        say(f"  VIOLATED {violation}")
    say(f"  {verdict.cpu_s:.2f} s, trace {verdict.trace}")
    return 1 if verdict.violations else 0


def plant_all() -> int:
    """Plant every known defect and see that it is found; 1 when one is not."""
    missed = 0
    for mutation in MUTANTS:
        verdict = found_by(mutation, PLANTED_SEEDS)
        missed += verdict is None
        found = "NOT FOUND" if verdict is None else f"found by seed {verdict.seed}: {verdict.violations[0]}"
        say(f"{mutation.__name__}: {found}")
    return min(missed, 1)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2_000, help="run the seeds below this number")
    parser.add_argument("--minutes", type=float, default=60.0, help="stop after this time")
    parser.add_argument("--workers", type=int, default=2, help="processes side by side")
    parser.add_argument("--state", type=Path, default=REPOSITORY / "build" / "chaos-matrix.jsonl")
    parser.add_argument("--seed", type=int, help="run this one alone, and tell of it")
    parser.add_argument("--mutants", action="store_true", help="plant known defects instead: each must be found")
    chosen = parser.parse_args()
    hush()
    if chosen.mutants:
        return plant_all()
    if chosen.seed is not None:
        return run_one(chosen.seed)
    return run_many(chosen.seeds, chosen.minutes, chosen.workers, chosen.state)


if __name__ == "__main__":
    sys.exit(main())
