"""Run a record again: the same wiring on the virtual dispatcher, driven by the record.

What comes from outside is taken from the record; what actors tell each other they must tell again, to the bit.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from random import Random

from msgspec import Struct

from vortex.actors.feed import SubscriptionTable
from vortex.app.replay.entries import Entry, Handled, Reconfigured, Record, Sent, Used, encode, kind_of, plain, unpack
from vortex.app.replay.inputs import WITNESSES, is_input
from vortex.app.replay.mail import DifferenceError, shown
from vortex.app.replay.stage import Stage, StageCell
from vortex.app.replay.stand_ins import ComparingExchange, stand_ins
from vortex.app.wiring import Wiring
from vortex.domain.decision import Decision
from vortex.domain.order import ExchangeRequest
from vortex.messages import Mirror
from vortex.runtime import ActorSystem, Crash
from vortex.runtime.control import ChildExited
from vortex.runtime.errors import ActorHung, InboxOverflow
from vortex.runtime.system import ROOT

EXITED = kind_of(ChildExited)
TELL_EVERY = 1_000
FROM_OUTSIDE = (ActorHung, InboxOverflow)
"""What ends an incarnation that did not end itself."""


class Rerun(Struct, frozen=True, kw_only=True):
    """What came of it.

    Attributes:
        entries: How many entries of the record were replayed without a difference.
        actors: How many actors ran.
        decisions: All that they made, in order.
        requests: All that they sent to the exchange, in order.
        difference: Where the replay first differs from the record, and how; None when nowhere.
    """

    entries: int
    actors: int
    decisions: tuple[Decision, ...]
    requests: tuple[ExchangeRequest, ...]
    difference: str | None

    @property
    def digest(self) -> str:
        """The same for the same decisions and requests, to the bit."""
        return blake2b(encode((self.decisions, self.requests)), digest_size=16).hexdigest()


def rerun(record: Record, told: Callable[[int], object] | None = None) -> Rerun:
    """Run a record again, to its end or to the first difference. Raises RecordError.

    Args:
        record: What was read.
        told: Is told from time to time how many entries are done.
    """
    play = _Play(record)
    number, entry, difference = 0, None, None
    try:
        for entry in record.entries:
            play.entry(number, entry)
            number += 1
            if told is not None and number % TELL_EVERY == 0:
                told(number)
        if record.whole:
            play.port.check()
    except DifferenceError as error:
        difference = f"entry {number}{_where(entry)}: {error}{play.doubt}"
    return Rerun(
        entries=number,
        actors=len({path for path, _ in play.stage.cells}),
        decisions=tuple(play.decisions),
        requests=tuple(play.port.requests),
        difference=difference,
    )


class _Play:
    """One system on a stage.

    Attributes:
        doubt: Said with a difference when it may come from what no record knows: how far a handler came that hung.
    """

    def __init__(self, record: Record) -> None:
        header = record.header
        self.doubt = ""
        self.decisions: list[Decision] = []
        self.port = ComparingExchange(entry for entry in record.entries if isinstance(entry, Used))
        stage = self.stage = Stage(self._hear)
        self._wiring = Wiring(
            config=header.config,
            ports=stand_ins(record, self.port, stage, stage.incarnation),
            labels=header.labels,
            random=_Soonest(),
            table=SubscriptionTable(),
        )
        ActorSystem(stage, on_root_failure=lambda _: None).start_root(self._wiring.root())  # its end is an entry too

    def entry(self, number: int, entry: Entry) -> None:
        """Replay one entry. Raises DifferenceError."""
        self.stage.mail.number = number
        match entry:
            case Handled(kind=""):
                self.stage.start(self.stage.enter(entry), witness=entry.path in WITNESSES)
            case Handled():
                self._handle(entry, self.stage.enter(entry))
            case Sent():
                self.port.compare(entry)
            case Reconfigured():
                self._wiring.reconfigure(entry.config)

    def _handle(self, handled: Handled, cell: StageCell) -> None:
        if handled.path == "exchange":
            self.port.check()
        if handled.kind == EXITED:
            self._end(handled)
        message = self._message(handled)
        if handled.path not in WITNESSES:
            self.stage.hand(cell, message)

    def _message(self, handled: Handled) -> object:
        """What the replay has for what the record says: the same bytes, or what came from outside."""
        letter = self.stage.mail.take(handled)
        if letter is not None:
            return letter.message
        if is_input(handled):
            return unpack(handled.kind, handled.body)
        raise DifferenceError(f"the record has {_recorded(handled)}, the replay {self.stage.mail.instead(handled)}")

    def _end(self, handled: Handled) -> None:
        """A supervisor hears of an end: that of a witness, or one from outside, comes from the record."""
        exited = unpack(handled.kind, handled.body)
        path = exited.name if handled.path == ROOT else f"{handled.path}/{exited.name}"
        child = self.stage.cells.get((path, exited.generation))
        if child is None or not (path in WITNESSES or isinstance(exited.error, FROM_OUTSIDE)):
            return
        if isinstance(exited.error, ActorHung) and exited.handling is not Crash:
            self.doubt = f" (before that {path} #{exited.generation} hung: how far its handler came is not recorded)"
        if child.over:
            child.finish()  # a zombie says it once more when it wakes up
        else:
            self.stage.end(child, exited.error, exited.handling)

    def _hear(self, path: str, message: object) -> None:
        if path == "hot_store" and isinstance(message, Mirror) and isinstance(message.value, dict):
            decision = message.value.get("decision")
            if isinstance(decision, Decision):
                self.decisions.append(decision)


class _Soonest(Random):
    """Jitter at its least: then no timer is due later than it was in the recorded run."""

    def uniform(self, a: float, b: float) -> float:
        return min(a, b)


def _where(entry: Entry | None) -> str:
    """Words for who was to handle what."""
    if not isinstance(entry, Handled):
        return ""
    return f", {entry.path} #{entry.generation}, {entry.kind.rpartition(':')[2] or 'start'}"


def _recorded(handled: Handled) -> str:
    """A recorded message for people, as plainly as it was written."""
    return f"{handled.kind.rpartition(':')[2]} {shown(plain(handled.body))}"
