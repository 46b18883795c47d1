"""The notifier against real receivers: it delivers, tries again, and lets nobody wait."""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal

import pytest
from loguru import logger

from tests.adapters.notify.kit import REFUSES, TAKES, nobody, receiver
from tests.domain.money_builders import account, plan
from tests.kit.builders import SELL, fill
from tests.kit.processes import eventually
from vortex.adapters.clock import SystemClock
from vortex.adapters.notify import notifier as module
from vortex.adapters.notify.apprise import AddressError, open_addresses
from vortex.adapters.notify.notifier import Notifier
from vortex.adapters.notify.post import MOST_WAITING, RETRY_FIRST_S, RETRY_MOST_S, Post
from vortex.domain.notify.kinds import Kind, Notification
from vortex.domain.notify.teller import Teller, TellingRules
from vortex.domain.order import ZERO
from vortex.domain.trade import CloseReason, OpenTrade
from vortex.messages import AccountChanged, PositionClosed, PositionOpened, PositionProtected
from vortex.queries import OutboxStatus

LABEL = "PAPER · unit · nothing"
CLOCK = SystemClock()
SOON_S = 30.0


@contextmanager
def notifying(*urls: str, rules: TellingRules = TellingRules(), close_s: float = SOON_S) -> Iterator[Notifier]:  # noqa: B008  # frozen
    notifier = Notifier(
        Teller(rules, CLOCK.now_ms()), open_addresses(urls), label=LABEL, clock=CLOCK, keep=lambda: None
    )
    notifier.start()
    try:
        yield notifier
    finally:
        notifier.close(close_s)


def note(text: str, kind: Kind = Kind.OPERATION) -> Notification:
    return Notification(kind=kind, text=text)


def trade() -> OpenTrade:
    return OpenTrade(
        trade_id="trade-1", plan=plan(), quantity=Decimal("0.1"), entry_price=Decimal(60_000),
        open_fee_usdt=Decimal(3), opened_ms=CLOCK.now_ms() + 1,
    )  # fmt: skip


def test_everything_that_happens_reaches_the_receiver_under_the_label() -> None:
    entry, leaving = fill(1), fill(2, side=SELL, price="60100")
    with receiver() as got, notifying(got.url) as notifier:
        notifier.tell(PositionOpened(trade=trade()))
        notifier.tell(PositionProtected(symbol="BTCUSDT", trade_id="trade-1", protected=True))
        notifier.tell(
            PositionClosed(
                trade=trade(), entry_fills=(entry,), exit_fills=(leaving,), reason=CloseReason.TP_HIT, funding_usdt=ZERO
            )
        )
        notifier.tell(AccountChanged(view=account(drawdown_latched=True)))
        notifier.tell(OutboxStatus(pending=1, oldest_ms=1, parked=0))
        notifier.tell(note("pause"))
        got.wait_for("pause")
    assert sorted(got.kinds()) == ["drawdown", "entry", "exit", "operation", "outbox_lag"]
    assert [text for text in got.texts if not text.startswith(f"{LABEL}\n")] == []


def test_what_is_not_taken_is_tried_again_and_stays_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vortex.adapters.notify.post.RETRY_FIRST_S", 0.05)
    with receiver() as got, notifying(got.url) as notifier:
        got.answer = REFUSES
        for word in ("first", "second"):
            notifier.tell(note(word))
        eventually(lambda: got.tries >= 2, SOON_S, "a second try")
        got.answer = TAKES
        got.wait_for("second")
    assert [text.splitlines()[1] for text in got.texts] == ["operation: first", "operation: second"]


@contextmanager
def logged() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    sink = logger.add(stream, level="DEBUG", format="{message}")
    try:
        yield stream
    finally:
        logger.remove(sink)


def test_failures_are_logged_without_the_address_and_not_notified(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with receiver() as got, logged() as stream, notifying(got.url, close_s=0.5) as notifier:
        got.answer = REFUSES
        notifier.tell(note("x"))
        eventually(lambda: "not delivered" in stream.getvalue(), SOON_S, "a line")
    assert "notify.urls 1 (json): not delivered, 1 notifications wait, attempt 1" in stream.getvalue()
    warned = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]  # as logs show
    assert "canary-token" not in "\n".join((stream.getvalue(), *warned))


class Hanging:
    """Takes nothing and does not come back, until it is let go."""

    name = "hanging"

    def __init__(self) -> None:
        self.hangs, self.over = threading.Event(), threading.Event()

    def send(self, text: str) -> str | None:
        self.hangs.set()
        self.over.wait(10 * SOON_S)
        return text


def test_nobody_waits_for_a_receiver_that_hangs() -> None:
    """Ten thousand messages are told while it hangs, the newest are dropped and counted, and so is the end reached."""
    way = Hanging()
    notifier = Notifier(
        Teller(TellingRules(), CLOCK.now_ms()), [way], label=LABEL, clock=CLOCK, keep=lambda: None
    )  # fmt: skip
    notifier.start()

    def tell_and_close() -> None:
        for _ in range(10_000):
            notifier.tell(note("burst"))
        notifier.close(0.2)

    telling = threading.Thread(target=tell_and_close, daemon=True)
    try:
        notifier.tell(note("the thread hangs in this one"))
        assert way.hangs.wait(SOON_S)
        telling.start()
        telling.join(SOON_S)
        assert not telling.is_alive()
        assert notifier._dropped > 0
    finally:
        way.over.set()
        notifier.close(SOON_S)


def test_what_was_dropped_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_HEARD", 5)
    with receiver() as got:
        notifier = Notifier(
            Teller(TellingRules(), CLOCK.now_ms()),
            open_addresses([got.url]),
            label=LABEL,
            clock=CLOCK,
            keep=lambda: None,
        )
        for number in range(8):
            notifier.tell(note(str(number)))
        notifier.start()
        assert "3 messages came faster" in got.wait_for("faster")
        notifier.close(SOON_S)


def test_one_dead_receiver_keeps_nothing_from_another() -> None:
    with receiver() as got, notifying(nobody(), got.url, close_s=0.5) as notifier:
        notifier.tell(note("for both"))
        got.wait_for("for both")


def test_at_the_end_nothing_is_held_back() -> None:
    with receiver() as got:
        with notifying(got.url, rules=TellingRules(most_per_min=1, digest_ms=600_000)) as notifier:
            for number in range(4):
                notifier.tell(note(str(number)))
            notifier.tell(note("halted", Kind.HALT))
        assert got.kinds() == ["operation", "halt", "operation"]
        assert "3 more: operation 3" in got.texts[-1]


def test_a_message_that_cannot_be_handled_costs_only_itself() -> None:
    closed = PositionClosed(trade=trade(), entry_fills=(), exit_fills=(), reason=CloseReason.TP_HIT, funding_usdt=ZERO)
    with receiver() as got, logged() as stream, notifying(got.url) as notifier:
        for message in (closed, object(), note("the next one")):
            notifier.tell(message)
        got.wait_for("the next one")
    assert "could not handle a PositionClosed" in stream.getvalue()
    assert "does not know a object" in stream.getvalue()


def test_there_is_one_thread_whatever_the_number_of_addresses() -> None:
    with receiver() as got:
        others = set(threading.enumerate())  # also what an earlier test left and is about to end
        with notifying(got.url, got.url, got.url) as notifier:
            notifier.tell(note("x"))
            eventually(lambda: len(got.texts) == 3, SOON_S, "three texts")
            names = [thread.name for thread in threading.enumerate() if thread not in others]
            assert names.count("notifier") == 1
            assert [name for name in names if "ThreadPool" in name] == []
            assert len(names) - 1 <= 3  # those of the receiver's requests


# ------------------------------------------------------------------------------------------------------------ addresses


@pytest.mark.parametrize("url", ["nonsense://canary-token", "json://", "tgram://canary-token", "canary-token"])
def test_an_address_that_apprise_does_not_know_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(AddressError, match=r"notify\.urls 2 \(") as caught:
        open_addresses(["json://127.0.0.1", url])
    assert "canary" not in str(caught.value)


class Way:
    """Takes, or refuses as told."""

    name = "way"

    def __init__(self, failures: Sequence[str | None]) -> None:
        self.failures, self.texts = list(failures), list[str]()

    def send(self, text: str) -> str | None:
        self.texts.append(text)
        return self.failures.pop(0) if self.failures else None


def test_pauses_grow_and_end_with_a_success() -> None:
    way = Way(["down"] * 9)
    post, now_s, pauses = Post(way), 0.0, []
    post.add("x")
    while post:
        before = len(way.texts)
        post.deliver(now_s)
        assert len(way.texts) == before + 1
        if post:
            post.deliver(post._due_s - 0.001)  # too early
            assert len(way.texts) == before + 1
            pauses.append(post._due_s - now_s)
            now_s = post._due_s
    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, RETRY_MOST_S, RETRY_MOST_S, RETRY_MOST_S]
    way.failures = ["down"]
    post.add("y")
    post.deliver(now_s)
    assert post._due_s - now_s == RETRY_FIRST_S


def test_what_is_too_much_drops_the_oldest_and_is_said() -> None:
    way = Way([])
    post = Post(way)
    for number in range(MOST_WAITING + 3):
        post.add(str(number))
    post.deliver(0.0)
    assert way.texts[0] == "3\n(3 notifications before this one were lost)"
    assert way.texts[1:] == [str(number) for number in range(4, MOST_WAITING + 3)]
