"""The two shapes of the control API's replies: a value as JSON, and an error."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from starlette.responses import Response

SHOWN = 500
"""Characters of an error's message that are sent back."""


def value_reply(value: object, code: int = HTTPStatus.OK) -> Response:
    """Money as decimal strings, absent as null."""
    return Response(msgspec.json.encode(value), code, media_type="application/json")


def error_reply(code: int, name: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """`{"error": {"code", "message"}}`; whatever a client sent can be part of the message."""
    text = message[:SHOWN].encode(errors="backslashreplace").decode()
    reply = value_reply({"error": {"code": name, "message": text}}, code)
    reply.headers.update(headers or {})
    return reply
