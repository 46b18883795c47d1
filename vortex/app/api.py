"""The control API: what the system is doing, over HTTP on this machine (CONTRACTS 4)."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Annotated, Any, Literal

import msgspec
from fastapi import FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from vortex import __version__
from vortex.app.status import StatusReader
from vortex.ports import ColdStore
from vortex.runtime import Crash

Limit = Annotated[int, Query(ge=1, le=1_000)]
CallNext = Callable[[Request], Awaitable[Response]]


class CrashOrder(BaseModel):
    """Body of `POST /api/chaos/crash`."""

    model_config = ConfigDict(extra="forbid")

    actor: str = Field(max_length=64)
    how: Literal["exception"] = "exception"
    times: int = Field(default=1, ge=1, le=100)
    seconds: float = Field(default=20, ge=0, le=600)


class Api:
    """Builds the application.

    Args:
        reader: Reads the running system.
        store: The ledger.
        crash: Sends a crash to an actor; None where chaos is not allowed.
        token: When not empty, every request must carry it as a bearer token.
        hosts: Host names under which this API may be addressed.
        label: What a person must know of this run, in every answer's header.
    """

    def __init__(
        self,
        *,
        reader: StatusReader,
        store: ColdStore,
        crash: Callable[[str, Crash], bool] | None,
        token: str,
        hosts: frozenset[str],
        label: str,
    ) -> None:
        self._reader = reader
        self._store = store
        self._crash = crash
        self._token = token
        self._hosts = hosts
        self._label = label

    def app(self) -> FastAPI:
        """Return the ASGI application."""
        app = FastAPI(title="VORTEX-7 control API", version=__version__)
        app.middleware("http")(self._guard)
        app.add_exception_handler(HTTPException, _http_error)
        app.add_exception_handler(RequestValidationError, _malformed)
        for path, handler in (
            ("/livez", self._livez),
            ("/readyz", self._readyz),
            ("/api/status", self._status),
            ("/api/actors", self._actors),
            ("/api/trades", self._trades),
            ("/api/rejects", self._rejects),
        ):
            app.add_api_route(path, handler, methods=["GET"], response_class=Response)
        app.add_api_route("/api/chaos/crash", self._chaos_crash, methods=["POST"], response_class=Response)
        return app

    async def _guard(self, request: Request, call_next: CallNext) -> Response:
        """Refuse foreign hosts and origins (DNS rebinding, other pages in a browser) and wrong tokens."""
        origin = request.headers.get("origin")
        if (request.url.hostname or "") not in self._hosts:
            return _error(HTTPStatus.FORBIDDEN, "foreign_host", "this host name is not served")
        if origin is not None and origin.split("://")[-1].rsplit(":", 1)[0] not in self._hosts:
            return _error(HTTPStatus.FORBIDDEN, "foreign_origin", "this origin may not use the control API")
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self._token and not hmac.compare_digest(given.encode(), self._token.encode()):
            return _error(HTTPStatus.UNAUTHORIZED, "token", "a bearer token is needed")
        response = await call_next(request)
        response.headers["x-vortex"] = self._label
        return response

    # Handlers are plain functions: FastAPI runs them on its worker threads, since they wait for actors.

    def _livez(self) -> Response:
        return _json({"live": True})

    def _readyz(self) -> Response:
        reasons = self._reader.unready()
        code = HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK
        return _json({"ready": not reasons, "reasons": reasons}, code)

    def _status(self) -> Response:
        return _json(self._reader.status())

    def _actors(self) -> Response:
        return _json(self._reader.actors())

    def _trades(self, limit: Limit = 50) -> Response:
        return _json(self._store.recent_trades(limit))

    def _rejects(self, limit: Limit = 50) -> Response:
        return _json(self._store.recent_rejections(limit))

    def _chaos_crash(self, order: CrashOrder) -> Response:
        if self._crash is None:
            return _error(HTTPStatus.FORBIDDEN, "chaos_disabled", "[chaos] enabled is false, or the mode is live")
        if not self._crash(order.actor, Crash(how=order.how, times=order.times)):
            return _error(HTTPStatus.NOT_FOUND, "unknown_actor", f"no actor {order.actor!r}")
        return _json({"ok": True})


def _json(value: object, code: int = HTTPStatus.OK) -> Response:
    return Response(msgspec.json.encode(value), code, media_type="application/json")


def _error(code: int, name: str, message: str) -> Response:
    return _json({"error": {"code": name, "message": message}}, code)


async def _http_error(_request: Request, error: Exception) -> Response:
    code = error.status_code if isinstance(error, HTTPException) else HTTPStatus.INTERNAL_SERVER_ERROR
    return _error(code, HTTPStatus(code).name.lower(), str(getattr(error, "detail", error)))


async def _malformed(_request: Request, error: Exception) -> Response:
    problems: list[Any] = list(error.errors()) if isinstance(error, RequestValidationError) else []
    text = "; ".join(f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}" for each in problems)
    return _error(HTTPStatus.UNPROCESSABLE_ENTITY, "malformed", text)
