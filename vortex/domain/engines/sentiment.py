"""E4: what the crowd holds and pays, read against it."""

from __future__ import annotations

from typing import Annotated, ClassVar, TypeGuard

from msgspec import Meta, Struct

from vortex.domain.engines.base import WARMING
from vortex.domain.indicators import sentiment as read
from vortex.domain.indicators.basics import blend
from vortex.domain.indicators.positioning import Positioning
from vortex.domain.indicators.sentiment import CrowdMode
from vortex.domain.market import Candle, CandleHistory, Liquidation, MarketValue, MarkPrice, Sentiment
from vortex.domain.signal import EngineId, Signal

GENERATED = "GENERATED"
STALE_RATIOS = "STALE_RATIOS"
STALE_FUNDING = "STALE_FUNDING"
RATIOS_INVALID = "RATIOS_INVALID"
FUNDING_INVALID = "FUNDING_INVALID"
STALE_INTEREST = "STALE_INTEREST"
INTEREST_WARMING = "INTEREST_WARMING"
CLUSTERS_WARMING = "CLUSTERS_WARMING"

W_CROWD, W_FUNDING, W_SMART, W_INTEREST = 0.40, 0.25, 0.20, 0.15
REQUIRED = 0.60


class SentimentParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of E4."""

    crowd_mode: Annotated[CrowdMode, Meta(description="absolute limits only, or the symbol's own history too")] = (
        "adaptive"
    )
    ratios_max_age_s: Annotated[int, Meta(ge=60, le=86_400, description="oldest usable ratios, s")] = 900
    funding_max_age_s: Annotated[int, Meta(ge=30, le=86_400, description="oldest usable funding rate, s")] = 300
    interest_max_age_s: Annotated[int, Meta(ge=30, le=86_400, description="oldest usable open interest, s")] = 120
    maintenance_rate: Annotated[float, Meta(ge=0, le=0.4, description="maintenance margin of tier 1, share")] = 0.004


class Ratios(Struct, frozen=True, kw_only=True):
    """What the account and position ratios of one poll say."""

    share: float
    crowd: float
    extreme: int
    smart: float | None


class Funding(Struct, frozen=True, kw_only=True):
    """What the funding rate of one poll says."""

    rate_8h: float
    score: float
    extreme: int


class SentimentEngine:
    """Scores crowd, funding, smart money and open interest of the last poll, each only while it is fresh.

    A mark price carries no opinion here; it lets event time pass, so that a poll which stays out is noticed.
    """

    id: ClassVar[str] = EngineId.SENTIMENT
    inputs: ClassVar[tuple[type, ...]] = (Sentiment, MarkPrice, Candle, CandleHistory, Liquidation)

    def __init__(self, params: SentimentParams) -> None:
        self._params = params
        self._polled: Sentiment | None = None
        self._ratios: Ratios | None = None
        self._funding: Funding | None = None
        self._positioning = Positioning(params.maintenance_rate)
        self._now_ms = 0
        self._reasons: tuple[str, ...] = ()

    def update(self, value: MarketValue) -> Signal | None:
        """Answer every Sentiment and Liquidation, and a MarkPrice that makes something stale or passes a cluster."""
        match value:
            case Sentiment():
                self._read(value)
            case Candle() | CandleHistory():
                self._positioning.see_candle(value)
                return None
            case Liquidation():
                if not self._positioning.see_liquidation(value):
                    return None
                self._now_ms = max(self._now_ms, value.ts_ms)
            case MarkPrice():
                return self._pass_to(value)
            case _:
                return None
        return self._opinion(self._polled) if self._polled is not None else None

    def _read(self, polled: Sentiment) -> None:
        self._polled = polled
        self._ratios = _read_ratios(polled, self._params.crowd_mode)
        self._funding = _read_funding(polled)
        self._now_ms = max(self._now_ms, polled.recv_ms)
        if polled.open_interest is not None and polled.open_interest_ms is not None:
            self._positioning.see_interest(polled.open_interest_ms, polled.open_interest)

    def _pass_to(self, mark: MarkPrice) -> Signal | None:
        through = self._positioning.see_mark(mark)
        if self._polled is None:
            return None
        before = self._reasons
        self._now_ms = max(self._now_ms, mark.ts_ms)
        signal = self._opinion(self._polled)
        return signal if through or signal.reasons != before else None

    def _opinion(self, polled: Sentiment) -> Signal:
        ratios_stale = self._is_stale(polled.ratios_ms, self._params.ratios_max_age_s)
        funding_stale = self._is_stale(polled.funding_ms, self._params.funding_max_age_s)
        interest_stale = self._is_stale(polled.open_interest_ms, self._params.interest_max_age_s)
        ratios = None if ratios_stale else self._ratios
        funding = None if funding_stale else self._funding
        interest = None if interest_stale else self._positioning.quadrant()
        parts = (
            (W_CROWD, ratios.crowd if ratios else None),
            (W_FUNDING, funding.score if funding else None),
            (W_SMART, ratios.smart if ratios else None),
            (W_INTEREST, interest),
        )
        score, present = blend(parts, REQUIRED)
        found = (
            (ratios_stale, STALE_RATIOS),
            (funding_stale, STALE_FUNDING),
            (interest_stale, STALE_INTEREST),
            (not ratios_stale and ratios is None, RATIOS_INVALID),
            (not funding_stale and funding is None, FUNDING_INVALID),
            (ratios is not None and ratios.smart is None, WARMING),
            (not interest_stale and interest is None, INTEREST_WARMING),
            (self._positioning.clusters is None, CLUSTERS_WARMING),
            (polled.generated, GENERATED),
        )
        self._reasons = tuple([reason for holds, reason in found if holds])
        return Signal(
            engine=self.id, ts_ms=_newest_ms(polled), score=score, quality=present, reasons=self._reasons,
            components={
                **_components(ratios, funding), "interest": interest, **self._positioning.components(self._now_ms)
            },
        )  # fmt: skip

    def _is_stale(self, ts_ms: int | None, max_age_s: int) -> bool:
        return ts_ms is None or self._now_ms - ts_ms > 1000 * max_age_s


def _newest_ms(polled: Sentiment) -> int:
    return max((ms for ms in (polled.ratios_ms, polled.funding_ms) if ms is not None), default=polled.recv_ms)


def _is_share(value: float | None) -> TypeGuard[float]:
    return value is not None and 0.0 <= value <= 1.0


def _read_ratios(polled: Sentiment, mode: CrowdMode) -> Ratios | None:
    share, top = polled.global_long, polled.top_position_long
    if not _is_share(share):
        return None
    crowd_hourly = [value for value in polled.global_hourly if _is_share(value)]
    top_hourly = [value for value in polled.top_position_hourly if _is_share(value)]
    return Ratios(
        share=share,
        crowd=read.crowd_score(share),
        extreme=read.crowd_extreme(share, crowd_hourly, mode),
        smart=read.smart_score(top, share, top_hourly, crowd_hourly) if _is_share(top) else None,
    )


def _read_funding(polled: Sentiment) -> Funding | None:
    rate = polled.funding_rate
    if rate is None or not -1.0 < rate < 1.0 or polled.funding_interval_h < 1:
        return None
    rate_8h = read.funding_8h(rate, polled.funding_interval_h)
    return Funding(rate_8h=rate_8h, score=read.funding_score(rate_8h), extreme=read.funding_extreme(rate_8h))


def _components(ratios: Ratios | None, funding: Funding | None) -> dict[str, float | None]:
    return {
        "long_share": ratios.share if ratios else None,
        "crowd": ratios.crowd if ratios else None,
        "crowd_extreme": ratios.extreme if ratios else None,
        "smart": ratios.smart if ratios else None,
        "funding_8h": funding.rate_8h if funding else None,
        "funding": funding.score if funding else None,
        "funding_extreme": funding.extreme if funding else None,
    }
