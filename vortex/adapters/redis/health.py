"""How the mirror does: said once when it is lost, once when it is back, and counted meanwhile."""

from __future__ import annotations

from collections.abc import Callable

from loguru import logger

from vortex.queries import HotStoreStatus

OK, DEGRADED = "OK", "DEGRADED"


class Health:
    """State of one mirror. Written by its writer alone, read by anybody.

    Args:
        place: Where it is, for people.
        now_ms: The injected clock.
    """

    def __init__(self, place: str, now_ms: Callable[[], int]) -> None:
        self._place = place
        self._now_ms = now_ms
        self._said = False
        self._status = HotStoreStatus(
            kind="redis", state=DEGRADED, since_ms=now_ms(), lost=0, detail="not connected yet"
        )

    @property
    def status(self) -> HotStoreStatus:
        """As it is now."""
        return self._status

    @property
    def ok(self) -> bool:
        """The last go succeeded."""
        return self._status.state == OK

    def failed(self, why: str, lost: int) -> None:
        """A go failed: so many values were to be written."""
        since_ms = self._now_ms() if self.ok else self._status.since_ms
        self._set(DEGRADED, since_ms, self._status.lost + lost, why)
        if not self._said:
            self._said = True
            logger.warning(
                "hot store: Redis at {} takes nothing: {}; trading goes on without it, it is tried again all the time",
                self._place,
                why,
            )

    def succeeded(self) -> None:
        """A go wrote everything that it had."""
        if self.ok:
            return
        now_ms, before = self._now_ms(), self._status
        self._set(OK, now_ms, before.lost, "")
        if self._said:
            self._said = False
            away_s = (now_ms - before.since_ms) / 1_000
            logger.info("hot store: Redis at {} is written again, after {:.1f} s", self._place, away_s)
        else:
            logger.info("hot store: mirrored in Redis at {}", self._place)

    def _set(self, state: str, since_ms: int, lost: int, detail: str) -> None:
        self._status = HotStoreStatus(kind="redis", state=state, since_ms=since_ms, lost=lost, detail=detail)
