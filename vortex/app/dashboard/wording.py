"""What the page says about the engine as a whole, and before it sends an order: exactly what the order will do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vortex.app.dashboard import cells
from vortex.app.dashboard.source import Board

Json = Mapping[str, Any]
ACTIONS = ("pause", "resume", "flatten", "halt", "unhalt")
DOES = {
    "pause": ("No new position is entered.", "Open positions stay and are managed to their own exits.",
              "It holds after a restart, until resume."),
    "resume": ("The pause ends: new positions may be entered again.", "A halt, if there is one, stays."),
    "flatten": ("Open positions are closed now, at the market's price.",
                "Entries stay as they are: it may enter again at once. To prevent that, halt."),
    "halt": ("Entries under way are cancelled.", "Open positions are closed now, at the market's price.",
             "Nothing is entered until unhalt, also after a restart."),
    "unhalt": ("The halt ends: new positions may be entered again.",),
}  # fmt: skip
WHOLE = {
    "halt": "This is the kill switch: it also holds for symbols that join later.",
    "unhalt": "The kill switch is cleared too, and its file removed.",
}
CLOSING = frozenset({"flatten", "halt"})


def consequences(action: str, symbol: str | None, board: Board) -> tuple[str, ...]:
    """What an order of one symbol, None: of all, will do, and to which positions."""
    status = board.status
    concerned = board.symbols if symbol is None else (symbol,)
    lines = [*DOES[action]]
    if symbol is None:
        lines += [WHOLE[action]] if action in WHOLE else []
    if action in CLOSING:
        lines += _closes(concerned, status)
    if status is not None and not status["simulated"]:
        lines.append("These are real orders." if status["mode"] == "live" else "These are orders on Demo Trading.")
    return tuple(lines)


def _closes(symbols: Sequence[str], status: Json | None) -> list[str]:
    if status is None:
        return ["Which positions are open is not known now."]
    held = {symbol: status["symbols"][symbol]["position"] for symbol in symbols if symbol in status["symbols"]}
    found = [
        f"{symbol}: {each['side']} {cells.quantity(each['quantity']).text}, entered at "
        f"{cells.price(each['entry_price']).text}, unrealized {cells.gain(each['upnl_usdt']).text} USDT before fees"
        for symbol, each in held.items() if each is not None
    ]  # fmt: skip
    return found or ["No position is open now."]


def headline(board: Board) -> tuple[str, str]:
    """The state of the engine in a few words, and the tone of them."""
    if board.down:
        return "ENGINE DOWN", "bad"
    if board.status is None:
        return "asking", "dim"
    return ("ready", "good") if board.status["ready"] else ("NOT READY", "warn")


def outage(board: Board) -> tuple[str, ...]:
    """What to say while the engine does not answer; nothing while it does."""
    if not board.down:
        return ()
    if board.heard_ms is not None:
        since = f"The engine has not answered since {cells.clock(board.heard_ms)} UTC"
        seen = "Everything below is what it said then; trades are read from the ledger on disk."
    elif board.sign_ms is not None:
        since = f"The engine does not run; its files were last written at {cells.clock(board.sign_ms)} UTC"
        seen = "Trades and refusals below are read from the ledger on disk; the rest is not known."
    else:
        since, seen = "The engine does not run", "Nothing is known of an earlier run."
    if board.ledger_trouble:
        seen = f"The ledger cannot be read: {cells.clean(board.ledger_trouble)}"
    gone = (board.looked_ms - board.down_since_ms) // 1_000 if board.down_since_ms is not None else None
    ago = "" if gone is None else f", {cells.duration(max(0, gone))} ago"
    return f"{since}{ago}.", seen, f"Stops and take-profits rest on the exchange. ({cells.clean(board.trouble)})"
