"""The private route: the account's events for whoever names the listen key, in the address or by SUBSCRIBE."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from vortex.sim.server.clock import SimClock
from vortex.sim.server.sockets import Outlet, Sockets
from vortex.sim.server.streams import StreamRefused, answered
from vortex.sim.server.text import to_json
from vortex.sim.server.user_stream import UserStream

NO_KEY = "This listenKey does not exist."


class PrivateStreams:
    """`/ws?listenKey=K`, `/ws/K`, `/stream?listenKey=K`, `/stream?streams=K`, or any of them without a key yet."""

    def __init__(self, users: UserStream, sockets: Sockets, clock: SimClock) -> None:
        self._users = users
        self._sockets = sockets
        self._clock = clock

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """Raises StreamRefused, before the handshake, when the address names a key that is not valid."""
        query = request.query
        key = query.get("listenKey") or query.get("streams") or request.match_info.get("rest")
        if key:
            self._check(key)
        return await self._sockets.serve(
            request,
            joined=self._users.join if key else _later,
            left=self._users.leave,
            heard=lambda outlet, text: outlet.push(to_json(answered(text, lambda said: self._obey(outlet, said)))),
        )

    def _obey(self, outlet: Outlet, command: dict[str, Any]) -> None:
        keys = command.get("params")
        match command.get("method"), keys:
            case "SUBSCRIBE", [str(key)]:
                self._check(key)
                self._users.join(outlet)
            case "UNSUBSCRIBE", [str()]:
                self._users.leave(outlet)
            case method, _:
                raise StreamRefused(f"Invalid request: {method} of {keys}")

    def _check(self, key: str) -> None:
        if not self._users.valid(key, self._clock.now_ms()):
            raise StreamRefused(NO_KEY)


def _later(_outlet: Outlet) -> None:
    """Who connects without a key hears nothing until it subscribes."""
