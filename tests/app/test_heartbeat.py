"""The heartbeat: asked and taken at different looks, never waited for."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event
from typing import Any, TypeVar

import pytest
from loguru import logger

from tests.app.kit import SYMBOLS, Tiny, replies, running
from tests.kit.probe import Probe
from tests.kit.processes import eventually
from vortex.app import heartbeat
from vortex.app.heartbeat import Heartbeat, line
from vortex.domain.operation import Gate
from vortex.messages import GateClosed
from vortex.queries import GateReport, GetAccount, OutboxStatus

T = TypeVar("T")
SOON_S, PATIENCE_S = 30.0, 4.0
CLOSED = GateClosed(gate=Gate.BOOK, since_ms=7, detail="old")


def beating(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> tuple[Heartbeat, Probe]:
    monkeypatch.setattr(heartbeat, "ASK_S", 0.0)
    monkeypatch.setattr(heartbeat, "PATIENCE_S", PATIENCE_S)
    probe = Probe()
    return Heartbeat(tiny.system, lambda: SYMBOLS, probe), probe


def looking(beat: Heartbeat, found: Callable[[], list[T]]) -> list[T]:
    """Look until something is found."""

    def look() -> list[T]:
        beat.look()
        return found()

    return eventually(look, SOON_S, "something")


def test_what_lasts_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with running(replies(gates=[CLOSED])) as tiny:
        beat, probe = beating(tiny, monkeypatch)
        (report, *_) = looking(beat, lambda: probe.told(GateReport))
        assert report.symbols == SYMBOLS
        assert {(each.symbol, each.gate, each.since_ms) for each in report.closed} == {
            (symbol, Gate.BOOK, 7) for symbol in SYMBOLS
        }
        assert probe.told(OutboxStatus)


def test_an_actor_that_hangs_costs_its_own_figure_and_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: dict[str, dict[type, Any]] = {**replies(), "account": {GetAccount: Event()}}
    with running(answers) as tiny:
        beat, probe = beating(tiny, monkeypatch)
        longest_s = 0.0

        def look() -> list[GateReport]:
            nonlocal longest_s
            began_s = time.monotonic()
            beat.look()
            longest_s = max(longest_s, time.monotonic() - began_s)
            return probe.told(GateReport)

        assert eventually(look, SOON_S, "a report")
        assert longest_s < PATIENCE_S - 0.5, "a look waited"


def test_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    assert line({}, []).endswith(
        "0 of 0 symbols ready, ? positions, gates closed: none, equity ? USDT, ? rows wait, weight ?"
    )
    said: list[str] = []
    monkeypatch.setattr(heartbeat, "LINE_S", 0.0)
    monkeypatch.setattr(logger, "info", lambda _, text: said.append(text))
    with running(replies(gates=[CLOSED])) as tiny:
        beat, _ = beating(tiny, monkeypatch)
        looking(beat, lambda: said)
    assert said[0] == (
        "heartbeat: 2 of 2 symbols ready, 0 positions, gates closed: book, equity 9999.5 USDT, 0 rows wait, weight 7"
    )
