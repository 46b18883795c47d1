"""The system that is crashed: the paper profile with trades of a second, on files that forget at power loss."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from loguru import logger
from msgspec.structs import replace

from tests.kit.processes import REPOSITORY
from vortex.config import Config, load
from vortex.sim.market import capture, history, tape
from vortex.sim.market.candles import Bar

BTC, ETH = "BTCUSDT", "ETHUSDT"
PATIENT = {
    "VORTEX__RUNTIME__CHILD_RESTARTS": "20",
    "VORTEX__RUNTIME__TREE_RESTARTS": "20",
    "VORTEX__RUNTIME__ROOT_RESTARTS": "20",
    "VORTEX__RUNTIME__CHILD_PERIOD_S": "5",
    "VORTEX__RUNTIME__TREE_PERIOD_S": "5",
    "VORTEX__RUNTIME__ROOT_PERIOD_S": "5",
}
"""No number of crashes is too large, and within five seconds they are forgotten."""
QUICK = {
    "VORTEX__DECISION__DEBOUNCE_EVALUATIONS": "1",
    "VORTEX__DECISION__A__THETA": "0.01",
    "VORTEX__DECISION__A__S1_MIN": "0.01",
    "VORTEX__DECISION__A__CONFIDENCE_MIN": "0.0",
    "VORTEX__RISK__A__SL_ATR": "0.15",
    "VORTEX__RISK__COOLDOWN_CLOSE_S": "0",
    "VORTEX__RISK__COOLDOWN_SL_S": "0",
    "VORTEX__RISK__COOLDOWN_FAILURE_S": "0",
    "VORTEX__RISK__GOVERNOR_ENTRIES_PER_MIN": "10000",
}
"""One trade after another."""


@cache
def profile(
    symbols: tuple[str, ...] = (BTC,), hold_s: int = 1, max_positions: int = 3, *, patient: bool = True
) -> Config:
    """The configuration of a run."""
    chosen = {
        "TRADING_PAIRS": ",".join(symbols),
        "VORTEX__RISK__A__MAX_HOLD_S": str(hold_s),
        "VORTEX__RISK__B__MAX_HOLD_S": str(hold_s),
        "VORTEX__RISK__MAX_POSITIONS": str(max_positions),
    }
    return load([REPOSITORY / "config" / "paper.toml"], {**QUICK, **(PATIENT if patient else {}), **chosen}).config


def hush() -> pytest.MonkeyPatch:
    """Until the patch is undone: prepare each market once, and do not print thousands of crashes that are meant."""
    patch = pytest.MonkeyPatch()
    patch.setattr(capture, "load_tape", cache(tape.load_tape))
    patch.setattr(capture, "generated_minutes", _past_by_place(history.generated_minutes))
    patch.setattr(logging.getLogger("vortex.runtime"), "disabled", True)
    logger.disable("vortex")
    return patch


def _past_by_place(generate: Callable[[history.Pace, int, int, Random], list[Bar]]) -> Callable[..., list[Bar]]:
    """Candles before the start are generated anew for each run, and are the same wherever it begins alike."""
    known: dict[tuple[int, int], list[Bar]] = {}

    def generated(pace: history.Pace, last_price: int, start_ms: int, rng: Random) -> list[Bar]:
        if (last_price, start_ms) not in known:
            known[last_price, start_ms] = generate(pace, last_price, start_ms, rng)
        *minutes, begun = known[last_price, start_ms]
        return [*minutes, replace(begun)]  # which goes on changing

    return generated


@contextmanager
def hushed() -> Iterator[None]:
    """Hush for a while."""
    patch = hush()
    try:
        yield
    finally:
        patch.undo()
        logger.enable("vortex")


@contextmanager
def scratch() -> Iterator[Path]:
    """A directory in memory where there is such a place: actors die here, not disks, and every order waits for one."""
    memory = Path("/dev/shm")  # noqa: S108  # what is in it is ours alone, in a directory of its own
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        yield Path(name)
