"""An examination goes on whatever one family does, and ends in time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from threading import Event

import pytest

from vortex.app.doctor import examination
from vortex.app.doctor.examination import FAMILIES, examine
from vortex.app.doctor.family import Family, Look, Options
from vortex.app.preflight import Check, Verdict
from vortex.config import Config, load

NAMES = ("first", "second", "third")


def ok(name: str) -> Check:
    return Check(name=name, verdict=Verdict.OK, detail="fine")


def verdicts(look: Look, timeout_s: float = 5.0) -> list[tuple[str, Verdict, str]]:
    found = Family(NAMES, look, timeout_s).examine(Config(), Options())
    return [(check.name, check.verdict, check.detail) for check in found]


@pytest.mark.parametrize(
    ("error", "words"),
    [(OSError("nobody"), "nobody"), (ZeroDivisionError("secret 5"), "internal error: ZeroDivisionError")],
)
def test_what_breaks_off_fails_once(error: Exception, words: str) -> None:
    def look(_: Config, __: Options) -> Iterator[Check]:
        yield ok("first")
        raise error

    assert verdicts(look) == [
        ("first", Verdict.OK, "fine"),
        ("second", Verdict.FAILED, words),
        ("third", Verdict.NOT_CHECKED, "second failed"),
    ]


def test_what_hangs_is_left_behind() -> None:
    hang = Event()

    def look(_: Config, __: Options) -> Iterable[Check]:
        hang.wait(30)
        return ()

    assert verdicts(look, 0.05)[0] == ("first", Verdict.FAILED, "no answer within 0.05 s")
    hang.set()


def test_without_a_configuration_nothing_is_looked_at(tmp_path: Path) -> None:
    first, *others = examine(lambda: load([tmp_path / "no.toml"], {}), Options())
    assert (first.name, first.verdict, "no.toml" in first.detail) == ("configuration", Verdict.FAILED, True)
    assert {check.verdict for check in others} == {Verdict.NOT_CHECKED}
    assert [check.name for check in others] == [name for family in FAMILIES for name in family.names]


def test_a_configuration_is_told_in_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examination, "FAMILIES", ())
    pairs = ",".join(f"S{number}USDT" for number in range(7))
    (only,) = examine(lambda: load([], {"TRADING_PAIRS": pairs}), Options())
    assert only.detail == "mode paper, default, S0USDT, S1USDT, S2USDT, S3USDT, S4USDT and 2 more"
