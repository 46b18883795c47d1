"""The panels of what was traded and what was refused, and why. Pure: no page, no clock, no socket."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from vortex.app.dashboard import cells
from vortex.app.dashboard.cells import Cell, Row, Table, columns, row
from vortex.app.dashboard.panels import side

Json = Mapping[str, Any]
SHOWN = 20
NONE_YET = "no closed trade yet"
HEADINGS = {"period": "closed", "symbol": "symbol", "strategy": "strategy", "exit": "exit"}
MARKS = {True: Cell("ok", "good"), False: Cell("FAIL", "bad"), None: Cell(cells.DASH, "dim")}


def newest(results: Json | None) -> Json | None:
    """The page of the source that traded last."""
    sources = (results or {}).get("sources") or [None]
    found: Json | None = sources[0]
    return found


def caption(results: Json | None) -> str:
    """What must be known before a figure is believed."""
    page = newest(results)
    if page is None:
        return NONE_YET if results is not None else "not known"
    label = f"{page['label']}; " if page["label"] else ""
    others = len((results or {})["sources"]) - 1
    more = f"; {others} other sources in this ledger are not added up here" if others else ""
    return f"{page['mode']} · {page['market_source']}: {label}intervals of win rates hold 95 % by chance alone{more}"


def tallies(results: Json | None) -> Table:
    """Results by period, symbol, strategy and exit."""
    heads = columns("", "of", ">n", ">net USDT", ">gross", ">fees", ">funding", ">wins [95 %]", ">profit factor")
    page = newest(results)
    rows, before = [], ""
    for each in page["tallies"] if page is not None else ():
        rows.append(_tally("" if each["by"] == before else HEADINGS[each["by"]], each))
        before = each["by"]
    return Table(columns=heads, rows=tuple(rows), empty=NONE_YET if results is not None else "not known")


def _tally(heading: str, each: Json) -> Row:
    some = each["n"] > 0  # a sum of nothing is no result
    money = (each[name] if some else None for name in ("gross_usdt", "fees_usdt", "funding_usdt"))
    return row(
        Cell(heading, "dim"), cells.text(each["name"]), cells.count(each["n"]),
        cells.gain(each["net_usdt"] if some else None), *(cells.usdt(amount, 4) for amount in money),
        cells.share(each["win_rate"], each["win_rate_95"]), cells.ratio(each["profit_factor"]),
    )  # fmt: skip


def trades(rows: Sequence[Json] | None) -> Table:
    """The newest trades."""
    heads = columns(
        "opened UTC", "closed UTC", "symbol", "side", "by", ">quantity", ">entry", ">exit", ">fees", ">net USDT",
        "status",
    )  # fmt: skip
    shown = [_trade(each) for each in (rows or ())[:SHOWN]]
    return Table(columns=heads, rows=tuple(shown), empty="no trade yet" if rows is not None else "not known")


def _trade(each: Json) -> Row:
    paid = [each[name] for name in ("open_fee_usdt", "close_fee_usdt") if each[name] is not None]
    return row(
        cells.moment(each["opened_at"]), cells.moment(each["closed_at"]), each["symbol"], side(each["side"]),
        cells.text(each["strategy"]), cells.quantity(each["quantity"]), cells.price(each["entry_price"]),
        cells.price(each["exit_price"]), cells.usdt(sum(map(Decimal, paid)), 4), cells.gain(each["pnl_net_usdt"]),
        cells.text(each["close_reason"] or each["status"]),
    )  # fmt: skip


def rejects(rows: Sequence[Json] | None, opened: Mapping[str, Sequence[str]]) -> Table:
    """The newest refusals; those that are `opened` by id show why."""
    heads = columns("at UTC", "symbol", "side", "by", "reason", ">times", ">confidence", ">score", "")
    shown = [
        row(
            cells.moment(each["created_at"]), each["symbol"], side(each["action"]), cells.text(each["strategy"]),
            cells.text(each["rejection_reason"]), cells.count(each["count"]), cells.ratio(each["confidence"], 3),
            cells.score(each["final_score"]), Cell("why"), key=each["id"], below=opened.get(each["id"]),
        ) for each in (rows or ())[:SHOWN]
    ]  # fmt: skip
    return Table(columns=heads, rows=tuple(shown), empty="nothing was refused" if rows is not None else "not known")


def checks(explained: Json | None) -> Table:
    """What every strategy asked of a decision, and every gate after it."""
    heads = columns("step", "asks for", ">seen", ">needed", "")
    rows: list[Row] = []
    story = (explained or {}).get("explanation") or {}
    for trigger in story.get("decision", {}).get("triggers", ()):
        name = f"strategy {trigger['strategy']} {trigger['side']}"
        for number, check in enumerate(trigger["checks"]):
            figures = (_figure(check["value"]), _figure(check["threshold"]))
            rows.append(row(name if number == 0 else "", check["name"], *figures, MARKS[check["passed"]]))
    for number, gate in enumerate((story.get("verdict") or {}).get("gates", ())):
        figures = (_figure(gate["value"]), _figure(gate["threshold"]))
        rows.append(row("gate" if number == 0 else "", gate["code"], *figures, MARKS[gate["passed"]]))
    empty = "the newest evaluation is not known" if not story else "no strategy was asked"
    return Table(columns=heads, rows=tuple(rows), empty=empty)


def changes(explained: Json | None) -> Sequence[str]:
    """The smallest change that would have let it pass, and what the account objected to; as `vortex why` says it."""
    if explained is None:
        return ()
    story = explained["explanation"]
    if story is None:
        return ("its scores and gates are not kept any more: the process that decided has ended",)
    objections = [f"the account objected: {name} {value}" for name, value in (story["denied"] or {}).items()]
    missing = [f"would have passed with: {each}" for each in story["changes"]]
    return tuple(map(cells.clean, (*objections, *missing))) or ("nothing stood in its way",)


def reject_story(explained: Json) -> tuple[str, ...]:
    """One refusal, line by line."""
    story = explained.get("explanation")
    if story is None:
        return tuple(changes(explained))
    made = story["decision"]
    head = (
        f"{made['symbol']} {made['action']} {made['strategy'] or ''}: score {made['final_score']:+.3f}, "
        f"confidence {made['confidence']:.3f}; {made['regime']}/{made['phase'] or 'UNKNOWN'}, flow {made['toxicity']}"
    )
    failed = [
        f"{gate['code']}: seen {_figure(gate['value']).text}, needed {_figure(gate['threshold']).text}"
        for gate in (story["verdict"] or {}).get("gates", ()) if gate["passed"] is False
    ]  # fmt: skip
    return tuple(map(cells.clean, (head, *failed, *changes(explained))))


def _figure(value: object) -> Cell:
    """A number in few digits, or a word."""
    if isinstance(value, float):
        return Cell(f"{value + 0.0:.4g}")  # + 0.0: no -0
    return cells.text(value)
