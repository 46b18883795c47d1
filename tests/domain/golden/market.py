"""Checkers of what is computed from the market: book, trades, candles, sentiment."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import sqrt

from tests.domain.golden.compare import Case, Checker, expect, expect_all
from vortex.domain.indicators import sentiment
from vortex.domain.indicators.aggressor import aggressor_ratio, aggressor_score
from vortex.domain.indicators.bands import bollinger, ema_series, keltner_series, momentum, squeeze_series
from vortex.domain.indicators.ewma import EwmaMoments
from vortex.domain.indicators.flow import BookFlow, imbalance, micro_deviation, micro_price, ofi_event
from vortex.domain.indicators.variation import efficiency_ratio, rms_log_return
from vortex.domain.indicators.vpin import VolumeBuckets, bulk_vpin, share_at_most
from vortex.domain.indicators.wilder import atr_series, direction_series, rsi
from vortex.domain.indicators.windows import SlidingSums
from vortex.domain.market import Levels

BULK_TOLERANCE = 1e-6
HOURS_A_YEAR = 365 * 24


def levels(rows: Sequence[Sequence[float]]) -> Levels:
    return tuple((float(row[0]), float(row[1])) for row in rows)


def check_book(case: Case, _: Case) -> None:
    bids, asks = levels(case["bids"]), levels(case["asks"])
    for depth, expected in case["imbalance_flat"].items():
        expect(case, imbalance(bids, asks, int(depth), 1.0), expected)
    expect(case, imbalance(bids, asks, 10, 0.8), case["imbalance_decay_0.8_top10"])
    expect(case, micro_price(bids, asks), case["microprice"])
    expect(case, (bids[0][0] + asks[0][0]) / 2, case["mid"])
    expect(case, micro_deviation(bids, asks), case["micro_dev_over_half_spread"], 1e-6)


def check_ofi(case: Case, _: Case) -> None:
    books = [(levels(book["bids"]), levels(book["asks"])) for book in case["snapshots"]]
    depth = len(books[0][0])
    flow = BookFlow(levels=depth)
    steps = [flow.step(number, bids, asks) for number, (bids, asks) in enumerate(books)][1:]
    events = [ofi_event(a[0][0], a[1][0], b[0][0], b[1][0]) for a, b in pairwise(books)]
    expect_all(case, events, case["ofi_events"])
    expect_all(case, [step.ofi[0] for step in steps], case["ofi_events"])
    sums = [sum(step.ofi[level] for step in steps) for level in range(depth)]
    sizes = [sum(step.ofi_abs[level] for step in steps) for level in range(depth)]
    expect(case, sums[0], case["ofi_sum"])
    expect(case, sums[0] / sizes[0], case["ofi_ratio"])
    expect_all(case, sums, case["mlofi_sum"])
    window = SlidingSums(10_000)
    for step in steps:
        window.add(
            step.ts_ms,
            sum(e * 0.5**level for level, e in enumerate(step.ofi)),
            sum(e * 0.5**level for level, e in enumerate(step.ofi_abs)),
        )
    expect(case, window.first / window.second, case["mlofi_ratio_decay_0.5"])


def check_trades(case: Case, _: Case) -> None:
    trades = case["trades"]
    for window_ms, name in (
        (10**9, "aggressor_ratio_all"),
        (5_000, "aggressor_ratio_window_5000ms(T>last-5000)"),
        (15_000, "aggressor_ratio_window_15000ms"),
    ):
        sums = SlidingSums(window_ms)
        for trade in trades:
            sums.add(trade["T"], 0.0 if trade["m"] else trade["q"], trade["q"] if trade["m"] else 0.0)
        expect(case, aggressor_ratio(sums.first, sums.second), case[name])
    exact = case["vpin_exact"]
    buckets = VolumeBuckets(exact["bucket_volume"], exact["n"])
    prices = [trades[0]["p"]]
    for trade in trades:
        before = buckets.complete
        buckets.add(trade["q"], buy=not trade["m"])
        prices += [trade["p"]] * (buckets.complete - before)
    assert buckets.complete == exact["complete_buckets"]
    expect_all(case, list(buckets.buys), exact["bucket_buy_volumes_last_n"])
    expect(case, buckets.vpin, exact["vpin"])
    expect(case, buckets.partial, exact["partial_bucket_volume_excluded"])
    changes = [new - old for old, new in pairwise(prices)]
    expect_all(case, changes, case["bvc_price_changes_oracle"])
    expect(case, bulk_vpin(changes[-exact["n"] :]), case["vpin_bvc_pop_sigma_last_n"], BULK_TOLERANCE)


def check_candles(case: Case, _: Case) -> None:
    highs, lows, closes = case["high"], case["low"], case["close"]
    expect(case, rsi(closes), case["rsi14"])
    band = bollinger(closes)
    assert band is not None
    expect(case, band.upper, case["bb20_2_upper"])
    expect(case, band.middle, case["bb_mid"])
    expect(case, band.lower, case["bb_lower"])
    expect(case, band.position(closes[-1]), case["pct_b"])
    expect(case, atr_series(highs, lows, closes, 14)[-1], case["atr14"])
    expect(case, atr_series(highs, lows, closes, 10)[-1], case["atr10"])
    expect(case, ema_series(closes)[-1], case["ema20"])
    channel = keltner_series(highs, lows, closes)[-1]
    expect(case, channel.upper, case["kc_upper"])
    expect(case, channel.lower, case["kc_lower"])
    flags = squeeze_series(highs, lows, closes, len(closes))
    assert flags == case["squeeze_on_from_index_19"]
    assert flags[-1] is case["squeeze_on_last"]
    expect(case, momentum(highs, lows, closes), case["squeeze_momentum_linreg20"])
    direction = direction_series(highs, lows, closes)[-1]
    expect(case, direction.adx, case["adx14"])
    expect(case, direction.plus_di, case["plus_di14"])
    expect(case, direction.minus_di, case["minus_di14"])
    expect(case, efficiency_ratio(closes), case["kaufman_er20"])
    expect(case, rms_log_return(closes[-16:]), case["rv_rms_logret_last15"])
    expect(case, rms_log_return(closes), case["rv_rms_logret_all"])


def check_published_rsi(case: Case, _: Case) -> None:
    closes = case["close"]
    for bars, expected in enumerate(case["rsi14_from_index_14"], start=15):
        expect(case, rsi(closes[:bars]), expected)


def check_ewma(case: Case, _: Case) -> None:
    moments = EwmaMoments(case["halflife"])
    means, variances = [], []
    for count in case["counts_per_second"]:
        moments.add(count)
        means.append(moments.mean)
        variances.append(moments.variance)
    expect_all(case, means, case["mean_all"])
    expect_all(case, variances, case["var_all"])
    expect(case, moments.mean, case["mean_last"])
    expect(case, moments.deviation, sqrt(case["var_last"]))


def check_cdf(case: Case, group: Case) -> None:
    expect(case, share_at_most(group["history"], case["x"]), case["cdf"])


def check_transforms(case: Case, _: Case) -> None:
    rate_8h = sentiment.funding_8h(case["funding_rate"], case["interval_h"])
    expect(case, sentiment.long_share(case["long_short_ratio"]), case["long_share"])
    expect(case, rate_8h, case["funding_8h"])
    expect(case, rate_8h * HOURS_A_YEAR / 8, case["funding_apr_simple"])


def check_aggressor_score(case: Case, _: Case) -> None:
    expect(case, aggressor_score(case["ar"]), case["a"])


def check_crowd_score(case: Case, _: Case) -> None:
    share = case["long_share"]
    expect(case, sentiment.crowd_score(share), case["score"])
    assert bool(sentiment.crowd_extreme(share, mode="absolute")) is case["extreme"]


def check_funding_score(case: Case, _: Case) -> None:
    expect(case, sentiment.funding_score(case["funding_8h"]), case["score"])
    assert bool(sentiment.funding_extreme(case["funding_8h"])) is case["extreme"]


def check_oi_quadrant(case: Case, _: Case) -> None:
    score = sentiment.oi_quadrant(case["dP15m_pct"], case["dOI15m_pct"], case["atr15m_pct"])
    expect(case, score, case["oi_score"])


CHECKERS: dict[str, Checker] = {
    "book_imbalance_microprice": check_book,
    "ofi_mlofi": check_ofi,
    "trades_aggressor_vpin": check_trades,
    "technical_96_candles": check_candles,
    "rsi_published_stockcharts": check_published_rsi,
    "ewma_mean_var": check_ewma,
    "vpin_cdf": check_cdf,
    "sentiment_transforms": check_transforms,
    "engine_scores.aggressor_score": check_aggressor_score,
    "engine_scores.crowd_score": check_crowd_score,
    "engine_scores.funding_score": check_funding_score,
    "engine_scores.oi_quadrant": check_oi_quadrant,
}
