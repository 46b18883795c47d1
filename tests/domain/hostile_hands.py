"""What the market, the exchange and people do to an open position while a desk looks after it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import TypeAlias

from tests.kit.tiny_exchange import TinyExchange

Hand: TypeAlias = Callable[[TinyExchange, Random], None]
BLANK_MS = 6_000
AUTOCLOSE, ADL, PERSON = "autoclose-", "adl_autoclose", "web_"
"""How the exchange begins the client ids of its own orders, and those of a person's."""


def nothing(_exchange: TinyExchange, _random: Random) -> None:
    """A quiet trade."""


def trigger(exchange: TinyExchange, random: Random) -> None:
    """The price reaches the stop or the take-profit."""
    for client_id in _one_resting(exchange, random):
        exchange.fire(client_id)


def trigger_and_stick(exchange: TinyExchange, random: Random) -> None:
    """The same, and the order goes no further than TRIGGERING."""
    for client_id in _one_resting(exchange, random):
        exchange.fire(client_id, stuck=True)


def trigger_and_refuse(exchange: TinyExchange, random: Random) -> None:
    """The same, and what the order becomes is refused."""
    for client_id in _one_resting(exchange, random):
        exchange.reject(client_id)


def lose_an_order(exchange: TinyExchange, random: Random) -> None:
    """The stop or the take-profit is gone without a word."""
    for client_id in _one_resting(exchange, random):
        exchange.lose(client_id)


def cancel_an_order(exchange: TinyExchange, random: Random) -> None:
    """A person cancels the stop or the take-profit."""
    for client_id in _one_resting(exchange, random):
        exchange.cancelled_by_a_person(client_id)


def close_by_hand(exchange: TinyExchange, _random: Random) -> None:
    """A person closes the position."""
    exchange.by_another(f"{PERSON}{exchange.now_ms}", abs(exchange.position))


def go_blank(exchange: TinyExchange, random: Random) -> None:
    """For a while the exchange lists no position, no order and no execution."""
    exchange.blank_until_ms = exchange.now_ms + random.randrange(BLANK_MS)


def reduce_by_hand(exchange: TinyExchange, _random: Random) -> None:
    """A person closes half of the position."""
    exchange.by_another(f"{PERSON}{exchange.now_ms}", abs(exchange.position) / 2)


def increase_by_hand(exchange: TinyExchange, _random: Random) -> None:
    """A person adds half as much again to the position."""
    exchange.by_another(f"{PERSON}{exchange.now_ms}", abs(exchange.position) / 2, opening=True)


def flip_by_hand(exchange: TinyExchange, _random: Random) -> None:
    """A person turns the position round."""
    exchange.by_another(f"{PERSON}{exchange.now_ms}", 2 * abs(exchange.position))


def liquidate(exchange: TinyExchange, _random: Random) -> None:
    """The exchange takes the position over."""
    exchange.by_another(f"{AUTOCLOSE}{exchange.now_ms}", abs(exchange.position))


def deleverage(exchange: TinyExchange, random: Random) -> None:
    """The exchange reduces the position to cover the losses of others."""
    exchange.by_another(ADL, abs(exchange.position) * random.choice((Decimal("0.5"), Decimal(1))))


HANDS: tuple[Hand, ...] = (
    nothing, trigger, trigger_and_stick, trigger_and_refuse, lose_an_order, cancel_an_order, close_by_hand, go_blank,
    reduce_by_hand, increase_by_hand, flip_by_hand, liquidate, deleverage,
)  # fmt: skip
"""Every seed draws from these."""


def _one_resting(exchange: TinyExchange, random: Random) -> list[str]:
    resting = [algo.client_id for algo in exchange.resting]
    return [random.choice(resting)] if resting else []
