"""The buttons: each says what it will do before it does it."""

from __future__ import annotations

from functools import partial

from loguru import logger
from nicegui import ui

from vortex.app.dashboard import wording
from vortex.app.dashboard.source import Board
from vortex.app.dashboard.watch import Watch
from vortex.app.remote import NoAnswerError, UnusableUrlError
from vortex.config import ConfigError

MOST_SYMBOLS = 8
"""With a row of buttons; of more symbols, the one that is looked at."""
ALL = "all symbols"


class Buttons:
    """A row of buttons for all symbols, and one for each.

    Args:
        watch: Sends the orders.
    """

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._names: tuple[str, ...] | None = None
        self._states: dict[str, ui.label] = {}
        self._rows = ui.element("div").classes("control")

    def refresh(self, board: Board, chosen: str) -> None:
        """Show the state of each symbol; buttons stay what they are while the symbols do."""
        names = board.symbols if len(board.symbols) <= MOST_SYMBOLS else (chosen,)
        if names != self._names:
            self._names = names
            self._build(names)
        for name, label in self._states.items():
            state = board.status["symbols"].get(name, {}).get("state") if board.status is not None else None
            label.set_text("not known" if board.down or state is None else state)

    def _build(self, names: tuple[str, ...]) -> None:
        self._rows.clear()
        self._states = {}
        with self._rows:
            for name in (None, *names):
                ui.label(name or ALL).classes("name")
                state = ui.label("").classes("state")
                if name is not None:
                    self._states[name] = state
                with ui.element("div").classes("buttons"):
                    for action in wording.ACTIONS:
                        button = ui.button(action, on_click=partial(self._ask, action, name))
                        button.props(f'outline dense no-caps size=sm data-order="{action} {name or "all"}"')

    async def _ask(self, action: str, symbol: str | None) -> None:
        title = f"{action.capitalize()} {symbol or ALL}"
        with self._rows, ui.dialog() as dialog, ui.card().classes("question"):
            ui.label(self._watch.board.label).classes("words")
            ui.label(f"{title}?").classes("title")
            for line in wording.consequences(action, symbol, self._watch.board):
                ui.label(line)
            with ui.element("div").classes("buttons"):
                ui.button("Cancel", on_click=partial(dialog.submit, False)).props("flat no-caps")
                sure = ui.button(title, on_click=partial(dialog.submit, True)).props("unelevated no-caps")
                sure.props("color=negative" if action in wording.CLOSING else "color=primary")
        if await dialog:
            await self._order(action, symbol)
        dialog.delete()

    async def _order(self, action: str, symbol: str | None) -> None:
        try:
            concerned = await self._watch.order(action, symbol)
        except (NoAnswerError, UnusableUrlError, ConfigError) as error:
            logger.warning("{} {}: {}", action, symbol or ALL, error)
            ui.notify(f"{action} {symbol or ALL}: {error}", type="negative", timeout=0, close_button="close")
            return
        logger.info("{} of {} was ordered on the page", action, ", ".join(concerned))
        ui.notify(f"{action}: {', '.join(concerned) or 'no symbol'}; it is on disk", type="positive")
