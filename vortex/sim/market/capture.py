"""A recorded market as a source for the exchange."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from vortex.sim.market.candles import MINUTE_MS, Bar
from vortex.sim.market.dice import dice
from vortex.sim.market.feed import SymbolFeed
from vortex.sim.market.history import Pace, generated_minutes, pace_of
from vortex.sim.market.listing import renamed
from vortex.sim.market.playback import Playback
from vortex.sim.market.played import PlayedSource, spread_out
from vortex.sim.market.tape import Tape, load_tape

DERIVED_MARKS = ("mark and index price: 30 s mean of the recorded mid",)
NOTES = (
    "candles before the start, positioning, open interest and unrecorded funding rates: generated",
    "no liquidations of others; every second round of the recording is its price mirror",
)
"""What a person must know of every capture besides the source's label."""


class CaptureSource(PlayedSource):
    """Plays one capture under its own symbol, or replicated under several names that share one tape in memory.

    Books and trades are the recording's, and so are mark and index price and funding rate where it holds them; else
    they are a 30 s mean of the mid, and generated. Candles are derived from its trades; candles before the start and
    positioning are generated. `NOTES` says so to people.

    Args:
        path: A capture file.
        symbols: Names to play it under, None for the recorded one. Each has its own start offset, spread over two
            rounds, so that half of them begin in the price mirror.
        seed: Seed of all that is generated.
        resume: What `position()` gave before: those symbols go on from there.

    Raises:
        CaptureError: The file cannot be played; the text names file, line and reason.
    """

    def __init__(
        self,
        path: Path,
        symbols: tuple[str, ...] | None = None,
        *,
        seed: int = 0,
        resume: Mapping[str, int] | None = None,
    ) -> None:
        tape = load_tape(path)
        pace = pace_of(tape)
        names = symbols or (tape.spec.symbol,)
        day = datetime.fromtimestamp(tape.recorded_ms / 1000, UTC).date()
        super().__init__(
            {
                name: SymbolFeed(
                    _TapePlayer(tape, name, pace, seed), renamed(tape.spec, name), seed=seed, position_ms=position_ms
                )
                for name, position_ms in spread_out(names, tape.duration_ms, resume).items()
            },
            label=f"recording of {day}" + (", replicated" if names != (tape.spec.symbol,) else ""),
            notes=(*(() if tape.marks.times else DERIVED_MARKS), *NOTES),
        )


class _TapePlayer(Playback):
    """A tape whose past is generated: it may begin anywhere at any time."""

    def __init__(self, tape: Tape, symbol: str, pace: Pace, seed: int) -> None:
        super().__init__(tape, symbol)
        self._pace = pace
        self._seed = seed

    @property
    def lots_per_minute(self) -> float:
        return self._pace.lots_per_minute

    def aligned(self, position_ms: int, start_ms: int) -> int:  # noqa: ARG002  # any position fits any time
        return position_ms

    def past(self, position_ms: int, start_ms: int) -> list[Bar]:
        rng = dice(self._seed, self.symbol, "walk")
        return generated_minutes(self._pace, self.last_price(position_ms), start_ms, rng)

    def generated_before_ms(self, position_ms: int, start_ms: int) -> int:  # noqa: ARG002  # as above
        """The first full minute of the recording: the minute in which the start falls is half generated."""
        return -(-start_ms // MINUTE_MS) * MINUTE_MS

    def funding_rate(self, position_ms: int) -> Decimal | None:  # noqa: ARG002  # as above
        return None
