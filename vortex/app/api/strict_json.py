"""Requests of which everybody reads the same: what stands twice, or is unknown, is refused, not guessed at."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute


class StrictRequest(Request):
    """JSON in UTF-8, the only form there is on a wire; raises json.JSONDecodeError also for a duplicate key."""

    async def json(self) -> Any:
        return json.loads((await self.body()).decode(), object_pairs_hook=_once)


class StrictRoute(APIRoute):
    """A route that reads its body strictly, and refuses what it does not know in the query of `/api/...`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        known = {field.alias for field in self.dependant.query_params}

        async def strictly(request: Request) -> Response:
            unknown = sorted(set(request.query_params) - known) if self.path.startswith("/api/") else []
            if unknown:
                words = f"expected {', '.join(sorted(known)) or 'none'}"
                raise HTTPException(HTTPStatus.BAD_REQUEST, f"unknown query parameter {unknown[0]!r}: {words}")
            return await handle(StrictRequest(request.scope, request.receive))

        return strictly


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise json.JSONDecodeError("a key stands there twice", "", 0)
    return found
