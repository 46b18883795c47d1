"""What a person reads of `vortex why` and `vortex stats`: lines of text from the control API's answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

Answer = Mapping[str, Any]


def _why(answer: Answer) -> Iterator[str]:
    """One decision, trade or reject on one page."""
    yield f"{answer['kind']} {_text(answer['id'])}"
    if (trade := answer["trade"]) is not None:
        yield (
            f"{trade['symbol']} {trade['side']} {trade['quantity']} @ {trade['entry_price']}, strategy "
            f"{trade['strategy']}, {trade['status']} {trade['close_reason'] or ''}, net {_text(trade['pnl_net_usdt'])}"
        )
    if (reject := answer["reject"]) is not None:
        yield f"rejected: {reject['rejection_reason']}, {reject['count']} times"
    explained = answer["explanation"]
    if explained is None:
        yield "its scores and gates are not kept any more: the process that decided has ended"
        return
    yield from _decision(explained["decision"], explained["components"])
    yield from _verdict(explained["verdict"])
    for name, value in (explained["denied"] or {}).items():
        yield f"the account objected: {name} {_text(value)}"
    yield "smallest change that would have passed:" if explained["changes"] else "nothing stood in its way"
    for change in explained["changes"]:
        yield f"  {_text(change)}"


def _decision(decision: Answer, components: Answer) -> Iterator[str]:
    what = f"{decision['symbol']} {decision['action']} {decision['strategy'] or ''}".rstrip()
    score, confidence = _number(decision["final_score"]), _number(decision["confidence"])
    yield f"{what}: score {score}, confidence {confidence} (a score, no probability)"
    market = f"{decision['regime']}/{decision['phase'] or 'UNKNOWN'}, flow {decision['toxicity']}"
    yield f"{market}, alignment {decision['alignment']:+d}; reasons: {_text(', '.join(decision['reasons']))}"
    for engine, score in decision["scores"].items():
        weight = decision["weights"].get(engine)
        parts = [f"{name} {_number(value)}" for name, value in components.get(engine, {}).items() if value is not None]
        yield f"  {engine} {_number(score)} x {_number(weight)}: {_text(', '.join(parts)) or 'nothing'}"
    for trigger in decision["triggers"]:
        yield f"strategy {trigger['strategy']} {trigger['side']}"
        for check in trigger["checks"]:
            seen, asked = _number(check["value"]), _number(check["threshold"])
            yield f"  {_mark(check['passed'])} {check['name']} {seen} ({asked})"


def _verdict(verdict: Answer | None) -> Iterator[str]:
    if verdict is None:
        return
    yield "gates"
    for gate in verdict["gates"]:
        seen = _text(gate["value"])
        against = f" ({_text(gate['threshold'])}, margin {_text(gate['margin'])})" if gate["threshold"] else ""
        yield f"  {_mark(gate['passed'])} {gate['code']} {seen}{against}"
    if verdict["capped_by"]:
        yield f"size capped by {verdict['capped_by']}"
    figures = verdict["figures"]
    if figures is not None:
        yield "bracket: " + ", ".join([f"{name} {_figure(value)}" for name, value in figures.items()])


def _stats(answer: Answer) -> Iterator[str]:
    """What closed trades earned, by what they have in common."""
    if not answer["sources"]:
        yield "no closed trade yet"
    for source in answer["sources"]:
        yield from _source(source)
    if answer["rejected_since_start"]:
        yield "rejected signals since the start, as if they had been entered (a guess)"
        for each in answer["rejected_since_start"]:
            yield (
                f"  {each['strategy']} {each['reason']}: n {each['n']}, {each['wins']} wins, "
                f"{_number(each['net_bp'])} bp, {_number(each['net_r'])} R a trade"
            )


def _source(source: Answer) -> Iterator[str]:
    label = f": {source['label']}" if source["label"] else ""
    yield f"{source['mode']} {source['account']}, {_text(source['market_source'])}{label}"
    for group in source["groups"]:
        yield (
            f"  {group['by']} {_text(group['name'])}: n {group['n']}, net {_number(group['net_bp'])} bp"
            f"{_interval(group['net_bp_95'])}, {_number(group['net_r'])} R{_interval(group['net_r_95'])}; "
            f"wins {_share(group['win_rate'])}, break-even {_share(group['break_even_win_rate'])}: {group['verdict']}"
        )
    whole = source["groups"][0]
    falls = ", ".join([f"{name.removesuffix('_usdt')} {_figure(value)}" for name, value in whole["waterfall"].items()])
    yield f"  USDT: {falls}"
    yield "  exits: " + ", ".join([f"{reason} {count}" for reason, count in sorted(whole["exits"].items())])
    yield f"  confidence against wins, Brier {_number(source['calibration']['brier'])}"
    for each in source["calibration"]["bins"]:
        yield f"    {each['low']:.1f} to {each['high']:.1f}: n {each['n']}, won {_share(each['win_share'])}"


def _interval(interval: Sequence[float] | Answer | None) -> str:
    if interval is None:
        return ""
    low, high = interval.values() if isinstance(interval, Mapping) else interval
    return f" [{_number(low)}, {_number(high)}]"


def _share(value: object) -> str:
    return "-" if value is None else f"{100 * float(str(value)):.1f} %"


def _number(value: object) -> str:
    return f"{value + 0.0:.4g}" if isinstance(value, float) else _text(value)  # + 0.0: no -0


def _figure(value: object) -> str:
    """A decimal for reading: eight digits are enough."""
    try:
        return f"{float(str(value)) + 0.0:.8g}"
    except ValueError:
        return _text(value)


def _mark(passed: object) -> str:
    return "ok  " if passed is True else "FAIL" if passed is False else "-   "


def _text(value: object) -> str:
    """What a person sees; control characters would reach the terminal."""
    if value is None:
        return "-"
    return "".join(character if character.isprintable() else "?" for character in str(value))


PAGES: Mapping[str, Callable[[Any], Iterator[str]]] = {"why": _why, "stats": _stats}
"""By command: the lines of the control API's answer."""
