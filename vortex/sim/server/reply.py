"""A reply before it goes out: kept apart from the socket, so that a fault can spoil its way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from aiohttp import web

from vortex.sim.server.render import Json
from vortex.sim.server.text import to_json

JSON = "application/json"


class Reply(NamedTuple):
    """Status, body and headers."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}
    content_type: str = JSON

    def response(self) -> web.Response:
        """It, whole."""
        return web.Response(
            status=self.status, body=self.body, content_type=self.content_type, headers=dict(self.headers)
        )


def error_json(code: int, message: str) -> Json:
    """An error as the exchange words it."""
    return {"code": code, "msg": message}


def json_reply(status: int, body: object, headers: Mapping[str, str] | None = None) -> Reply:
    """A reply with a JSON body."""
    return Reply(status, to_json(body), headers or {})


def json_response(status: int, body: object, headers: Mapping[str, str] | None = None) -> web.Response:
    """The same, ready to be sent."""
    return json_reply(status, body, headers).response()
