"""What replayed actors have sent and nobody has handled yet: held against what the record says was handled."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from vortex.app.replay.entries import Handled, pack, plain
from vortex.runtime.cell import Cell
from vortex.runtime.inbox import lane_of

LONGEST, SHORT = 600, 80
"""Characters of a message that are shown, and of a text from where it differs."""
ROUNDING_MS = 0.01


class DifferenceError(Exception):
    """The replay differs from the record; `str(error)` says where first, and both values."""


@dataclass(slots=True, eq=False)
class Letter:
    """One message on its way.

    Attributes:
        sender: Path; None when the runtime itself tells of an end.
        generation: Of the incarnation it was sent to.
        number: The entry in which it was sent.
        surely_by: The entry by which it had arrived: its sender's next; None while that may still handle `number`.
        may_miss: It may have reached nobody: a timer, or sent while its receiver ended or started.
        due_ms: A timer is not handled before; monotonic ms.
    """

    sender: str | None
    generation: int
    message: Any
    kind: str
    body: bytes
    number: int
    may_miss: bool
    due_ms: float | None
    surely_by: int | None = None


class Mail:
    """All letters under way, by receiver.

    Attributes:
        number: The entry that is replayed now.
        due_ms: When what is sent now will arrive, if it is a timer.

    Args:
        on_post: Told every message that is sent, and to whom.
    """

    def __init__(self, on_post: Callable[[str, object], object]) -> None:
        self.number = 0
        self._on_post = on_post
        self.due_ms: float | None = None
        self._waiting: dict[str, list[Letter]] = defaultdict(list)
        self._last: dict[str, list[Letter]] = defaultdict(list)

    def post(self, sender: Cell | None, receiver: Cell, message: object, *, certain: bool) -> None:
        """Someone sends. `certain`: the receiver runs, so that it must come to the message unless it ends first."""
        self._on_post(receiver.path, message)
        kind, body = pack(message)
        path = None if sender is None else sender.path
        may_miss = not certain or path is None or self.due_ms is not None
        letter = Letter(path, receiver.generation, message, kind, body, self.number, may_miss, self.due_ms)
        self._waiting[receiver.path].append(letter)
        if path is not None:
            self._last[path].append(letter)

    def begins(self, path: str) -> None:
        """An actor begins with the present entry: what it sent before has surely arrived."""
        for letter in self._last.pop(path, ()):
            letter.surely_by = self.number

    def lost(self, path: str) -> None:
        """An actor was ended from outside while it handled something: what it sent last may not have left."""
        for letter in self._last.pop(path, ()):
            letter.may_miss = True

    def renewed(self, path: str, generation: int) -> None:
        """An incarnation starts: what was sent to the last but one reaches nobody any more."""
        self._waiting[path] = [letter for letter in self._waiting[path] if letter.generation >= generation - 1]

    def take(self, handled: Handled) -> Letter | None:
        """Take out the letter that the record says is handled now; None when no replayed actor has sent it.

        Raises:
            DifferenceError: One that lies before it, and cannot have been lost, was left out.
        """
        waiting = self._waiting[handled.path]
        found = self._find(waiting, handled)
        if found is None:
            return None
        before = waiting[: waiting.index(found)]
        waiting.remove(found)
        lane = lane_of(found.message.__class__)
        if lane == "conflated":
            key = found.message.conflation_key()
            for letter in before:
                if letter.kind == found.kind and letter.message.conflation_key() == key:
                    waiting.remove(letter)
        else:
            for letter in before:
                if lane_of(letter.message.__class__) == lane and _overtaken(letter, found, handled.generation):
                    left_out = f"{letter.sender} sent {shown(letter.message)} before"
                    raise DifferenceError(f"the record has {shown(found.message)}, but {left_out}")
        return found

    def instead(self, handled: Handled) -> str:
        """What there is instead of what the record has: a message of the same type to the same actor, or none."""
        alike = next((letter for letter in self._waiting[handled.path] if letter.kind == handled.kind), None)
        return "nothing like it" if alike is None else f"another, {differing(plain(handled.body), plain(alike.body))}"

    @staticmethod
    def _find(waiting: list[Letter], handled: Handled) -> Letter | None:
        """The first that is the same, rather one for this incarnation; of timers the last armed: it replaced others."""
        until_ms = handled.monotonic_ms + ROUNDING_MS
        same = [
            letter
            for letter in waiting
            if letter.body == handled.body
            and letter.kind == handled.kind
            and (letter.due_ms is None or letter.due_ms <= until_ms)
        ]
        timers = [letter for letter in same if letter.due_ms is not None]
        mine = [letter for letter in same if letter.generation == handled.generation]
        return timers[-1] if timers else next(iter(mine or same), None)


def differing(recorded: object, replayed: object, where: str = "") -> str:
    """Where two plain values first differ, and how."""
    match recorded, replayed:
        case dict(), dict() if recorded.keys() == replayed.keys():
            pairs = [(f"{where}.{key}" if where else key, recorded[key], replayed[key]) for key in recorded]
        case list(), list() if len(recorded) == len(replayed):
            pairs = [(f"{where}[{at}]", *both) for at, both in enumerate(zip(recorded, replayed, strict=True))]
        case str(), str():
            pieces = enumerate(zip(recorded, replayed, strict=False))
            at = next((at for at, (left, right) in pieces if left != right), min(len(recorded), len(replayed)))
            return f"{where}: ...{recorded[at:][:SHORT]} in the record, ...{replayed[at:][:SHORT]} in the replay"
        case _:
            return f"{where}: {shown(recorded)} in the record, {shown(replayed)} in the replay"
    unlike = (differing(left, right, path) for path, left, right in pairs if left != right)
    return next(unlike, "in how the same values are written")


def shown(message: object) -> str:
    """A message for people, not too long."""
    text = repr(message)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _overtaken(letter: Letter, found: Letter, generation: int) -> bool:
    """True when `letter` surely lay in the inbox before `found`, which one lane hands out first come, first served."""
    if letter.may_miss or not letter.generation == found.generation == generation:
        return False
    return letter.sender == found.sender or (letter.surely_by is not None and letter.surely_by <= found.number)
