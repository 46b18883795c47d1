"""The process is killed before, within and after every request of a trade: as many kills as asked for, resumable."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from time import monotonic

from tests.chaos.kill_lane import LifeVerdict, lane
from tests.chaos.kill_points import life_of, points
from tests.chaos.progress import Progress, say
from tests.kit.kill_proxy import Boundary, KillPoint
from tests.kit.processes import REPOSITORY

SEASON = 20
"""Lives on one exchange: each is judged by all that went before, too."""
BUILD = REPOSITORY / "build"


def run(wanted: int, minutes: float, state: Path) -> int:
    """Kill so often, for so long at most; 1 when something was violated."""
    progress = Progress(state, LifeVerdict)
    done = {verdict.seed for verdict in progress.verdicts}
    if done:
        say(f"{kills(progress.verdicts)} kills are known from {state}")
    deadline_s = monotonic() + minutes * 60
    seeds = (seed for seed in count() if seed not in done)
    while kills(progress.verdicts) < wanted and monotonic() < deadline_s:
        with lane() as one:
            for seed, _ in zip(seeds, range(SEASON), strict=False):
                verdict = one.live(life_of(seed))
                progress.add(verdict)
                for violation in verdict.violations:
                    say(f"life {seed}: {violation}")
                if not one.sound:
                    one.keep_log(BUILD / "chaos-kills" / f"life-{seed}.log")
                    break
                if kills(progress.verdicts) >= wanted or monotonic() > deadline_s:
                    break
        say(f"{kills(progress.verdicts)} of {wanted} kills in {len(progress.verdicts)} lives")
    return report(progress.verdicts, wanted)


def kills(verdicts: Sequence[LifeVerdict]) -> int:
    return sum(len(verdict.killed) for verdict in verdicts)


def report(verdicts: Sequence[LifeVerdict], wanted: int) -> int:
    """Print how often it was killed where, and how fast it was safe again."""
    killed = Counter(_named(one.point) for verdict in verdicts for one in verdict.killed)
    say(f"{'request':40}" + "".join(f"{boundary:>10}" for boundary in Boundary))
    for name in dict.fromkeys(_named(point)[0] for point in points()):
        say(f"{name:40}" + "".join(f"{killed[name, boundary] or '-':>10}" for boundary in Boundary))
    totals = {boundary: sum(n for (_, one), n in killed.items() if one == boundary) for boundary in Boundary}
    say(f"{'all':40}" + "".join(f"{totals[boundary]:>10}" for boundary in Boundary))
    took_s = sorted(one.recovered_s for verdict in verdicts for one in verdict.killed if one.recovered_s is not None)
    if took_s:
        say(f"safe again {took_s[len(took_s) // 2]:.1f} s after a start in the median, {took_s[-1]:.1f} s at worst")
    bad = [verdict.seed for verdict in verdicts if verdict.violations]
    say(f"{kills(verdicts)} kills in {len(verdicts)} lives, {len(bad)} lives with violations")
    for seed in bad:
        say(f"violated in life {seed}; again: {sys.executable} -m tests.chaos.kills --life {seed}")
    if kills(verdicts) < wanted:
        say(f"{wanted - kills(verdicts)} kills are left: the same command goes on")
    return 1 if bad else 0


def run_one(seed: int) -> int:
    """Live one life again and tell of it."""
    with lane() as one:
        verdict = one.live(life_of(seed))
        one.keep_log(BUILD / "chaos-kills" / f"life-{seed}.log")
    for each in verdict.killed:
        recovered = "" if each.recovered_s is None else f", safe again after {each.recovered_s:.1f} s"
        say(f"killed at {each.point}{recovered}")
    for point in verdict.missed:
        say(f"never came: {point}")
    for violation in verdict.violations:
        say(f"VIOLATED {violation}")
    return 1 if verdict.violations else 0


def _named(point: KillPoint) -> tuple[str, Boundary]:
    return " ".join(filter(None, (point.method, point.path, point.role))), point.boundary


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=500, help="stop after so many")
    parser.add_argument("--minutes", type=float, default=57.0, help="stop after this time")
    parser.add_argument("--state", type=Path, default=BUILD / "chaos-kills.jsonl")
    parser.add_argument("--life", type=int, help="live this one alone, and tell of it")
    chosen = parser.parse_args()
    return run_one(chosen.life) if chosen.life is not None else run(chosen.kills, chosen.minutes, chosen.state)


if __name__ == "__main__":
    sys.exit(main())
