"""The simulator's own interface under /sim/v1: what happened, what was asked, which market, which time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, TypeAlias

import msgspec
from aiohttp import web
from loguru import logger
from msgspec import Meta, Struct

from vortex.sim.server.render import Json
from vortex.sim.server.rest import json_response
from vortex.sim.server.text import json_pieces
from vortex.sim.server.venue import Venue

PREFIX = "/sim/v1/"
MAX_OFFSET_MS = 10**12
"""About 30 years: the times that clients see stay such that everybody can read them."""

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
    command = msgspec.json.decode(body, type=ClockCommand)
    if command.offset_ms is None and command.speed is None:
        raise ValueError("give offset_ms or speed")
    if command.speed is not None:
        venue.clock.set_speed(command.speed)
        venue.wake.set()
    if command.offset_ms is not None:
        venue.clock.offset_ms = command.offset_ms
    return {"ok": True}


COMMANDS: dict[tuple[str, str], Command] = {
    ("GET", "requests"): requests,
    ("GET", "market"): market,
    ("GET", "clock"): clock,
    ("POST", "clock"): set_clock,
}


class Control:
    """Answers /sim/v1. Nothing here is counted, weighed or signed."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    async def answer(self, request: web.Request) -> web.StreamResponse:
        name = request.path.removeprefix(PREFIX)
        if (request.method, name) == ("GET", "ledger"):
            return await self._ledger(request)
        command = COMMANDS.get((request.method, name))
        if command is None:
            return web.Response(status=HTTPStatus.NOT_FOUND, text=f"no command {request.method} {request.path}")
        body = await request.read()
        try:
            reply = command(self._venue, body)
        except ValueError as error:  # malformed JSON and wrong types are ValueErrors of msgspec
            return web.Response(status=HTTPStatus.BAD_REQUEST, text=str(error))
        if request.method == "POST":
            logger.info("{} {}", request.path, body.decode(errors="replace"))
        return json_response(HTTPStatus.OK, reply)

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
