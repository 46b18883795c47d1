"""How opinions become one score and one confidence: weights by regime, coverage, agreement, alignment.

Confidence is a score, not a probability.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated

from msgspec import Struct

from vortex.domain.engines.registry import REGISTRY
from vortex.domain.ranges import above, within
from vortex.domain.signal import Regime, Toxicity
from vortex.domain.strategies import StrategyAParams, StrategyBParams, StrategyCParams

UNIT_TOLERANCE = 1e-9
TRENDS = (Regime.TRENDING_UP, Regime.TRENDING_DOWN)
RANGING = Regime.RANGING
WARMING, CALM, ELEVATED, TOXIC = Toxicity.WARMING, Toxicity.CALM, Toxicity.ELEVATED, Toxicity.TOXIC
FLOW_SECTIONS = ("order_flow", "tick")
TECHNICAL_SECTION = "technical"


class BaseWeights(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Weights of the engines before the regime's multipliers; they sum to 1."""

    order_flow: Annotated[float, within(0, 1, "weight of E1, share of 1")] = 0.35
    tick: Annotated[float, within(0, 1, "weight of E2, share of 1")] = 0.25
    technical: Annotated[float, within(0, 1, "weight of E3, share of 1")] = 0.20
    sentiment: Annotated[float, within(0, 1, "weight of E4, share of 1")] = 0.12
    regime: Annotated[float, within(0, 1, "weight of E5, share of 1")] = 0.08

    def __post_init__(self) -> None:
        total = self.order_flow + self.tick + self.technical + self.sentiment + self.regime
        if abs(total - 1) > UNIT_TOLERANCE:
            raise ValueError(f"the engines' weights must sum to 1, not {total:.10g}")


class MaxAges(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How old an engine's newest opinion may be before it counts as missing, milliseconds."""

    order_flow_ms: Annotated[int, within(1, 86_400_000, "E1, ms since the book")] = 1_000
    tick_ms: Annotated[int, within(1, 86_400_000, "E2, ms since its trade stream was last alive")] = 2_000
    technical_ms: Annotated[int, within(1, 86_400_000, "E3, ms")] = 75_000
    sentiment_ms: Annotated[int, within(1, 86_400_000, "E4, ms; the only engine that may be missing")] = 900_000
    regime_ms: Annotated[int, within(1, 86_400_000, "E5, ms")] = 75_000


class DecisionParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `[decision]` section; `a`, `b` and `c` are the strategies' own sections."""

    weights: BaseWeights = BaseWeights()
    max_ages: MaxAges = MaxAges()
    a: StrategyAParams = StrategyAParams()
    b: StrategyBParams = StrategyBParams()
    c: StrategyCParams = StrategyCParams()
    trending_flow_factor: Annotated[float, above(0, 10, "factor on E1 and E2 in a trend, before normalising")] = 1.2
    ranging_technical_factor: Annotated[float, above(0, 10, "factor on E3 in a range, before normalising")] = 1.5
    score_full: Annotated[float, above(0, 1, "|final score| that counts as full conviction")] = 0.60
    score_share: Annotated[float, within(0, 1, "share of conviction in the confidence")] = 0.60
    agree_share: Annotated[float, within(0, 1, "share of the engines' agreement in it")] = 0.40
    agree_min: Annotated[float, within(0, 1, "least |score| of an engine that agrees")] = 0.10
    alignment_min: Annotated[float, within(0, 1, "least |score| of E1 and E2 to be compared")] = 0.15
    alignment_bonus: Annotated[float, within(0, 1, "added to confidence when they agree")] = 0.10
    alignment_penalty: Annotated[float, within(0, 1, "taken off confidence when they do not")] = 0.15
    flow_elevated: Annotated[float, within(0, 1, "rank of VPIN in its own history from which size is cut")] = 0.90
    flow_toxic: Annotated[float, within(0, 1, "rank of VPIN from which strategy B is off too")] = 0.99
    toxic_confidence: Annotated[float, within(0, 1, "factor on confidence while VPIN is toxic")] = 0.80
    debounce_evaluations: Annotated[int, within(1, 100, "evaluations in a row on new books a trigger must hold")] = 2


def weights_by_regime(params: DecisionParams, regime: Regime) -> dict[str, float]:
    """Return the engines' weights in this regime; they sum to 1."""
    factors = dict.fromkeys(FLOW_SECTIONS, params.trending_flow_factor) if regime in TRENDS else {}
    if regime is RANGING:
        factors[TECHNICAL_SECTION] = params.ranging_technical_factor
    raw = {
        str(spec.id): getattr(params.weights, spec.section, spec.weight) * factors.get(spec.section, 1.0)
        for spec in REGISTRY
    }
    total = sum(raw.values())
    return {engine: weight / total for engine, weight in raw.items()}


@cache
def weight_tables(params: DecisionParams) -> Mapping[Regime, Mapping[str, float]]:
    """Return the weights in every regime: the same objects for whoever decides so."""
    return {regime: weights_by_regime(params, regime) for regime in Regime}


def combine(scores: Mapping[str, float], weights: Mapping[str, float]) -> tuple[float, float]:
    """Return the final score in [-1, 1] over the engines present, and their coverage (sum of weights); 0, 0 if none."""
    coverage = weighted = 0.0
    for engine, score in scores.items():
        weight = weights[engine]
        coverage += weight
        weighted += weight * score
    return (weighted / coverage, coverage) if coverage > 0 else (0.0, 0.0)


def alignment_of(s1: float, s2: float, least: float) -> int:
    """Return +1 when order flow and aggressors agree, -1 when they oppose, 0 when either is below `least`."""
    if min(abs(s1), abs(s2)) < least:
        return 0
    return 1 if s1 * s2 > 0 else -1 if s1 * s2 < 0 else 0


def confidence_of(
    scores: Mapping[str, float],
    weights: Mapping[str, float],
    alignment: int,
    params: DecisionParams,
    toxicity: Toxicity = WARMING,
    combined: tuple[float, float] | None = None,
) -> float:
    """Return conviction, agreement and alignment in one score in [0, 1], times coverage, less while flow is toxic.

    `combined` is what `combine` makes of the same scores, where that is known.
    """
    final_score, coverage = combined or combine(scores, weights)
    if coverage <= 0:
        return 0.0
    base = min(1.0, abs(final_score) / params.score_full)
    least = params.agree_min
    agreeing = [weights[e] for e, s in scores.items() if s * final_score > 0 and abs(s) >= least]
    agree = sum(agreeing) / coverage
    bonus = params.alignment_bonus if alignment > 0 else -params.alignment_penalty if alignment < 0 else 0.0
    raw = params.score_share * base + params.agree_share * agree + bonus
    factor = params.toxic_confidence if toxicity is TOXIC else 1.0
    return min(1.0, max(0.0, raw)) * coverage * factor


def toxicity_of(rank: float | None, params: DecisionParams) -> Toxicity:
    """Name a rank of VPIN in its own history; WARMING while there is none, which changes nothing."""
    if rank is None:
        return WARMING
    if rank >= params.flow_toxic:
        return TOXIC
    return ELEVATED if rank >= params.flow_elevated else CALM


def technical_score(components: Mapping[str, float | None], regime: Regime) -> float | None:
    """Pick E3's reading for the regime: reversion in a range, trend in a trend, their mean otherwise."""
    mr, tr = components.get("mr"), components.get("tr")
    if regime is RANGING:
        return mr
    if regime in TRENDS:
        return tr
    return None if mr is None or tr is None else 0.5 * (mr + tr)
