"""Bodies of which everybody reads the same: a key that stands twice is refused, not guessed at."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute


class StrictRequest(Request):
    """JSON in UTF-8, the only form there is on a wire; raises json.JSONDecodeError also for a duplicate key."""

    async def json(self) -> Any:
        return json.loads((await self.body()).decode(), object_pairs_hook=_once)


class StrictRoute(APIRoute):
    """A route that reads its body strictly."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def strictly(request: Request) -> Response:
            return await handle(StrictRequest(request.scope, request.receive))

        return strictly


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise json.JSONDecodeError("a key stands there twice", "", 0)
    return found
