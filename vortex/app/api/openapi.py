"""The control API's description: an OpenAPI document, and a page of it that loads nothing from anywhere."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from msgspec import Struct

from vortex import __version__
from vortex.app.api import shapes

DOCUMENT, PAGE = "/api/openapi.json", "/api/docs"
TEMPLATE = "#/components/schemas/{name}"
TITLE = "VORTEX-7 control API"
WORDS = (
    "What a running system is doing, and orders to it. Times are UTC epoch milliseconds, money is a decimal string, "
    "absent is null. Every reply, also a refusal, has the header `x-vortex`: mode, profile and market source."
)
ALWAYS = {
    HTTPStatus.UNAUTHORIZED: "The bearer token is missing or wrong.",
    HTTPStatus.FORBIDDEN: "A foreign Host or Origin, or not allowed in this mode.",
    HTTPStatus.TOO_MANY_REQUESTS: "More than 200 reads or 20 commands a second.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Our own mistake; the log has it.",
}
"""What any request may be answered."""

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "code,pre{font-family:ui-monospace,monospace}pre{overflow:auto;background:#8882;padding:.5rem}"
    "td,th{text-align:left;padding:.1rem 1rem .1rem 0;vertical-align:top}:root{color-scheme:light dark}"
)
POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
"""What a browser may load for the page: nothing."""


class Described(Struct, frozen=True, kw_only=True):
    """What a route answers.

    Attributes:
        summary: One line.
        reply: The shape of status 200.
        media: Media type of that reply.
        errors: What else it may answer, besides what any may; a shape where it is not the usual one.
    """

    summary: str
    reply: Any
    media: str = "application/json"
    errors: Mapping[HTTPStatus, str | tuple[str, Any]] = {}

    def responses(self) -> dict[int | str, dict[str, Any]]:
        """As FastAPI takes them."""
        found: dict[int | str, dict[str, Any]] = {200: _response("Done.", self.reply, self.media)}
        for status, words in {**ALWAYS, **self.errors}.items():
            text, shape = words if isinstance(words, tuple) else (words, shapes.Error)
            found[int(status)] = _response(text, shape)
        return found


def document(app: FastAPI, *, token: bool) -> dict[str, Any]:
    """The OpenAPI document of these routes."""
    made = get_openapi(title=TITLE, version=__version__, description=WORDS, routes=app.routes)
    components = made.setdefault("components", {})
    components.setdefault("schemas", {}).update(_components())
    if token:
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        made["security"] = [{"token": []}]
    return made


def page(made: Mapping[str, Any]) -> str:
    """The document for people."""
    parts = (
        f"<h1>{escape(TITLE)} {escape(made['info']['version'])}</h1>",
        f"<p>{escape(WORDS)}</p>",
        *_operations(made),
    )
    shown = "".join(_shape_part(name, each) for name, each in sorted(made["components"]["schemas"].items()))
    head = f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{escape(TITLE)}</title><style>{STYLE}</style>"
    return f"{head}{''.join(parts)}<h2>Shapes</h2>{shown}"


def _operations(made: Mapping[str, Any]) -> Iterator[str]:
    for path, methods in made["paths"].items():
        for method, each in methods.items():
            yield f"<h2><code>{method.upper()} {escape(path)}</code></h2><p>{escape(each['summary'])}</p>"
            inputs = [*each.get("parameters", ()), *filter(None, [each.get("requestBody")])]
            yield "".join(f"<pre>{_json(given)}</pre>" for given in inputs)
            rows = (
                f"<tr><td>{escape(status)}<td>{escape(found['description'])}<td><code>{escape(_shape(found))}</code>"
                for status, found in each["responses"].items()
            )
            yield f"<table>{''.join(rows)}</table>"


def _shape_part(name: str, schema: object) -> str:
    return f"<details><summary><code>{escape(name)}</code></summary><pre>{_json(schema)}</pre></details>"


def _shape(response: Mapping[str, Any]) -> str:
    schema = response.get("content", {}).get("application/json", {}).get("schema", {})
    inner = schema.get("items", schema)
    name = str(inner.get("$ref", "")).rpartition("/")[2]
    return f"list of {name}" if "items" in schema else name


def _json(value: object) -> str:
    return escape(json.dumps(value, indent=2))


def _response(words: str, shape: Any, media: str = "application/json") -> dict[str, Any]:
    (schema,), _ = msgspec.json.schema_components([shape], ref_template=TEMPLATE)
    return {"description": words, "content": {media: {"schema": schema}}}


def _components() -> dict[str, Any]:
    kinds = [kind for kind in vars(shapes).values() if isinstance(kind, type) and issubclass(kind, Struct)]
    _, components = msgspec.json.schema_components(
        [kind for kind in kinds if kind is not Struct], ref_template=TEMPLATE
    )
    return dict(components)
