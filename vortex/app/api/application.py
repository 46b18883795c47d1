"""The control API: what the system is doing, over HTTP on this machine (docs/reference/command-line.md)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import FastAPI, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from msgspec import structs
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse

from vortex import __version__
from vortex.app.api import routes
from vortex.app.api.guard import Guard
from vortex.app.api.insight import Insight
from vortex.app.api.openapi import DOCUMENT, PAGE, POLICY, Described, document, page
from vortex.app.api.replies import error_reply, value_reply
from vortex.app.api.status import StatusReader
from vortex.app.api.strict_json import StrictRoute
from vortex.app.api.workers import Workers
from vortex.app.candles import INTERVAL, KEPT, Candles
from vortex.app.metrics.collector import CONTENT_TYPE, Metrics
from vortex.app.operate import Operator, UnknownSymbolError
from vortex.app.reload import PairsFixedError, Reloader
from vortex.config import ConfigError
from vortex.domain.operation import OperatorAction
from vortex.ports import ColdStore, StoreMisconfiguredError, StoreUnavailableError
from vortex.runtime import Crash
from vortex.runtime.errors import ActorFault


def _plain(value: object) -> object:
    """Refuse what Python's int reads besides digits: `1_0`, signs, blanks, other alphabets."""
    if isinstance(value, str) and not (value.isascii() and value.isdecimal()):
        raise ValueError("an integer of digits is expected")
    return value


Limit = Annotated[int, Field(ge=1, le=1_000), BeforeValidator(_plain), Query()]
CandleLimit = Annotated[int, Field(ge=1, le=KEPT), BeforeValidator(_plain), Query()]
Name = Annotated[str, Path(max_length=64)]
REFUSALS: tuple[tuple[type[Exception], HTTPStatus, str], ...] = (
    (UnknownSymbolError, HTTPStatus.NOT_FOUND, "unknown_symbol"),
    (ActorFault, HTTPStatus.SERVICE_UNAVAILABLE, "unavailable"),
    (OSError, HTTPStatus.SERVICE_UNAVAILABLE, "unavailable"),
    (PairsFixedError, HTTPStatus.CONFLICT, "pairs_fixed"),
    (StoreUnavailableError, HTTPStatus.SERVICE_UNAVAILABLE, "ledger_unavailable"),
    (StoreMisconfiguredError, HTTPStatus.SERVICE_UNAVAILABLE, "ledger_unavailable"),
    (ConfigError, HTTPStatus.UNPROCESSABLE_ENTITY, "configuration"),
)
"""What a request that cannot be carried out answers."""


def _whole(value: object) -> object:
    """JSON knows numbers only: 3.0 is an integer there."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = Annotated[int, BeforeValidator(_whole)]


class SymbolOrder(BaseModel):
    """Body of the commands about one symbol; absent or null: all."""

    model_config = ConfigDict(extra="forbid", strict=True)

    symbol: str | None = Field(default=None, max_length=20)


class CrashOrder(BaseModel):
    """Body of `POST /api/chaos/crash`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    actor: str = Field(max_length=64)
    how: Literal["exception", "start_failure", "system_exit", "hang", "spin"] = "exception"
    times: Whole = Field(default=1, ge=1, le=100)
    seconds: float = Field(default=20, ge=0, le=600, allow_inf_nan=False)


class Api:
    """Builds the application.

    Args:
        reader: Reads the running system.
        operator: Carries out what people order.
        reloader: Reads the configuration again.
        store: The ledger.
        metrics: Reads it for Prometheus.
        candles: The newest ones of each symbol.
        crash: Sends a crash to an actor, False when there is none of that path; None where chaos is not allowed.
        host: Where the API listens.
        token: When not empty, every request must carry it as a bearer token.
        label: What a person must know of this run, in every reply's header.
        mask: Takes secrets out of every reply.
    """

    def __init__(
        self,
        *,
        reader: StatusReader,
        operator: Operator,
        reloader: Reloader,
        store: ColdStore,
        metrics: Metrics,
        candles: Candles,
        crash: Callable[[str, Crash], bool] | None,
        host: str,
        token: str,
        label: str,
        mask: Callable[[bytes], bytes] = bytes,
    ) -> None:
        self._reader = reader
        self._operator = operator
        self._reloader = reloader
        self._store = store
        self._metrics = metrics
        self._candles = candles
        self._insight = Insight(reader, store)
        self._crash = crash
        self._host = host
        self._token = token
        self._label = label
        self._mask = mask
        self._workers = Workers()

    def app(self) -> FastAPI:
        """Return the ASGI application."""
        app = FastAPI(title="VORTEX-7 control API", version=__version__, openapi_url=None, redirect_slashes=False)
        app.router.route_class = StrictRoute
        app.add_middleware(Guard, host=self._host, token=self._token, label=self._label, mask=self._mask)
        app.add_exception_handler(HTTPException, _http_error)
        app.add_exception_handler(RequestValidationError, _malformed)
        app.add_exception_handler(Exception, _internal)
        for refusal, code, name in REFUSALS:
            app.add_exception_handler(refusal, partial(_refused, code=code, name=name))
        for path, read, described in (
            ("/livez", self._livez, routes.LIVEZ),
            ("/readyz", self._readyz, routes.READYZ),
            ("/metrics", self._prometheus, routes.METRICS),
            ("/api/status", self._status, routes.STATUS),
            ("/api/actors", self._actors, routes.ACTORS),
            ("/api/trades", self._trades, routes.TRADES),
            ("/api/rejects", self._rejects, routes.REJECTS),
            ("/api/decisions/{name}", self._decision, routes.WHY),
            ("/api/stats", self._stats, routes.STATS),
            ("/api/performance", self._performance, routes.PERFORMANCE),
            ("/api/candles/{name}", self._candles_of, routes.CANDLES),
        ):
            _add(app, "GET", path, read, described)
        for action in OperatorAction:
            _add(app, "POST", f"/api/{action}", self._operate(action), routes.ORDERS[action])
        _add(app, "POST", "/api/reload", self._reload, routes.RELOAD)
        _add(app, "POST", "/api/chaos/crash", self._chaos_crash, routes.CRASH)
        self._document = document(app, token=bool(self._token))
        for path, read in ((DOCUMENT, self._openapi), (PAGE, self._page)):
            app.add_api_route(path, read, methods=["GET"], include_in_schema=False)
        return app

    # Nothing here waits for an actor, the store or the exchange except on one of the workers.

    async def _livez(self) -> Response:
        live = self._reader.alive()
        return value_reply({"live": live}, HTTPStatus.OK if live else HTTPStatus.SERVICE_UNAVAILABLE)

    async def _readyz(self) -> Response:
        reasons = await self._workers.read(self._reader.unready)
        code = HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK
        return value_reply({"ready": not reasons, "reasons": reasons}, code)

    async def _prometheus(self) -> Response:
        return Response(await self._workers.read(self._metrics.text), headers={"content-type": CONTENT_TYPE})

    async def _status(self) -> Response:
        status = await self._workers.read(self._reader.status)
        return value_reply({"label": self._label, **status})

    async def _actors(self) -> Response:
        return value_reply([{"label": self._label, **structs.asdict(actor)} for actor in self._reader.actors()])

    async def _trades(self, limit: Limit = 50) -> Response:
        return value_reply(await self._workers.look_up(self._store.recent_trades, limit))

    async def _rejects(self, limit: Limit = 50) -> Response:
        return value_reply(await self._workers.look_up(self._store.recent_rejections, limit))

    async def _decision(self, name: Name) -> Response:
        found = await self._workers.look_up(self._insight.why, name)
        if found is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, "no decision, trade or reject of this id is kept")
        return value_reply({"label": self._label, **found})

    async def _stats(self) -> Response:
        return value_reply({"label": self._label, **await self._workers.look_up(self._insight.stats)})

    async def _openapi(self) -> Response:
        return value_reply(self._document)

    async def _page(self) -> Response:
        return HTMLResponse(page(self._document), headers={"content-security-policy": POLICY})

    async def _performance(self) -> Response:
        return value_reply({"label": self._label, **await self._workers.look_up(self._insight.results)})

    async def _candles_of(self, name: Name, limit: CandleLimit = KEPT) -> Response:
        if name not in self._reader.symbols():
            raise HTTPException(HTTPStatus.NOT_FOUND, f"no symbol {name!r} runs")
        shown = {"symbol": name, "interval": INTERVAL, "candles": self._candles.of(name, limit)}
        return value_reply({"label": self._label, **shown})

    def _operate(self, action: OperatorAction) -> Callable[[SymbolOrder | None], Awaitable[Response]]:
        async def command(order: SymbolOrder | None = None) -> Response:
            symbol = order.symbol if order is not None else None
            symbols = await self._workers.command(partial(self._operator.order, action, symbol, "control API"))
            return value_reply({"ok": True, "symbols": symbols})

        return command

    async def _reload(self) -> Response:
        """It may wait for the exchange's list of symbols: that must not hold up a halt, so it takes a read's turn."""
        changes = await self._workers.read(self._reloader.reload)
        return value_reply({"ok": True, "symbols": self._reloader.pairs(), **structs.asdict(changes)})

    async def _chaos_crash(self, order: CrashOrder) -> Response:
        if self._crash is None:
            return error_reply(HTTPStatus.FORBIDDEN, "chaos_disabled", "[chaos] enabled is false, or the mode is live")
        if not self._crash(order.actor, Crash(how=order.how, times=order.times, seconds=order.seconds)):
            return error_reply(HTTPStatus.NOT_FOUND, "unknown_actor", f"no actor {order.actor!r}")
        return value_reply({"ok": True})


def _add(
    app: FastAPI, method: str, path: str, endpoint: Callable[..., Awaitable[Response]], described: Described
) -> None:
    name = path.removeprefix("/api/").strip("/").replace("/", "_").partition("_{")[0]
    app.add_api_route(
        path, endpoint, methods=[method], response_class=Response, summary=described.summary,
        responses=described.responses(), operation_id=name.replace("/", "_"), name=name,
    )  # fmt: skip


async def _refused(_request: Request, error: Exception, *, code: HTTPStatus, name: str) -> Response:
    return error_reply(code, name, str(error))


async def _http_error(request: Request, error: Exception) -> Response:
    """Unknown paths and methods, and a body that is not JSON at all."""
    if not isinstance(error, HTTPException):
        return await _internal(request, error)
    if error.status_code == HTTPStatus.BAD_REQUEST:
        return error_reply(HTTPStatus.UNPROCESSABLE_ENTITY, "malformed", error.detail)
    code = HTTPStatus(error.status_code)
    return error_reply(code, code.name.lower(), f"{request.method} {request.url.path}: {error.detail}", error.headers)


async def _malformed(_request: Request, error: Exception) -> Response:
    problems = error.errors() if isinstance(error, RequestValidationError) else ()
    text = "; ".join(f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}" for each in problems)
    return error_reply(HTTPStatus.UNPROCESSABLE_ENTITY, "malformed", text)


async def _internal(_request: Request, error: Exception) -> Response:
    """The server logs the error with its traceback; the client gets its kind, without a value in it."""
    return error_reply(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", type(error).__name__)
