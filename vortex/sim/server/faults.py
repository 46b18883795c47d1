"""Fault rules: which requests they wait for, and which of them fires."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from vortex.sim.server.effects import Effect, parse_effect

ANY = "*"
METHODS = ("GET", "POST", "PUT", "DELETE", ANY)
OWN = "/sim/v1"
Count = Annotated[int, Meta(ge=1, le=1_000_000_000)]


class FaultOrder(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """POST /sim/v1/faults: fire on the requests nth .. nth+times-1 of those that match, counted from now.

    Attributes:
        method: Or `*`.
        path: Exact, without a query; or `*`.
        symbol: Only requests that name it; null is any.
        do: See `parse_effect`.
    """

    method: str
    path: str
    do: str
    symbol: str | None = None
    nth: Count = 1
    times: Count = 1


class FaultRule(Struct, kw_only=True):
    """A posted order with its counters: matching requests since it was posted, and how often it fired."""

    id: int
    order: FaultOrder
    effect: Effect
    seen: int = 0
    hits: int = 0

    def matches(self, method: str, path: str, symbol: str | None) -> bool:
        order = self.order
        return (
            order.method in (method, ANY)
            and order.path in (path, ANY)
            and (order.symbol is None or order.symbol == symbol)
        )

    @property
    def due(self) -> bool:
        """True when the request counted last is one of those it waits for."""
        return self.order.nth <= self.seen < self.order.nth + self.order.times

    def row(self) -> dict[str, object]:
        order = self.order
        return {
            "id": self.id, "method": order.method, "path": order.path, "symbol": order.symbol, "nth": order.nth,
            "times": order.times, "do": order.do, "seen": self.seen, "hits": self.hits,
        }  # fmt: skip


class FaultBook:
    """All rules that were not deleted, fired ones too, in the order of their posting."""

    def __init__(self) -> None:
        self._rules: dict[int, FaultRule] = {}
        self._last_id = 0

    def __bool__(self) -> bool:
        return bool(self._rules)

    def post(self, order: FaultOrder) -> int:
        """Add a rule and return its id. Raises ValueError naming the field and value that cannot be used."""
        if order.method not in METHODS:
            raise ValueError(f"method: {order.method!r} is not one of {' '.join(METHODS)}")
        _check_path(order.path)
        effect = parse_effect(order.do)
        self._last_id += 1
        self._rules[self._last_id] = FaultRule(id=self._last_id, order=order, effect=effect)
        return self._last_id

    def fire(self, method: str, path: str, symbol: str | None) -> FaultRule | None:
        """Count a request in every rule that matches it; of those due return the one posted first."""
        due = [rule for rule in self._rules.values() if rule.matches(method, path, symbol) and _counted(rule)]
        if not due:
            return None
        due[0].hits += 1
        return due[0]

    def rows(self) -> list[dict[str, object]]:
        return [rule.row() for rule in self._rules.values()]

    def delete(self, rule_id: int) -> bool:
        """Forget a rule; false when there is none of this id."""
        return self._rules.pop(rule_id, None) is not None

    def clear(self) -> None:
        """Forget every rule; ids go on."""
        self._rules.clear()


def _counted(rule: FaultRule) -> bool:
    rule.seen += 1
    return rule.due


def _check_path(path: str) -> None:
    if path == ANY:
        return
    if not path.startswith("/") or "?" in path or ANY in path:
        raise ValueError(f"path: {path!r} is neither an exact path like /fapi/v1/order, without a query, nor *")
    if path == OWN or path.startswith(f"{OWN}/"):
        raise ValueError(f"path: {path!r} is the simulator's own interface, which no rule matches")
