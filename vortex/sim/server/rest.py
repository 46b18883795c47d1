"""From an HTTP request to the table's handler and back: checks, counters, Binance's error form."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import parse_qsl

from aiohttp import web
from loguru import logger

from vortex.sim.core.types import RequestRefused
from vortex.sim.server.params import Params
from vortex.sim.server.render import Json
from vortex.sim.server.routes import ENDPOINTS, Endpoint
from vortex.sim.server.text import to_json
from vortex.sim.server.venue import Venue

KEY_HEADER = "X-MBX-APIKEY"
STATUS_OF_CODE = {
    -2014: HTTPStatus.UNAUTHORIZED,
    -1003: HTTPStatus.TOO_MANY_REQUESTS,
    -1015: HTTPStatus.TOO_MANY_REQUESTS,
}
"""Every refusal not named here is a 400."""


class Rest:
    """Answers whatever is not a stream and not the simulator's own interface."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    async def answer(self, request: web.Request) -> web.Response:
        usage, name = self._venue.usage, f"{request.method} {request.path}"
        endpoint = ENDPOINTS.get((request.method, request.path))
        if endpoint is None:
            usage.unknown[name] += 1
            logger.warning("unknown path: {}", name)
            text = f"Path {request.path}, Method {request.method} is invalid"
            return json_response(HTTPStatus.NOT_FOUND, error_json(-5000, text))
        usage.known[name] += 1
        try:
            status, body = HTTPStatus.OK, await self._handle(request, endpoint)
        except RequestRefused as refusal:
            logger.info("{} refused: {}", name, refusal)
            status = STATUS_OF_CODE.get(refusal.code, HTTPStatus.BAD_REQUEST)
            body = error_json(refusal.code, refusal.message)
        return json_response(status, body, self._headers(endpoint, status))

    async def _handle(self, request: web.Request, endpoint: Endpoint) -> object:
        venue, server_ms = self._venue, self._venue.clock.server_ms()
        query, form = request.raw_path.partition("?")[2], (await request.read()).decode(errors="replace")
        query = query.encode(errors="surrogateescape").decode(errors="replace")  # bytes that are no text stay none
        params = Params(dict(parse_qsl(query) + parse_qsl(form)))
        venue.usage.spend(server_ms, endpoint.weight(params))
        key = request.headers.get(KEY_HEADER)
        venue.guard.check(endpoint.security, key=key, raw=query + form, params=params, server_ms=server_ms)
        return await endpoint.handler(venue, params)

    def _headers(self, endpoint: Endpoint, status: HTTPStatus) -> dict[str, str]:
        server_ms = self._venue.clock.server_ms()
        headers = self._venue.usage.headers(server_ms, orders=endpoint.orders)
        if status is HTTPStatus.TOO_MANY_REQUESTS:
            headers["Retry-After"] = str(self._venue.usage.retry_s(server_ms))
        return headers


def error_json(code: int, message: str) -> Json:
    """An error as the exchange words it."""
    return {"code": code, "msg": message}


def json_response(status: HTTPStatus, body: object, headers: Mapping[str, str] | None = None) -> web.Response:
    """A JSON reply."""
    return web.Response(status=status, body=to_json(body), content_type="application/json", headers=headers)
