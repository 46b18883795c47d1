"""Which crashes there are, which of them cannot be, and which of them a seed gets."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from random import Random

from msgspec import Struct
from msgspec.structs import replace

from tests.chaos.occasions import TWO, Occasion, Roles, occasion_for
from tests.chaos.profile import BTC, scratch
from tests.chaos.stage import Setting, Stage
from tests.kit.crashing import CrashPoint, How, Strike, When
from tests.kit.virtual import START_MS

A_SEED = 4
"""Crashes ordered in one run."""
WHENS: tuple[When, ...] = ("before", "after")
ACTIVE_MS = 8_000
"""Crashes are ordered for within this time."""
SUPERVISORS = ("root", "*")
AT_WORST = (
    "OrderReport",
    "AlgoReport",
    "ExchangeReplied",
    "PositionOpened",
    "PositionClosed",
    "RecordTrade",
    "TradeRecorded",
)
"""What comes in the moments of a trade that decide: it is picked more often, and not only the first ones."""
OFTEN = 3
COMPANIONS = ("exchange", "storage", "account", f"{BTC}/monitor", f"{BTC}/decision", BTC)
"""Who may crash at the same moment; who keeps the trades above all."""
HOLDS_S = (1, 4, 1)
"""Many short trades; and some so long that one without a stop is seen to have none."""
LAST_WORDS = ("Shutdown", "Stop")
"""What comes when the run ends."""


def impossible(point: CrashPoint) -> str | None:
    """Why an actor cannot crash there; None when it can."""
    if point.message == "Crash":
        return "it is what crashes the actor"
    if point.message == "Beat":
        return "only a watchdog sends it, and virtual time has none"
    if point.message == "Stop" and point.when == "after" and point.role not in SUPERVISORS:
        return "the actor is over when it has handled its Stop"
    return None


class SeedPlan(Struct, frozen=True, kw_only=True):
    """What happens under one seed."""

    seed: int
    strikes: tuple[Strike, ...]
    occasions: tuple[tuple[Occasion, Roles], ...]
    setting: Setting


@cache
def points() -> Mapping[CrashPoint, str | None]:
    """Every crash point of the tables of real actors, with the reason of those that cannot be."""
    with scratch() as data_dir:
        stage = Stage(data_dir, 0, setting=TWO)
        stage.run.run_for(1.0)
        protocols = stage.dispatcher.protocols
    found = sorted(
        CrashPoint(role, message, when) for role, kinds in protocols.items() for message in kinds for when in WHENS
    )
    return {point: impossible(point) for point in found}


def possible() -> list[CrashPoint]:
    """Crash points that a run can reach."""
    return [point for point, reason in points().items() if reason is None]


def plan_of(seed: int, count: int = A_SEED) -> SeedPlan:
    """The crashes of a seed: consecutive seeds go round and round through all points, each round in another order."""
    random = Random(f"{seed}/plan")
    chosen = [point_number(seed * count + index) for index in range(count)]
    strikes = tuple(_strike(point, random, turn) for turn, point in chosen)
    provoked = [(occasion_for(point.role, point.message), point.role) for _, point in chosen]
    audience: dict[Occasion, set[str]] = {}
    for (occasion, _), role in provoked:
        if occasion is not None:
            audience.setdefault(occasion, set()).add(role)
    occasions = tuple((occasion, frozenset(roles)) for occasion, roles in audience.items())
    settings = [setting for (_, setting), _ in provoked if setting is not None]
    setting = replace(max(settings, key=lambda one: one.twins, default=Setting()), hold_s=HOLDS_S[seed % len(HOLDS_S)])
    return SeedPlan(seed=seed, strikes=strikes, occasions=occasions, setting=setting)


def point_number(number: int) -> tuple[int, CrashPoint]:
    """The number-th point over all rounds, and which round that is."""
    every = len(round_of(0))
    return number // every, round_of(number // every)[number % every]


@cache
def round_of(turn: int) -> list[CrashPoint]:
    """Every point once, in an order of its own; those that need a second symbol stand together, as it costs time."""
    order = [point for point in possible() for _ in range(OFTEN if point.message in AT_WORST else 1)]
    Random(f"round {turn}").shuffle(order)
    return sorted(order, key=_symbols_needed)


def _symbols_needed(point: CrashPoint) -> int:
    _, setting = occasion_for(point.role, point.message)
    return len((setting or Setting()).symbols)


def _strike(point: CrashPoint, random: Random, turn: int) -> Strike:
    """The first one; in later rounds another one, every second round at some time later; unless it comes only once."""
    worst = point.message in AT_WORST
    once = turn == 0 or point.message in LAST_WORDS or occasion_for(point.role, point.message) != (None, None)
    later = turn % 2 == 1 and not once
    return Strike(
        point=point,
        nth=1 if once else random.randint(1, 4 if worst and point.role == "exchange" else 2),
        from_ms=START_MS + (random.randrange(1_500, ACTIVE_MS) if later else 0),
        how=_how(point, random),
        also=_companion(random, worst=worst),
    )


def _companion(random: Random, *, worst: bool) -> str | None:
    if worst and random.random() < 0.4:
        return COMPANIONS[0]
    return random.choice(COMPANIONS) if random.random() < 0.2 else None


def _how(point: CrashPoint, random: Random) -> How:
    """A root that hangs is not for the tree to heal: the process ends."""
    hows: tuple[How, ...] = ("exception", "exception", "exception", "system_exit", "system_exit", "hang")
    return random.choice(hows[:-1] if point.role == "root" else hows)
