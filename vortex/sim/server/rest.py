"""From an HTTP request to the table's handler and back: checks, counters, faults, Binance's error form."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import parse_qsl

from aiohttp import web
from loguru import logger
from msgspec import Struct

from vortex.sim.core.types import FindAlgo, RequestRefused, SimAlgo
from vortex.sim.server.delivery import Delivery
from vortex.sim.server.effects import Effect
from vortex.sim.server.faults import FaultRule
from vortex.sim.server.params import Params
from vortex.sim.server.refusals import status_of
from vortex.sim.server.reply import Reply, error_json, json_reply
from vortex.sim.server.routes import ENDPOINTS, Endpoint
from vortex.sim.server.usage import Limited
from vortex.sim.server.venue import LAG_MS, Venue

KEY_HEADER = "X-MBX-APIKEY"
ALGO_PATH = "/fapi/v1/algoOrder"
UNHARMED = Effect()


class Asked(Struct, frozen=True, kw_only=True):
    """A request as it was read.

    Attributes:
        raw: Query and body, joined: what a signature covers.
        params: Of both.
    """

    method: str
    path: str
    raw: str
    params: Params
    headers: Mapping[str, str]

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


class Rest:
    """Answers whatever is not a stream and not the simulator's own interface."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._delivery = Delivery(venue.clock)

    def close(self) -> None:
        """Let go of every request that is being held."""
        self._delivery.close()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        asked = await _read(request)
        fault = self._fault(asked)
        effect = UNHARMED if fault is None else fault.effect
        endpoint = ENDPOINTS.get((asked.method, asked.path))
        self._count(asked, endpoint)
        reply = await self._applied(asked, endpoint, effect) if effect.applied else Reply(HTTPStatus.OK, b"")
        if effect.reply is not None:  # a client sees its weight on every reply, the wrong ones too
            reply = effect.reply._replace(headers={**self._headers(endpoint), **effect.reply.headers})
        return await self._delivery.send(request, reply, effect)

    def _fault(self, asked: Asked) -> FaultRule | None:
        """The rule that fires on this request, noted in the ledger."""
        if not self._venue.faults:
            return None
        symbol = self._symbol(asked)
        rule = self._venue.faults.fire(asked.method, asked.path, symbol)
        if rule is not None:
            detail = {"id": str(rule.id), "do": rule.order.do, "method": asked.method, "path": asked.path}
            self._venue.note_fault(symbol, detail)
            logger.info("fault {}: {} on {}", rule.id, rule.order.do, asked.name)
        return rule

    def _symbol(self, asked: Asked) -> str | None:
        """The symbol that a request names; the id of a conditional order, asked for without one, names it too."""
        params = asked.params
        symbol = params.optional("symbol")
        if symbol is not None or asked.path != ALGO_PATH:
            return symbol
        try:
            request = FindAlgo(algo_id=params.optional_integer("algoId"), client_id=params.optional("clientAlgoId"))
            return self._venue.peek(request, SimAlgo).symbol
        except RequestRefused:
            return None

    def _count(self, asked: Asked, endpoint: Endpoint | None) -> None:
        usage = self._venue.usage
        if endpoint is None:
            usage.unknown[asked.name] += 1
            logger.warning("unknown path: {}", asked.name)
        else:
            usage.known[asked.name] += 1

    async def _applied(self, asked: Asked, endpoint: Endpoint | None, effect: Effect) -> Reply:
        """What the exchange itself answers."""
        if endpoint is None:
            text = f"Path {asked.path}, Method {asked.method} is invalid"
            return json_reply(HTTPStatus.NOT_FOUND, error_json(-5000, text), self._headers(None))
        lag = LAG_MS.set(effect.lag_ms)
        try:
            body = await self._handle(asked, endpoint)
        except RequestRefused as refusal:
            logger.info("{} refused: {}", asked.name, refusal)
            return self._refused(endpoint, refusal)
        finally:
            LAG_MS.reset(lag)
        return json_reply(HTTPStatus.OK, body, self._headers(endpoint))

    async def _handle(self, asked: Asked, endpoint: Endpoint) -> object:
        venue, server_ms, params = self._venue, self._venue.clock.server_ms(), asked.params
        venue.usage.spend(server_ms, endpoint.weight(params))
        key = asked.headers.get(KEY_HEADER)
        venue.guard.check(endpoint.security, key=key, raw=asked.raw, params=params, server_ms=server_ms)
        return await endpoint.handler(venue, params)

    def _refused(self, endpoint: Endpoint, refusal: RequestRefused) -> Reply:
        headers, status = self._headers(endpoint), status_of(refusal.code)
        if isinstance(refusal, Limited):
            headers["Retry-After"], status = str(refusal.retry_s), refusal.status
        return json_reply(status, error_json(refusal.code, refusal.message), headers)

    def _headers(self, endpoint: Endpoint | None) -> dict[str, str]:
        orders = endpoint is not None and endpoint.orders
        return self._venue.usage.headers(self._venue.clock.server_ms(), orders=orders)


async def _read(request: web.Request) -> Asked:
    query, form = request.raw_path.partition("?")[2], (await request.read()).decode(errors="replace")
    query = query.encode(errors="surrogateescape").decode(errors="replace")  # bytes that are no text stay none
    params = Params(dict(parse_qsl(query) + parse_qsl(form)))
    return Asked(
        method=request.method, path=request.path, raw=query + form, params=params, headers=request.headers
    )  # fmt: skip
