"""What each route of the control API is for, what it answers, and what else it may answer."""

from __future__ import annotations

from http import HTTPStatus

from vortex.app.api import shapes
from vortex.app.api.openapi import Described
from vortex.domain.operation import OperatorAction

UNANSWERED = {HTTPStatus.SERVICE_UNAVAILABLE: "The actors do not answer in time; an order may still be carried out."}
MALFORMED = {HTTPStatus.UNPROCESSABLE_ENTITY: "Malformed."}
BODY = {
    HTTPStatus.LENGTH_REQUIRED: "The length of the body is not announced.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large.",
    **MALFORMED,
}
LIVEZ = Described(
    summary="Whether the actors move.",
    reply=shapes.Live,
    errors={HTTPStatus.SERVICE_UNAVAILABLE: ("They have given up, or do not move.", shapes.Live)},
)
READYZ = Described(
    summary="Whether trading can begin.",
    reply=shapes.Ready,
    errors={HTTPStatus.SERVICE_UNAVAILABLE: ("Not yet, and why.", shapes.Ready)},
)
METRICS = Described(summary="For Prometheus, text.", reply=str, media="text/plain", errors=UNANSWERED)
STATUS = Described(
    summary="Symbols, positions, engines, feeds, gates, account.", reply=shapes.Status, errors=UNANSWERED
)
ACTORS = Described(summary="Every actor of the tree.", reply=shapes.Actors)
TRADES = Described(summary="The newest trades.", reply=shapes.Trades, errors={**MALFORMED, **UNANSWERED})
REJECTS = Described(summary="The newest rejected signals.", reply=shapes.Rejections, errors={**MALFORMED, **UNANSWERED})
WHY = Described(
    summary="Why: a decision, trade or reject by its id, or a symbol's newest evaluation.",
    reply=shapes.Why,
    errors={HTTPStatus.NOT_FOUND: "Nothing of this id is kept.", **MALFORMED, **UNANSWERED},
)
STATS = Described(summary="What closed trades earned, and what that proves.", reply=shapes.Stats, errors=UNANSWERED)
PERFORMANCE = Described(
    summary="The day, equity, and what closed trades earned, for charts.", reply=shapes.ResultsPage, errors=UNANSWERED
)
CANDLES = Described(
    summary="The newest one-minute candles of a symbol, the last one perhaps forming.",
    reply=shapes.Candles,
    errors={HTTPStatus.NOT_FOUND: "No such symbol runs.", **MALFORMED},
)
ORDERS = {
    action: Described(
        summary=words,
        reply=shapes.Ordered,
        errors={HTTPStatus.NOT_FOUND: "No such symbol runs.", **BODY, **UNANSWERED},
    )
    for action, words in (
        (OperatorAction.PAUSE, "Enter no more; open positions are managed."),
        (OperatorAction.RESUME, "End a pause."),
        (OperatorAction.FLATTEN, "Close now; whether entries are allowed stays as it is."),
        (OperatorAction.HALT, "Cancel entries, close, and enter no more."),
        (OperatorAction.UNHALT, "End a halt; of all symbols also the kill switch."),
    )
}
RELOAD = Described(
    summary="Read the configuration again.",
    reply=shapes.Reloaded,
    errors={
        HTTPStatus.CONFLICT: "The pairs are fixed from outside the files.",
        HTTPStatus.LENGTH_REQUIRED: BODY[HTTPStatus.LENGTH_REQUIRED],
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: BODY[HTTPStatus.REQUEST_ENTITY_TOO_LARGE],
        HTTPStatus.UNPROCESSABLE_ENTITY: "The configuration is refused; nothing has changed.",
        **UNANSWERED,
    },
)
CRASH = Described(
    summary="Make an actor fail; never in live mode.",
    reply=shapes.Sent,
    errors={HTTPStatus.NOT_FOUND: "No such actor.", **BODY},
)
