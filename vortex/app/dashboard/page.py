"""The page itself: panels, two charts, buttons. What they show is made elsewhere; here it is only put in place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from nicegui import events, ui

from vortex.app.dashboard import cells, charts, html, ledger_panels, panels, wording
from vortex.app.dashboard.ordering import Buttons
from vortex.app.dashboard.source import Board
from vortex.app.dashboard.watch import Watch
from vortex.app.remote import NoAnswerError, UnusableUrlError
from vortex.config import ConfigError

REFRESH_S = 0.5
CLICK = """(event) => {
    const button = event.target.closest("[data-key]");
    if (button) emit(button.dataset.key);
}"""
MODES = {None: "auto", True: "dark", False: "light"}


class Page:
    """One open page.

    Args:
        watch: What all pages look through.
        key: Tells this page from others.
    """

    def __init__(self, watch: Watch, key: str) -> None:
        self._watch = watch
        self._key = key
        self._symbol = ""
        self._opened: dict[str, Sequence[str]] = {}
        self._shown: tuple[object, ...] = ()
        self._texts: dict[str, ui.html] = {}
        self._dark = ui.dark_mode(None)
        ui.colors(primary=charts.BLUE)
        self._build()
        self.refresh()
        ui.timer(REFRESH_S, self.refresh)

    def refresh(self) -> None:
        """Show what the last look saw, where it differs from what is shown."""
        board = self._watch.board
        if self._symbol not in board.symbols:
            self._choose(next(iter(board.symbols), ""))
        self._watch.views(self._key, self._symbol)
        shown = (board, self._symbol, dict(self._opened))
        if shown == self._shown:
            return
        self._shown = shown
        self._head(board)
        for name, content in self._contents(board).items():
            self._texts[name].set_content(content)
        _redraw(self._candles, charts.candles(board.candles.get(self._symbol), board.trades))
        _redraw(self._curve, charts.curve(ledger_panels.newest(board.results)))
        self._buttons.refresh(board, self._symbol)

    def _contents(self, board: Board) -> dict[str, str]:
        status, symbol = board.status, self._symbol
        why = board.why.get(symbol)
        return {
            "account": html.facts(panels.account(status)),
            "gates": html.table(panels.gates(status)),
            "positions": html.table(panels.positions(status), stacked=True),
            "engines": html.table(panels.engines(status, symbol)),
            "decision": html.lines((panels.decision(why), *ledger_panels.changes(why))),
            "path": html.table(ledger_panels.checks(why)),
            "results": html.table(ledger_panels.tallies(board.results)),
            "caption": html.lines((ledger_panels.caption(board.results),)),
            "trades": html.table(ledger_panels.trades(board.trades)),
            "rejects": html.table(ledger_panels.rejects(board.rejects, self._opened)),
            "feeds": html.table(panels.feeds(status)),
            "actors": html.table(panels.actors(board.actors)),
            "stores": html.facts(panels.stores(board)),
        }

    def _head(self, board: Board) -> None:
        words, tone = wording.headline(board)
        uptime = (board.status or {}).get("uptime_s")
        lasted = f"up {cells.duration(uptime)}" if uptime is not None and not board.down else ""
        state = cells.Cell(words, tone)
        self._texts["label"].set_content(html.facts(((board.label, state),)))
        self._texts["beat"].set_content(html.lines((lasted, f"{cells.clock(board.looked_ms)} UTC")))
        self._texts["outage"].set_content(html.lines(wording.outage(board)))
        self._outage.set_visibility(board.down)
        self._main.classes(add="old" if board.down else "", remove="" if board.down else "old")

    def _build(self) -> None:
        with ui.element("header").classes("bar"):
            self._text("label", "label")
            self._text("beat", "beat")
            self._theme = ui.button("theme: auto", on_click=self._next_theme).props("flat dense no-caps size=sm")
        with ui.element("main").classes("board") as self._main:
            self._outage = ui.element("div").classes("outage wide").props("role=alert")
            with self._outage:
                self._text("outage")
            self._panel("Account", "account", "live wide")
            self._panel("Closed gates", "gates", "live wide")
            self._panel("Open positions", "positions", "live wide")
            with ui.element("div").classes("pile"):
                self._build_left()
            with ui.element("div").classes("pile"):
                self._build_right()
            self._panel("Last trades", "trades", "wide")
            with self._section("Last rejects", "rejects", "wide"):
                self._text("rejects").on("click", self._asked_why, js_handler=CLICK)
            self._panel("Actors", "actors", "live wide")

    def _build_left(self) -> None:
        with self._section("Control", "control"):
            self._buttons = Buttons(self._watch)
        with self._section("Candles, 1 minute", "candles"):
            self._select = ui.select([], on_change=self._selected).props("dense options-dense borderless")
            self._select.classes("symbol")
            self._candles = ui.echart(charts.candles(None, None)).classes("chart")
        self._panel("Feeds: age of the last message", "feeds", "live")
        self._panel("Results", "results")

    def _build_right(self) -> None:
        with self._section("Engines and the newest evaluation", "engines", "live"):
            self._text("engines")
            self._text("decision", "words")
            self._text("path", "path")
        with self._section("Net result of closed trades, USDT", "curve"):
            self._text("caption", "words")
            self._curve = ui.echart(charts.curve(None)).classes("chart curve")
        self._panel("Ledger and mirror", "stores", "live")

    def _section(self, title: str, name: str, classes: str = "") -> ui.element:
        section = ui.element("section").classes(f"panel {classes}").props(f'data-panel="{name}"')
        with section:
            ui.html(html.heading(title), sanitize=False)
        return section

    def _panel(self, title: str, name: str, classes: str = "") -> None:
        with self._section(title, name, classes):
            self._text(name)

    def _text(self, name: str, classes: str = "") -> ui.html:
        made = ui.html("", sanitize=False).classes(classes)  # every text in it is escaped where it is made
        self._texts[name] = made
        return made

    def _choose(self, symbol: str) -> None:
        self._symbol = symbol
        self._select.set_options(list(self._watch.board.symbols), value=symbol or None)

    def _selected(self, event: events.ValueChangeEventArguments[Any]) -> None:
        self._symbol = event.value or ""
        self.refresh()

    def _next_theme(self) -> None:
        order = list(MODES)
        self._dark.value = order[(order.index(self._dark.value) + 1) % len(order)]
        self._theme.set_text(f"theme: {MODES[self._dark.value]}")

    async def _asked_why(self, event: events.GenericEventArguments) -> None:
        key = str(event.args)
        if self._opened.pop(key, None) is None:
            try:
                self._opened[key] = ledger_panels.reject_story(await self._watch.why(key))
            except (NoAnswerError, UnusableUrlError, ConfigError) as error:
                self._opened[key] = (f"nobody can say why now: {error}",)
        self.refresh()


def _redraw(chart: ui.echart, options: dict[str, Any]) -> None:
    if chart.options != options:
        chart.options.clear()
        chart.options.update(options)
        chart.update()


def register(watch: Watch, head: Callable[[], str]) -> None:
    """Serve the page at `/`; `head` is its style and script."""

    @ui.page("/", title="VORTEX-7")
    def index(client: Any) -> None:
        ui.add_head_html(head())
        client.on_delete(partial(watch.left, client.id))
        Page(watch, client.id)
