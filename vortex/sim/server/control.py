"""The simulator's own interface under /sim/v1: what happened, what was asked, which market, which time."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any, TypeAlias

from aiohttp import web
from loguru import logger
from msgspec import Meta, Struct

from vortex.sim.core.commands import AlgoCommand, MarketCommand, UserCommand
from vortex.sim.server.bodies import decoded
from vortex.sim.server.faults import FaultOrder
from vortex.sim.server.lines import StreamOrder
from vortex.sim.server.render import Json
from vortex.sim.server.reply import json_response
from vortex.sim.server.text import json_pieces
from vortex.sim.server.venue import Venue

PREFIX = "/sim/v1/"
ONE_FAULT = "faults/"
MAX_OFFSET_MS = 10**12
"""About 30 years: the times that clients see stay such that everybody can read them."""

OK: Json = {"ok": True}
Command: TypeAlias = Callable[[Venue, bytes], object]


class ClockCommand(Struct, forbid_unknown_fields=True):
    """POST /sim/v1/clock: shift what clients see, or run faster or slower from now on."""

    offset_ms: Annotated[int, Meta(ge=-MAX_OFFSET_MS, le=MAX_OFFSET_MS)] | None = None
    speed: float | None = None


def requests(venue: Venue, _body: bytes) -> Json:
    """GET requests: what was asked for, and how often."""
    return {"known": dict(venue.usage.known), "unknown": dict(venue.usage.unknown)}


def clock(venue: Venue, _body: bytes) -> Json:
    """GET clock: the market's own time."""
    return {"now_ms": venue.clock.now_ms(), "speed": venue.clock.speed}


def market(venue: Venue, _body: bytes) -> Json:
    """Where the market data comes from, and which candles were generated: simulated figures say so."""
    return {
        "sources": [
            {
                "label": source.label,
                "symbols": [spec.symbol for spec in source.specs],
                "replicated": source.label.endswith("replicated"),
            }
            for source in venue.sources
        ],
        "generated_before_ms": {symbol: venue.source(symbol).generated_before_ms(symbol) for symbol in venue.specs},
        "sentiment_generated": not all(source.live for source in venue.sources),
        "silent": sorted(venue.silent),
        "label": " + ".join(dict.fromkeys(source.label for source in venue.sources)),
    }


def set_clock(venue: Venue, body: bytes) -> Json:
    """Raises ValueError when the command is malformed or the speed out of range."""
    command = decoded(body, ClockCommand)
    if command.offset_ms is None and command.speed is None:
        raise ValueError("give offset_ms or speed")
    if command.speed is not None:
        venue.clock.set_speed(command.speed)
        venue.wake.set()
    if command.offset_ms is not None:
        venue.clock.offset_ms = command.offset_ms
    return OK


def reset(venue: Venue, _body: bytes) -> Json:
    """POST reset: back to the beginning, except for the market."""
    venue.reset()
    return OK


def post_fault(venue: Venue, body: bytes) -> Json:
    """POST faults: a new rule. Raises ValueError when it is malformed."""
    return OK | {"id": venue.faults.post(decoded(body, FaultOrder))}


def list_faults(venue: Venue, _body: bytes) -> object:
    """GET faults: every rule with its counters."""
    return venue.faults.rows()


def clear_faults(venue: Venue, _body: bytes) -> Json:
    """DELETE faults: all of them."""
    venue.faults.clear()
    return OK


def disturb(venue: Venue, body: bytes) -> Json:
    """POST stream. Raises ValueError when the order is malformed or cannot be carried out."""
    order: StreamOrder = decoded(body, StreamOrder)
    venue.disturb(order.checked_route(), order.do, order.for_ms)
    return OK


def command_of(kind: Any) -> Command:
    """POST market, algo, user: one of these commands. It raises ValueError when malformed or not to be done."""

    def obey(venue: Venue, body: bytes) -> Json:
        command = decoded(body, kind)
        if command.symbol not in venue.specs:
            raise ValueError(f"symbol: {command.symbol!r} is not listed; there are {', '.join(venue.specs)}")
        venue.command(command)
        return OK

    return obey


COMMANDS: dict[tuple[str, str], Command] = {
    ("GET", "requests"): requests,
    ("GET", "market"): market,
    ("GET", "clock"): clock,
    ("POST", "clock"): set_clock,
    ("POST", "reset"): reset,
    ("POST", "faults"): post_fault,
    ("GET", "faults"): list_faults,
    ("DELETE", "faults"): clear_faults,
    ("POST", "stream"): disturb,
    ("POST", "market"): command_of(MarketCommand),
    ("POST", "algo"): command_of(AlgoCommand),
    ("POST", "user"): command_of(UserCommand),
}


class Control:
    """Answers /sim/v1. Nothing here is counted, weighed or signed."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    async def answer(self, request: web.Request) -> web.StreamResponse:
        name = request.path.removeprefix(PREFIX)
        if (request.method, name) == ("GET", "ledger"):
            return await self._ledger(request)
        if request.method == "DELETE" and name.startswith(ONE_FAULT):
            return self._delete_fault(name.removeprefix(ONE_FAULT))
        command = COMMANDS.get((request.method, name))
        if command is None:
            return web.Response(status=HTTPStatus.NOT_FOUND, text=f"no command {request.method} {request.path}")
        body = await request.read()
        try:
            reply = command(self._venue, body)
        except ValueError as error:
            return web.Response(status=HTTPStatus.BAD_REQUEST, text=str(error))
        if request.method == "POST":
            logger.info("{} {}", request.path, body.decode(errors="replace"))
        return json_response(HTTPStatus.OK, reply)

    def _delete_fault(self, number: str) -> web.Response:
        if re.fullmatch(r"[0-9]{1,18}", number) and self._venue.faults.delete(int(number)):
            return json_response(HTTPStatus.OK, OK)
        return web.Response(status=HTTPStatus.NOT_FOUND, text=f"no fault {number}")

    async def _ledger(self, request: web.Request) -> web.StreamResponse:
        """Everything that happened on the account, and what is: after days too long to encode at one go."""
        parts = self._venue.core.ledger_parts(self._venue.clock.now_ms())
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        for piece in json_pieces(parts):
            await response.write(piece)
            await asyncio.sleep(0)
        await response.write_eof()
        return response
