"""Rows under kills, lost replies, poison and an outage: every acknowledged one arrives, once, in its last version.

Resumable, season by season.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from msgspec import Struct, structs

from tests.chaos.outbox_places import OpenPlace, Place, is_uuid, named
from tests.chaos.progress import Progress, say
from tests.kit.processes import REPOSITORY

DEFAULT_STORE = "tests.chaos.supabase_place:supabase"
LIFE_S = (1.0, 4.0)
"""A life, the start of Python included."""
LONG_S = 900.0
POLL_S = 0.05
POISON, LOST = 0.005, 0.25
SEASON = 15
"""Kills on one outbox; in the outage it takes as many as it takes."""


class Plan(Struct, frozen=True, kw_only=True):
    """What happens.

    Attributes:
        kills: Lives that end by SIGKILL.
        outage_rows: The store is away, from the second life on, until so many rows wait.
        rate: Rows a second.
        minutes: After so many, no further life begins.
        from_first_row: A life is counted from its first row, however long the start of Python takes; else from that.
    """

    kills: int
    outage_rows: int
    rate: float = 100.0
    minutes: float = 50.0
    poison: float = POISON
    lost: float = LOST
    life_s: tuple[float, float] = LIFE_S
    from_first_row: bool = False


class Verdict(Struct, frozen=True, kw_only=True):
    """What came of it; `violations` is empty when all is well."""

    kills: int
    acknowledged: int
    arrived: int
    parked: int
    most_pending: int
    drained_s: float
    violations: tuple[str, ...]


class Campaign:
    """Lives on one outbox and one place.

    Args:
        folder: Of the outbox, and of the log of what was tried and acknowledged.
        place: Where rows arrive.
    """

    def __init__(self, folder: Path, place: Place) -> None:
        self.folder = folder
        self.place = place
        self.kills = 0
        self.most_pending = 0

    def command(self, *options: object) -> list[str]:
        way = ("--opener", self.place.opener, "--address", self.place.address)
        return [sys.executable, "-m", "tests.chaos.outbox_trader", str(self.folder), *way, *map(str, options)]

    def kill_after(self, life_s: float, *options: object, from_first_row: bool = False) -> None:
        """One life that is ended from outside."""
        before = self._logged()
        with _process(self.command(*options)) as process:
            while from_first_row and self._logged() == before and process.poll() is None:
                time.sleep(POLL_S)
            try:
                process.wait(life_s)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
            ended = process.wait()
        if ended != -signal.SIGKILL:
            raise AssertionError(f"the trader ended by itself, with {ended}")
        self.kills += 1

    def _logged(self) -> int:
        """How much was tried and acknowledged so far, in bytes."""
        log = self.folder / "log"
        return log.stat().st_size if log.exists() else 0

    def die_at(self, boundary: str, nth: int, *options: object) -> bool:
        """One life that ends itself there; False when it never came there."""
        with _process(self.command("--kill", boundary, "--nth", nth, *options)) as process:
            died = process.wait(LONG_S) == -signal.SIGKILL
        self.kills += died
        return died

    def drain(self) -> float:
        """A last life that writes nothing, and ends when nothing waits; returns its seconds."""
        begin_s = time.monotonic()
        with _process(self.command("--rows", 0)) as process:
            ended = process.wait(LONG_S)
        if ended != 0:
            raise AssertionError(f"the last life ended with {ended}")
        return time.monotonic() - begin_s

    def pending(self) -> int:
        """Rows that wait, and the most that ever were seen to."""
        pending = len(self._kept("error is null"))
        self.most_pending = max(self.most_pending, pending)
        return pending

    def _kept(self, which: str) -> list[str]:
        """The ids of these rows of the outbox, read past the product."""
        found: list[str] = []
        for path in (self.folder / "journal.db", self.folder / "rejections.db"):
            with closing(sqlite3.connect(path)) as file:
                if not file.execute("select 1 from sqlite_schema where name = 'outbox'").fetchone():
                    continue  # killed before it was made
                found += (row_id for (row_id,) in file.execute(f"select row_id from outbox where {which}"))  # noqa: S608  # ours
        return found

    def judge(self, drained_s: float = 0.0) -> Verdict:
        """Hold what arrived and what was set aside against what was acknowledged."""
        tried, acknowledged = _versions(self.folder / "log")
        arrived = self.place.arrived()
        aside, pending = self._kept("error is not null"), self.pending()
        return Verdict(
            kills=self.kills,
            acknowledged=len(acknowledged),
            arrived=len(arrived),
            parked=len(aside),
            most_pending=self.most_pending,
            drained_s=drained_s,
            violations=tuple(_violations(tried, acknowledged, dict(arrived), set(aside)))
            + tuple(f"{row_id}: arrived {n} times" for row_id, n in Counter(row.id for row in arrived).items() if n > 1)
            + ((f"{pending} rows still wait",) if pending else ()),
        )


def run(plan: Plan, place: Place, folder: Path, seed: int) -> Verdict:
    """Everything the plan says, to the end."""
    dice = random.Random(seed)  # the length of lives
    campaign = Campaign(folder, place)
    deadline_s = time.monotonic() + plan.minutes * 60
    options = ("--rate", plan.rate, "--poison", plan.poison)
    outage = False
    while (campaign.kills < plan.kills or outage) and time.monotonic() < deadline_s:
        if campaign.kills == 1 and plan.outage_rows and campaign.most_pending < plan.outage_rows:
            place.away(away=True)
            outage = True
        campaign.kill_after(dice.uniform(*plan.life_s), *options, from_first_row=plan.from_first_row)
        if campaign.pending() >= plan.outage_rows and outage:
            place.away(away=False)
            outage = False
            say(f"the store is back after {campaign.kills} kills, {campaign.most_pending} rows wait")
    place.away(away=False)
    return campaign.judge(campaign.drain())


def _violations(
    tried: dict[str, int], acknowledged: dict[str, int], arrived: dict[str, int], aside: set[str]
) -> Iterator[str]:
    for row_id, revision in acknowledged.items():
        if not is_uuid(row_id):
            if row_id not in aside:
                yield f"{row_id}: refused by the store, but not set aside"
        elif row_id not in arrived:
            yield f"{row_id}: acknowledged, but lost"
        elif not revision <= arrived[row_id] <= tried[row_id]:
            yield f"{row_id}: arrived in version {arrived[row_id]}, acknowledged was {revision}"
    yield from (f"{row_id}: arrived from nowhere" for row_id in arrived if row_id not in tried)
    yield from (f"{row_id}: set aside for nothing" for row_id in aside if is_uuid(row_id))


def _versions(log: Path) -> tuple[dict[str, int], dict[str, int]]:
    """The last version of each row that was tried, and that was acknowledged."""
    seen: dict[str, dict[str, int]] = {"try": {}, "ack": {}}
    for line in log.read_text("ascii").splitlines():
        word, row_id, revision = line.split()
        seen[word][row_id] = max(int(revision), seen[word].get(row_id, 0))
    return seen["try"], seen["ack"]


@contextmanager
def _process(command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, cwd=REPOSITORY, stderr=quiet)  # noqa: S603  # ours
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def campaign(plan: Plan, seed: int, state: Path, open_place: OpenPlace) -> int:
    """Seasons until there were enough kills and one long outage; 1 when something was violated.

    A season is an outbox and a ledger of its own. The first one has the outage; one that is cut short is lived again.
    """
    progress = Progress(state, Verdict)
    if progress.verdicts:
        say(f"{_kills(progress.verdicts)} kills are known from {state}")
    deadline_s = time.monotonic() + plan.minutes * 60
    while (left := _left(progress.verdicts, plan)) and (left_s := deadline_s - time.monotonic()) > 0:
        season = structs.replace(left, kills=min(SEASON, left.kills), minutes=left_s / 60)
        number = len(progress.verdicts)
        with tempfile.TemporaryDirectory() as name, open_place(Path(name), plan.lost) as place:
            verdict = run(season, place, Path(name), seed + number)
            if verdict.violations:
                shutil.copytree(name, state.with_suffix("") / f"season-{number}", dirs_exist_ok=True)
        progress.add(verdict)
        say(f"season {number}: {verdict.kills} kills, {verdict.arrived} rows, {len(verdict.violations)} violations")
    return report(progress.verdicts, plan)


def _left(verdicts: Sequence[Verdict], plan: Plan) -> Plan | None:
    """What of the plan is still to be lived; None when it is done."""
    kills = max(0, plan.kills - _kills(verdicts))
    outage_rows = 0 if _longest_outage(verdicts) >= plan.outage_rows else plan.outage_rows
    return structs.replace(plan, kills=kills, outage_rows=outage_rows) if kills or outage_rows else None


def _kills(verdicts: Sequence[Verdict]) -> int:
    return sum(verdict.kills for verdict in verdicts)


def _longest_outage(verdicts: Sequence[Verdict]) -> int:
    return max((verdict.most_pending for verdict in verdicts), default=0)


def report(verdicts: Sequence[Verdict], plan: Plan) -> int:
    """Print what came of it; 1 when something was violated."""
    acknowledged, arrived, parked = (
        sum(getattr(verdict, name) for verdict in verdicts) for name in ("acknowledged", "arrived", "parked")
    )
    slowest_s = max((verdict.drained_s for verdict in verdicts), default=0.0)
    violations = [violation for verdict in verdicts for violation in verdict.violations]
    say(f"{_kills(verdicts)} kills in {len(verdicts)} seasons, {plan.lost:.0%} of the replies lost, "
        f"{plan.poison:.1%} of the rows refused")  # fmt: skip
    say(f"{acknowledged} rows acknowledged, {arrived} arrived, {parked} set aside")
    say(f"{_longest_outage(verdicts)} rows waited at the most; what waited last arrived within {slowest_s:.1f} s")
    for violation in violations[:50]:
        say(f"VIOLATED: {violation}")
    say(f"{len(violations)} violations")
    if left := _left(verdicts, plan):
        outage = f" and an outage of {left.outage_rows} rows" if left.outage_rows else ""
        say(f"{left.kills} kills{outage} are left: the same command goes on")
    return 1 if violations else 0


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.outbox", description=__doc__)
    parser.add_argument("--kills", type=int, default=40, help="lives that end by SIGKILL")
    parser.add_argument("--outage-rows", type=int, default=10_000, help="length of the outage")
    parser.add_argument("--minutes", type=float, default=50.0, help="after so many, no further life begins")
    parser.add_argument("--rate", type=float, default=100.0, help="rows a second")
    parser.add_argument("--store", default=DEFAULT_STORE, help="module:function, see tests.chaos.outbox_places")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--state", type=Path, default=REPOSITORY / "build" / "chaos-outbox.jsonl")
    chosen = parser.parse_args(arguments)
    plan = Plan(kills=chosen.kills, outage_rows=chosen.outage_rows, rate=chosen.rate, minutes=chosen.minutes)
    return campaign(plan, chosen.seed, chosen.state, named(chosen.store))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
