"""What supabase-py and httpx raise, in the words of the port."""

from __future__ import annotations

import math
import re
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from time import time

import httpx
from msgspec import Struct
from postgrest.exceptions import APIError

from supabase import SupabaseException
from vortex.adapters.refusals import Refusal, one_line, refusal
from vortex.ports import RowsRefusedError, StoreMisconfiguredError, StoreUnavailableError

SQLSTATE = re.compile(r"[0-9A-Z]{5}")
NO_DATABASE = frozenset({"PGRST000", "PGRST001", "PGRST002", "PGRST003"})
"""PostgREST runs and cannot reach its database, or has no connection free."""
LATER = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
TOO_LARGE = HTTPStatus.CONTENT_TOO_LARGE if hasattr(HTTPStatus, "CONTENT_TOO_LARGE") else HTTPStatus(413)


FAILURES = (APIError, httpx.HTTPError, httpx.InvalidURL, SupabaseException, TypeError, ValueError)
"""What sending raises; the last two before anything is sent."""


class LastReply(Struct):
    """What the newest reply said beside its body, which supabase-py keeps for itself."""

    status: int | None = None
    retry_after_s: float | None = None

    def note(self, response: httpx.Response) -> None:
        self.status = response.status_code
        self.retry_after_s = retry_after_s(response.headers.get("Retry-After"))

    def forget(self) -> None:
        self.status = self.retry_after_s = None


def retry_after_s(text: str | None) -> float | None:
    """Seconds that a Retry-After asks for, as a number or as a date; None when it says nothing clear."""
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - time()
        except ValueError:
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def translated(error: Exception, last: LastReply) -> Refusal:
    """The error of the port. A timeout may have been carried out: writing again is harmless."""
    if isinstance(error, APIError):
        return _answered(error, last)
    if isinstance(error, httpx.TransportError):
        text = f"{type(error).__name__}: {one_line(str(error)) or 'no answer in time'}"
        return StoreUnavailableError(text, last.retry_after_s)
    if isinstance(error, httpx.HTTPError | httpx.InvalidURL | SupabaseException):
        return StoreMisconfiguredError(f"{type(error).__name__}: {one_line(str(error))}")
    return RowsRefusedError(f"cannot be sent: {one_line(str(error))}")


def _answered(error: APIError, last: LastReply) -> Refusal:
    code, status = error.code or "", last.status or 0
    text = one_line(f"{status} {code} {error.message or ''} {error.details or ''}")
    if code in NO_DATABASE:
        return StoreUnavailableError(text, last.retry_after_s)
    if SQLSTATE.fullmatch(code) and not code.isalpha():
        return refusal(code, text, last.retry_after_s)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in LATER:
        return StoreUnavailableError(text, last.retry_after_s)
    if status in {HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY, TOO_LARGE}:
        return RowsRefusedError(text)
    return StoreMisconfiguredError(text)
