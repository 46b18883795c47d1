"""The web page of a real paper system in a real browser: panels, buttons, a narrow window, and an engine killed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.kit.browser import DESK, PHONE, chromium, dashboard
from tests.kit.processes import Engine, engine, eventually, post, simulator

pytestmark = pytest.mark.e2e

WAIT_S, WAIT_MS, LONG_S = 30.0, 30_000.0, 120.0
SETTINGS = {"VORTEX__RISK__A__MAX_HOLD_S": "600", "VORTEX__RISK__B__MAX_HOLD_S": "600"}
"""Positions stay until they are flattened or stopped."""


@dataclass(slots=True)
class Seen:
    """One page, what it asked for, and what it complained about. The engine is another one after it was killed."""

    page: Page
    url: str
    engine: Engine
    again: Callable[[], Engine]
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def panel(self, name: str) -> Locator:
        return self.page.locator(f'[data-panel="{name}"]')

    def rows(self, name: str) -> list[list[str]]:
        """The fields of every row of a panel's tables; at once, as the page may change any moment."""
        found: list[list[str]] = self.panel(name).evaluate(
            "(panel) => [...panel.querySelectorAll('tbody tr')]"
            ".map((row) => [...row.cells].map((cell) => cell.innerText.trim()))"
        )
        return found

    def facts(self, name: str) -> dict[str, str]:
        """Names and figures of a panel without a table."""
        found: dict[str, str] = self.panel(name).evaluate(
            "(panel) => Object.fromEntries([...panel.querySelectorAll('dl > div')].map("
            "(pair) => [pair.querySelector('dt').innerText, pair.querySelector('dd').innerText]))"
        )
        return found

    def press(self, order: str) -> Locator:
        """Press the button of this order; the dialog that asks whether one is sure."""
        self.page.locator(f'[data-order="{order}"]').click()
        dialog = self.page.locator(".question")
        expect(dialog).to_be_visible()
        return dialog

    def sure(self, order: str) -> str:
        """Press, read, and confirm; what the dialog said."""
        dialog = self.press(order)
        text = dialog.inner_text()
        dialog.locator("button").last.click()
        expect(dialog).to_have_count(0)
        return text


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as launched:
        yield launched


@pytest.fixture(scope="module")
def seen(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """A paper system and its page, which must not ask anything of anybody else, nor complain."""
    data_dir = tmp_path_factory.mktemp("paper") / "data"
    with simulator("--speed", "4") as sim_url, ExitStack() as stack:
        running = stack.enter_context(trading(data_dir, sim_url))
        url = stack.enter_context(dashboard("--data-dir", str(data_dir)))
        running.wait_ready()
        context = browser.new_context(viewport=DESK, color_scheme="light")
        stack.callback(context.close)
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        expect.set_options(timeout=WAIT_MS)
        made = Seen(page, url, running, lambda: stack.enter_context(trading(data_dir, sim_url)))
        page.on("request", lambda request: made.asked.append(request.url))
        page.on("console", lambda said: made.complaints.append(f"{said.type}: {said.text}"))
        page.on("pageerror", lambda error: made.complaints.append(str(error)))
        page.goto(url)
        yield made
        assert made.asked
        assert {urlsplit(asked).netloc for asked in made.asked} == {urlsplit(url).netloc}
        assert [text for text in made.complaints if not text.startswith(("log:", "info:", "debug:"))] == []


def trading(data_dir: Path, sim_url: str) -> AbstractContextManager[Engine]:
    """The engine, now or again."""
    return engine(data_dir, VORTEX__EXCHANGE__SIMULATOR_URL=sim_url, **SETTINGS)


def closed_trades(seen: Seen) -> list[dict[str, Any]]:
    """At least one closed trade; where there is none, the next position is closed."""

    def closed() -> list[dict[str, Any]]:
        return [each for each in seen.engine.api("/api/trades") if each["status"] == "CLOSED"]

    def holds() -> bool:
        return any(each["protected"] for each in seen.engine.api("/api/status")["symbols"].values())

    eventually(lambda: closed() or holds(), LONG_S, "a trade")
    if not closed():
        post(seen.engine.run["control_url"] + "/api/flatten", {})
    return eventually(closed, LONG_S, "a closed trade")


def agree(what: str, shown: Callable[[], object], said: Callable[[], object]) -> None:
    """Wait until the page shows what the API says, which may change in between."""
    last: list[object] = []

    def same() -> bool:
        last[:] = [said(), shown(), said()]
        return last[1] in (last[0], last[2])

    eventually(same, WAIT_S, what, seen=lambda: last)


def test_the_label_and_the_account_are_the_api_s(seen: Seen) -> None:
    expect(seen.page.locator("header")).to_contain_text("PAPER · demo profile · recording of 2024-08-08")
    expect(seen.page.locator("header")).to_contain_text("ready")

    def said() -> tuple[str, str]:
        status = seen.engine.api("/api/status")
        return (
            f"{Decimal(status['account']['equity_usdt']):,.2f}",
            str(sum(each["position"] is not None for each in status["symbols"].values())),
        )

    agree("equity", lambda: tuple(seen.facts("account")[name] for name in ("equity, USDT", "open positions")), said)
    assert seen.facts("account")["drawdown latch"] == "not latched"


def test_open_positions_show_what_protects_them(seen: Seen) -> None:
    rows: list[list[str]] = []

    def shown() -> list[str]:
        rows[:] = [row for row in seen.rows("positions") if row[0] == "BTCUSDT"]
        if not rows:
            return ["no row"]
        [row] = rows
        return [*row[1:3], *(text.replace(",", "") for text in (row[3], row[5], row[7], row[8])), row[10]]

    def said() -> list[str]:
        symbol = seen.engine.api("/api/status")["symbols"]["BTCUSDT"]
        held = symbol["position"]
        if not symbol["protected"] or held is None:  # the market may end one trade and begin another meanwhile
            return ["no protected position"]
        prices = [
            f"{Decimal(held[name]).normalize():f}" for name in ("quantity", "entry_price", "sl_price", "tp_price")
        ]
        return [held["side"], held["strategy"], prices[0], *(two_places(price) for price in prices[1:]), "yes"]

    def whole() -> bool:
        """Mark and liquidation price are told later than the trade."""
        return shown() in (said(), said()) and "-" not in (rows[0][6], rows[0][9])

    eventually(whole, LONG_S, "the position", seen=lambda: (rows, said()))
    [row] = rows
    assert row[11][0] in "+-0", "unrealized"
    assert "ms" in row[12] + row[13], "ages"


def two_places(price: str) -> str:
    """As the page writes it: at least two digits after the point."""
    return f"{Decimal(price):.{max(2, len(price.partition('.')[2]))}f}"


def test_engines_feeds_and_the_path_of_the_decision(seen: Seen) -> None:
    def weights() -> list[str]:
        each = seen.engine.api("/api/status")["symbols"]["BTCUSDT"]["engines"]
        return [f"{engine['weight']:.2f}" for engine in each.values()]

    agree("weights", lambda: [row[2] for row in seen.rows("engines")[:5]], weights)
    rows = seen.rows("engines")
    assert [row[0] for row in rows[:5]] == ["E1", "E2", "E3", "E4", "E5"]
    assert all(row[1][0] in "+-" and row[4] for row in rows[:5])
    expect(seen.panel("engines")).to_contain_text("a score, no probability")
    eventually(lambda: any("strategy A" in row[0] for row in seen.rows("engines")), WAIT_S, "the path")
    feeds = seen.rows("feeds")
    assert [row[0] for row in feeds] == ["BTCUSDT", "ETHUSDT"]
    assert feeds[0][6] == "-", "no liquidation was ever heard, which is no zero"
    assert feeds[0][1].endswith("ms")


def test_the_tree_of_actors_and_the_stores(seen: Seen) -> None:
    def said() -> list[str]:
        return sorted(actor["path"].rpartition("/")[2] for actor in seen.engine.api("/api/actors"))

    agree("actors", lambda: sorted(row[0] for row in seen.rows("actors")), said)
    eventually(lambda: {row[1] for row in seen.rows("actors")} == {"READY"}, WAIT_S, "all READY")
    stores = seen.facts("stores")
    assert (stores["ledger writer"], stores["hot store"], stores["rows set aside"]) == ("READY", "READY", "0")


def test_candles_with_entries_are_drawn(seen: Seen) -> None:
    drawn = "(panel) => panel.querySelector('canvas') !== null"
    eventually(lambda: seen.panel("candles").evaluate(drawn), WAIT_S, "a chart")
    series = "(panel) => getElement(panel.querySelector('.nicegui-echart').id.slice(1)).chart.getOption().series"

    def charted() -> list[Any]:
        found: list[Any] = seen.panel("candles").evaluate(series)
        return found

    said = seen.engine.api("/api/candles/BTCUSDT")["candles"]
    eventually(lambda: charted() and len(charted()[0]["data"]) >= len(said), WAIT_S, "every candle")
    entry = eventually(lambda: charted()[1]["data"], LONG_S, "an entry")
    assert entry[0]["name"].startswith("enter ")


def test_a_reject_says_why(seen: Seen) -> None:
    eventually(lambda: seen.engine.api("/api/rejects"), LONG_S, "a reject")
    button = seen.panel("rejects").locator("button").first
    expect(button).to_be_visible()
    key = button.get_attribute("data-key")
    reject = next(each for each in seen.engine.api("/api/rejects") if each["id"] == key)
    seen.panel("rejects").locator(f'button[data-key="{key}"]').click()
    below = seen.panel("rejects").locator(".below")
    expect(below).to_contain_text(f"{reject['symbol']} {reject['action']}")
    expect(below).to_contain_text(reject["rejection_reason"])
    seen.panel("rejects").locator(f'button[data-key="{key}"]').click()
    expect(below).to_have_count(0)


def test_an_order_is_sent_only_when_one_is_sure(seen: Seen) -> None:
    dialog = seen.press("pause ETHUSDT")
    expect(dialog).to_contain_text("PAPER")
    expect(dialog).to_contain_text("No new position is entered")
    dialog.locator("button").first.click()
    expect(dialog).to_have_count(0)
    assert seen.engine.api("/api/status")["symbols"]["ETHUSDT"]["state"] != "PAUSED"
    seen.sure("pause ETHUSDT")
    eventually(lambda: seen.engine.api("/api/status")["symbols"]["ETHUSDT"]["state"] == "PAUSED", WAIT_S, "paused")
    expect(seen.panel("gates")).to_contain_text("paused")
    expect(seen.panel("control")).to_contain_text("PAUSED")
    seen.sure("resume ETHUSDT")
    eventually(lambda: seen.engine.api("/api/status")["symbols"]["ETHUSDT"]["state"] == "READY", WAIT_S, "resumed")


def test_flatten_and_halt_close_what_is_open(seen: Seen) -> None:
    eventually(lambda: seen.engine.api("/api/status")["symbols"]["BTCUSDT"]["position"], LONG_S, "a position")
    assert "closed now" in seen.sure("flatten BTCUSDT")
    closed = eventually(
        lambda: [each for each in seen.engine.api("/api/trades") if each["close_reason"] == "MANUAL"], WAIT_S, "closed"
    )
    net = f"{Decimal(closed[0]['pnl_net_usdt']):+,.4f}"
    eventually(lambda: any(row[9] == net for row in seen.rows("trades")), WAIT_S, "its row")
    assert "kill switch" in seen.sure("halt all")

    def halted() -> bool:
        symbols = seen.engine.api("/api/status")["symbols"].values()
        return all(each["state"] == "HALTED" and each["position"] is None for each in symbols)

    eventually(halted, WAIT_S, "halted and flat")
    expect(seen.panel("positions")).to_contain_text("no open position")
    seen.sure("unhalt all")
    eventually(lambda: not halted(), WAIT_S, "unhalted")


def test_results_are_those_of_the_ledger(seen: Seen) -> None:
    closed_trades(seen)

    def said() -> list[list[str]]:
        (source,) = seen.engine.api("/api/performance")["sources"]
        return [[each["name"], str(each["n"]), f"{Decimal(each['net_usdt']):+,.4f}"] for each in source["tallies"]]

    agree("results", lambda: [row[1:4] for row in seen.rows("results")], said)
    assert all("[" in row[7] for row in seen.rows("results")), "every win rate has its interval"
    expect(seen.panel("curve")).to_contain_text("simulated market: not evidence")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_needs_no_sideways_scrolling(seen: Seen, scheme: Any) -> None:
    seen.page.emulate_media(color_scheme=scheme)
    seen.page.set_viewport_size(PHONE)
    too_wide = "() => document.documentElement.scrollWidth > window.innerWidth"
    eventually(lambda: not seen.page.evaluate(too_wide), WAIT_S, "all within 360 px")
    dark = "() => getComputedStyle(document.body).backgroundColor"
    expected = {"light": "rgb(244, 245, 247)", "dark": "rgb(17, 21, 27)"}
    eventually(lambda: seen.page.evaluate(dark) == expected[scheme], WAIT_S, f"{scheme} ground")
    seen.page.set_viewport_size(DESK)


def test_an_engine_that_was_killed_is_said_to_be_down_since_then(seen: Seen) -> None:
    trades = len(closed_trades(seen))
    seen.engine.kill()
    outage = seen.page.locator(".outage")
    expect(outage).to_contain_text("The engine has not answered since")
    expect(outage).to_contain_text("Stops and take-profits rest on the exchange")
    expect(seen.page.locator("header")).to_contain_text("ENGINE DOWN")
    expect(seen.page.locator("header")).to_contain_text("PAPER · demo profile · recording of 2024-08-08")
    eventually(lambda: len(seen.rows("trades")) >= min(20, trades), WAIT_S, "the ledger's trades")
    seen.page.reload()
    expect(outage).to_contain_text("The engine has not answered since")
    seen.press("flatten BTCUSDT").locator("button").last.click()
    expect(seen.page.locator(".q-notification")).to_contain_text("nobody answers")
    seen.page.reload()
    seen.engine = seen.again()
    seen.engine.wait_ready()
    expect(seen.page.locator("header")).to_contain_text("ready")
    expect(outage).to_be_hidden()
