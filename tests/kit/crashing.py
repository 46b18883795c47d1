"""Crashes on order in virtual time: which actor, at which message, before or after its effect, and how."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from vortex.runtime import ChildSpec, Crash, VirtualDispatcher
from vortex.runtime.cell import Cell
from vortex.runtime.dispatch.virtual import VirtualCell

FOR_EVER_S = 3_600.0
"""Longer than any actor may take."""

When: TypeAlias = Literal["before", "after"]
How: TypeAlias = Literal["exception", "system_exit", "hang"]


class CrashPoint(Struct, frozen=True, order=True):
    """A place where an actor can crash.

    Attributes:
        role: Path of the actor, with `*` for its symbol.
        message: Name of the type of the message it handles.
        when: Before the handler runs, so that the message is lost, or after all of its effects.
    """

    role: str
    message: str
    when: When

    def __str__(self) -> str:
        return f"{self.role} {self.when} {self.message}"


class Strike(Struct, frozen=True):
    """One crash on order: at the `nth` such message that is handled at or after `from_ms`.

    `also` is the path of another actor that crashes at the same moment, if there is one.
    """

    point: CrashPoint
    nth: int
    from_ms: int
    how: How
    also: str | None = None


def role_of(path: str) -> str:
    """The path without its symbol: what all symbols have alike is one role."""
    head, slash, rest = path.partition("/")
    return f"*{slash}{rest}" if head.isupper() else path


class CrashingCell(VirtualCell):
    """Crashes where the dispatcher's plan says so: what it is told then is handled as a Crash, or followed by one."""

    dispatcher: CrashingDispatcher

    def on_start(self) -> None:
        super().on_start()
        if self._behaviour is not None:
            self.dispatcher.meet(self.path, self._behaviour._table)  # what it really handles

    def on_receive(self, message: Any) -> Any:
        strike = self.dispatcher.due(self.path, message)
        if strike is None:
            return super().on_receive(message)
        if strike.point.when == "after":
            super().on_receive(message)
            if self.over:  # it crashed at this message by itself, or the message was to end it
                return None
        self.dispatcher.struck(self.path, strike)
        other = self._system.find(strike.also) if strike.also is not None else None
        if other is not None:
            other.tell(Crash())
        if strike.how == "hang":
            self.dispatcher.hung(self.path, self.spec.budget_s)
        return super().on_receive(Crash(how=strike.how, seconds=FOR_EVER_S))


class CrashingDispatcher(VirtualDispatcher):
    """Runs everything as VirtualDispatcher does, and crashes on order.

    Attributes:
        fired: What was ordered and has happened: the path of the actor, and when, in epoch ms.
        protocols: The types of message that the actors of each role handle.
        companions: Who crashed at the same moments.
        hangs: Who hung from when until he was found out, in epoch ms.
    """

    def __init__(self, seed: int, start_ms: int, strikes: tuple[Strike, ...] = ()) -> None:
        super().__init__(seed, start_ms)
        self.fired: list[tuple[str, Strike, int]] = []
        self.protocols: dict[str, set[str]] = defaultdict(set)
        self.companions: list[str] = []
        self.hangs: list[tuple[str, int, int]] = []
        self._waiting: dict[tuple[str, str], list[Strike]] = {}
        self._seen: dict[Strike, int] = {}
        self._roles: dict[str, str] = {}
        for strike in strikes:
            self.order(strike)

    @property
    def waiting(self) -> list[Strike]:
        """What was ordered and has not happened."""
        return [strike for strikes in self._waiting.values() for strike in strikes]

    def order(self, strike: Strike) -> None:
        """Have an actor crash."""
        self._seen[strike] = 0
        self._waiting.setdefault((strike.point.role, strike.point.message), []).append(strike)

    def disarm(self, but: tuple[str, ...] = ()) -> None:
        """No more crashes, except at these messages."""
        self._waiting = {key: strikes for key, strikes in self._waiting.items() if key[1] in but}

    def cell(self, spec: ChildSpec) -> type[Cell]:  # noqa: ARG002  # all alike here
        return CrashingCell

    def meet(self, path: str, table: Any) -> None:
        self.protocols[role_of(path)].update(kind.__name__ for kind in table)

    def due(self, path: str, message: object) -> Strike | None:
        """The strike that happens at this message, if any."""
        if not self._waiting:
            return None
        role = self._roles.setdefault(path, role_of(path))
        now_ms = self.now_ms()
        for strike in self._waiting.get((role, type(message).__name__), ()):
            if now_ms >= strike.from_ms:
                self._seen[strike] += 1
                if self._seen[strike] >= strike.nth:
                    return strike
        return None

    def hung(self, path: str, budget_s: float) -> None:
        """Note that an actor hangs now, and that it is found out after this time."""
        self.hangs.append((path, self.now_ms(), self.now_ms() + round(budget_s * 1000)))

    def struck(self, path: str, strike: Strike) -> None:
        """Note that it happened: it does not happen again."""
        self.fired.append((path, strike, self.now_ms()))
        if strike.also is not None:
            self.companions.append(strike.also)
        key = strike.point.role, strike.point.message
        self._waiting[key].remove(strike)
        if not self._waiting[key]:
            del self._waiting[key]
