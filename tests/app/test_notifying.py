"""Whether people can be told: proven before real money is traded, tested on demand."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from msgspec import structs

from tests.adapters.notify.kit import REFUSES, hanging, nobody, receiver
from vortex.adapters.clock import SimulatorClock, SystemClock
from vortex.app import notifying
from vortex.app.notifying import check, open_notifier
from vortex.app.preflight import Verdict
from vortex.config import Config, ConfigError, Secret
from vortex.config.sections import Notify
from vortex.domain.notify.day import Day
from vortex.domain.notify.kinds import Kind, Notification

CLOCK = SystemClock()
LABEL = "LIVE · prod · Binance USD-M"


def config(*urls: str, live: bool = False) -> Config:
    made = Config(notify=Notify(urls=tuple(map(Secret, urls))))
    return structs.replace(made, mode="live") if live else made


def test_nobody_is_told_without_an_address(tmp_path: Path) -> None:
    assert open_notifier(config(), LABEL, CLOCK, tmp_path / "x") is None
    assert check(config()).verdict is Verdict.NOT_CHECKED
    assert check(config(live=True)).verdict is Verdict.FAILED


def test_real_money_starts_with_a_test_message(tmp_path: Path) -> None:
    with receiver() as got:
        assert open_notifier(config(got.url, live=True), LABEL, CLOCK, tmp_path / "x") is not None
        assert [text.splitlines()[0] for text in got.texts] == [LABEL]


def test_real_money_does_not_start_when_one_of_the_addresses_does_not_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifying, "TEST_S", 3.0)  # long enough for the one that takes it
    with receiver() as got, hanging() as silent:
        for bad, words, kind in (
            (nobody(), "not delivered", OSError),  # 1, not 2: whoever restarts the process tries again
            (silent, "no answer within 3 s", OSError),
            ("nonsense://canary", "apprise does not know such an address", ConfigError),
        ):
            with pytest.raises(kind, match=r"notify\.urls 2 \(") as caught:
                open_notifier(config(got.url, bad, live=True), LABEL, CLOCK, tmp_path / "x")
            assert words in str(caught.value)
            assert "canary" not in str(caught.value)


def test_paper_starts_whatever_the_receiver_does(tmp_path: Path) -> None:
    assert open_notifier(config(nobody()), LABEL, CLOCK, tmp_path / "x") is not None


def test_a_test_message_on_demand() -> None:
    with receiver() as got:
        assert str(check(config(got.url, got.url))) == "notifications: ok: a test message was taken by 2"
        assert len(got.texts) == 2
        got.answer = REFUSES
        found = check(config(got.url))
    assert (found.verdict, found.detail) == (Verdict.FAILED, "notify.urls 1 (json): not delivered")


def test_the_days_figures_outlive_the_process(tmp_path: Path) -> None:
    kept, clock = tmp_path / "notify.json", SimulatorClock(1_795_382_388_000, 1.0)  # far from midnight
    with receiver() as got:
        for run in (1, 2):
            notifier = open_notifier(config(got.url), LABEL, clock, kept)
            assert notifier is not None
            notifier.start()
            notifier.tell(Notification(kind=Kind.RESTART, text=f"of run {run}"))
            notifier.close(30.0)
    day = msgspec.json.decode(kept.read_bytes(), type=Day)
    assert (day.starts, day.restarts) == (2, 2)


def test_figures_that_cannot_be_read_are_no_reason_not_to_start(tmp_path: Path) -> None:
    kept = tmp_path / "notify.json"
    kept.write_text("{", encoding="utf-8")
    assert open_notifier(config(nobody()), LABEL, CLOCK, kept) is not None
