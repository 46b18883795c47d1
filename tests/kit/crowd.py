"""All symbols of a stand at once, while something is wrong with what they share: a stream, the clock, the key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tests.kit.processes import eventually
from tests.kit.stand import MANY, SOON_S, SPEED, Stand, Trial

ROUTES = ("public", "market", "private")


class Crowd:
    """Some symbols hold a protected position when it begins, the last one is flat and may enter.

    Args:
        stand: Its engine holds positions for long.

    Attributes:
        held: The symbols that hold one, by what was shown of it.
        other: The flat one.
    """

    def __init__(self, stand: Stand) -> None:
        self.stand = stand
        self._restarts = self._crashes()
        *holding, self.other = self.everyone = [Trial(stand, symbol) for symbol in stand.symbols]
        self._rules: list[int] = []
        for trial in holding:
            trial.resume()
        self.held: dict[Trial, Mapping[str, Any]] = {trial: trial.opened() for trial in holding}
        for trial in holding:
            trial.paused()

    # ------------------------------------------------------------------------------------------------------------ doing

    def costs(self, cost_ms: int) -> None:
        """Nobody can answer anything sooner than this."""
        for trial in self.everyone:
            trial.cost_ms = cost_ms

    def rule(self, do: str, method: str = "*", path: str = "*", *, times: int = MANY) -> int:
        """A fault of every request of this kind, whatever symbol it is about."""
        self._rules.append(self.stand.rule(method, path, do, times=times))
        return self._rules[-1]

    def stream(self, do: str, routes: Iterable[str] = ROUTES, **more: int) -> None:
        """Disturb these routes."""
        for route in routes:
            self.stand.sim("stream", do=do, route=route, **more)

    def burst(self, factor: int, for_ms: int) -> None:
        """So many times the usual market data of every symbol."""
        for trial in self.everyone:
            trial.do("market", "burst", factor=factor, for_ms=for_ms)

    def most_waiting(self, until_ms: int) -> int:
        """Let the exchange's time pass; the longest inbox that was seen meanwhile."""
        most = 0

        def over() -> bool:
            nonlocal most
            most = max(most, *self._waiting().values())
            return self.stand.now_ms() >= until_ms

        eventually(over, (until_ms - self.stand.now_ms()) / 1_000 / SPEED + SOON_S, "time passes")
        return most

    def is_worked_off(self) -> None:
        """Wait until every inbox was seen empty."""
        behind = set(self._waiting())

        def none() -> bool:
            behind.difference_update([path for path, waiting in self._waiting().items() if not waiting])
            return not behind

        eventually(none, SOON_S, "every inbox empty", lambda: behind)

    def lift(self) -> None:
        self.stand.lift(self._rules)
        self._rules.clear()

    def closes(self, trial: Trial) -> None:
        """Order one position closed: an exit is never gated."""
        self.stand.command("flatten", symbol=trial.symbol)

    def is_closed(self, trial: Trial) -> None:
        reason = trial.ended(self.held[trial]["trade_id"]).close_reason
        assert reason == "MANUAL", reason

    # ---------------------------------------------------------------------------------------------------------- judging

    def entered(self, since_ms: int, until_ms: int | None = None) -> list[str]:
        """Entries that the exchange received within this time."""
        return [
            order["client_id"]
            for trial in self.everyone
            for order in trial.ledger()["orders"]
            if order["client_id"].endswith("E") and since_ms <= order["received_ms"] < (until_ms or MANY**3)
        ]

    def is_untouched(self, *trials: Trial) -> None:
        """These positions are open as they were, and their stops rest."""
        for trial in trials:
            assert trial.shown["position"]["trade_id"] == self.held[trial]["trade_id"]
            last = trial.ledger()["timeline"][-1]
            assert last["stop_working"], last

    def ends(self) -> None:
        """The fault is over: all gates open, everybody trades on, nothing was unsafe, and no actor crashed."""
        self.lift()
        self.stand.gates_open()
        for trial in self.everyone:
            trial.flat()
        began_ms = self.stand.now_ms()
        for trial in self.everyone:
            trial.resume()
        for trial in self.everyone:
            trial.opened(after_ms=began_ms)
        for trial in self.everyone:
            trial.flat()
        for trial in self.everyone:
            trial.judge()
        assert self._crashes() == self._restarts, self._crashes()

    def abandon(self) -> None:
        """Whatever became of it: the next one finds a world without faults, and everything flat."""
        self.lift()
        self.stand.sim("clock", offset_ms=0)
        for trial in self.everyone:
            trial.flat()

    def _waiting(self) -> dict[str, int]:
        return {actor["path"]: actor["mailbox"] for actor in self.stand.running.api("/api/actors")}

    def _crashes(self) -> dict[str, int]:
        return {actor["path"]: actor["restarts"] for actor in self.stand.running.api("/api/actors")}
