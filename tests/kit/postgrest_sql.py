"""What PostgREST makes of a request: one SQL statement. Of its language, what supabase-py speaks to a ledger."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

from psycopg import sql

OPERATORS = {"eq": "=", "neq": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
RESERVED = frozenset({"select", "order", "limit", "offset", "columns", "on_conflict"})
SCHEMA = "public"


class RequestError(Exception):
    """PostgREST's own answer to a request that it does not understand."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(frozen=True)
class Query:
    """One request to `/rest/v1/{table}`."""

    method: str
    table: str
    parameters: Sequence[tuple[str, str]]
    prefer: frozenset[str]
    body: Any = None
    raw: str = ""
    values: list[object] = field(default_factory=list)

    @classmethod
    def parse(cls, method: str, path: str, query: str, prefer: str, body: bytes) -> Query:
        """Raises RequestError."""
        try:
            decoded = json.loads(body) if body else None
        except ValueError:
            raise RequestError(400, "PGRST102", "Empty or invalid json") from None
        wishes = frozenset(part.strip() for part in prefer.split(",") if part.strip())
        parameters = parse_qsl(query, keep_blank_values=True)
        return cls(method, unquote(path.rpartition("/")[2]), parameters, wishes, decoded, body.decode())

    def parameter(self, name: str) -> str | None:
        return next((value for key, value in self.parameters if key == name), None)

    @property
    def wants_rows(self) -> bool:
        return self.method in {"GET", "HEAD"} or "return=representation" in self.prefer

    @property
    def target(self) -> sql.Identifier:
        return sql.Identifier(SCHEMA, self.table)

    def columns(self) -> list[str]:
        """Of a write: those named, else the keys of the first row."""
        if (named := self.parameter("columns")) is not None:
            return [column.strip('"') for column in named.split(",")]
        first = self.body[0] if isinstance(self.body, list) else self.body
        if not isinstance(first, dict) or not first:
            raise RequestError(400, "PGRST102", "All object keys must match")
        return list(first)

    def statement(self, max_rows: int) -> sql.Composed:
        """The statement; `values` holds its parameters afterwards. Raises RequestError."""
        self.values.clear()
        if self.method == "POST":
            return self._insert()
        if self.method == "PATCH":
            return self._update()
        limit = min(max_rows, int(self.parameter("limit") or max_rows))
        return sql.SQL("select {} from {}{}{} limit {} offset {}").format(
            self._selected(), self.target, self._where(), self._order(),
            sql.Literal(limit), sql.Literal(int(self.parameter("offset") or 0)),
        )  # fmt: skip

    def count(self) -> sql.Composed:
        """How many rows there are without a limit."""
        self.values.clear()
        return sql.SQL("select count(*) from {}{}").format(self.target, self._where())

    def _insert(self) -> sql.Composed:
        names = sql.SQL(", ").join(map(sql.Identifier, self.columns()))
        source = sql.SQL("json_populate_recordset(null::{}, {})").format(self.target, self._rows())
        return sql.SQL("insert into {} ({}) select {} from {} as given{}{}").format(
            self.target, names, names, source, self._on_conflict(), self._returning()
        )

    def _rows(self) -> sql.Composable:
        self.values.append(self.raw if isinstance(self.body, list) else f"[{self.raw}]")
        if "missing=default" not in self.prefer:
            return sql.SQL("%s::json")
        return sql.SQL("(select json_agg({}) from jsonb_array_elements(%s::jsonb) as each)").format(
            sql.SQL("standin.defaults({}) || each").format(sql.Literal(self.table))
        )

    def _on_conflict(self) -> sql.Composable:
        ignore = "resolution=ignore-duplicates" in self.prefer
        if not ignore and "resolution=merge-duplicates" not in self.prefer:
            return sql.SQL("")
        key = sql.SQL(", ").join(map(sql.Identifier, (self.parameter("on_conflict") or "id").split(",")))
        if ignore:
            return sql.SQL(" on conflict ({}) do nothing").format(key)
        merged = sql.SQL(", ").join(
            sql.SQL("{} = excluded.{}").format(sql.Identifier(name), sql.Identifier(name)) for name in self.columns()
        )
        return sql.SQL(" on conflict ({}) do update set {}").format(key, merged)

    def _update(self) -> sql.Composed:
        self.values.append(self.raw)
        changes = sql.SQL(", ").join(
            sql.SQL("{} = given.{}").format(sql.Identifier(name), sql.Identifier(name)) for name in self.columns()
        )
        source = sql.SQL("json_populate_record(null::{}, %s::json)").format(self.target)
        return sql.SQL("update {} as target set {} from {} as given{}{}").format(
            self.target, changes, source, self._where("target"), self._returning("target")
        )

    def _returning(self, alias: str | None = None) -> sql.Composable:
        if not self.wants_rows:
            return sql.SQL("")
        return sql.SQL(" returning {}").format(self._selected(alias))

    def _selected(self, alias: str | None = None) -> sql.Composable:
        parts = []
        for column in (self.parameter("select") or "*").split(","):
            name, _, cast = column.partition("::")
            if name == "*":
                parts.append(sql.SQL("{}.*").format(sql.Identifier(alias)) if alias else sql.SQL("*"))
            else:
                place = sql.Identifier(alias, name) if alias else sql.Identifier(name)
                kind = sql.SQL("::{} as {}").format(sql.Identifier(cast), sql.Identifier(name)) if cast else sql.SQL("")
                parts.append(place + kind)
        return sql.SQL(", ").join(parts)

    def _where(self, alias: str | None = None) -> sql.Composable:
        conditions = []
        for name, text in self.parameters:
            if name not in RESERVED:
                column = sql.Identifier(alias, name) if alias else sql.Identifier(name)
                conditions.append(column + self._condition(text))
        return sql.SQL(" where ") + sql.SQL(" and ").join(conditions) if conditions else sql.SQL("")

    def _condition(self, text: str) -> sql.Composable:
        operator, _, value = text.partition(".")
        if operator == "is" and value in {"null", "true", "false"}:
            return sql.SQL(" is {}").format(sql.SQL(value))
        if operator == "in":
            choices = [choice.strip('"') for choice in value.strip("()").split(",")]
            self.values.extend(choices)
            return sql.SQL(" in ({})").format(sql.SQL(", ").join([sql.SQL("%s")] * len(choices)))
        if operator not in OPERATORS:
            raise RequestError(400, "PGRST100", f"failed to parse filter ({text})")
        self.values.append(value)
        return sql.SQL(" {} %s").format(sql.SQL(OPERATORS[operator]))

    def _order(self) -> sql.Composable:
        if (order := self.parameter("order")) is None:
            return sql.SQL("")
        parts = [part.split(".") for part in order.split(",")]
        return sql.SQL(" order by ") + sql.SQL(", ").join(
            sql.Identifier(name) + (sql.SQL(" desc") if "desc" in how else sql.SQL("")) for name, *how in parts
        )
