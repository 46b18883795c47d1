"""A symbol's supervisor on its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from tests.domain.money_builders import NOW
from tests.kit.builders import SETUP
from tests.kit.probe import Probe
from tests.kit.runtime import ManualContext
from vortex.actors.symbol import DECISION, MONITOR, Peers, SymbolSupervisor
from vortex.domain.market import Book, Candle
from vortex.domain.operation import Gate
from vortex.messages import DeregisterSymbol, GateOpened, Leave, SymbolReconciled
from vortex.queries import GetSymbolStatus, SymbolStatus
from vortex.runtime import Actor, Address, ChildSpec, RestartLimits
from vortex.runtime.control import ChildExited, ChildReady

SYMBOL = "BTCUSDT"
CHILDREN = (MONITOR, DECISION, "E5", "E1")
INPUTS: dict[str, tuple[type, ...]] = {"E5": (Candle,), "E1": (Book,)}
RECONCILED = SymbolReconciled(symbol=SYMBOL, setup=SETUP, trade=None)


def parts(address: Callable[[str], Address], _supervisor: Address) -> Sequence[ChildSpec]:
    assert address(DECISION) is address(DECISION)
    return tuple(ChildSpec(name, Actor) for name in CHILDREN)


class Rig:
    """A symbol's supervisor whose children lead nowhere; what they are told is counted as dead letters."""

    def __init__(self) -> None:
        self.exchange, self.account, self.feed = Probe("exchange"), Probe("account"), Probe("feed")
        self.hot_store, self.root = Probe("hot_store"), Address("root")
        peers = Peers(
            exchange=self.exchange, storage=Probe(), hot_store=self.hot_store, account=self.account, feed=self.feed
        )
        self.actor = SymbolSupervisor(
            symbol=SYMBOL, peers=peers, parts=parts, inputs=INPUTS, limits=RestartLimits(5, 60.0), random=Random(1)
        )
        self.context = ManualContext(self.actor, path=SYMBOL, now_ms=NOW)
        self.context.parent = self.root
        self.actor.started()

    def ready(self, *names: str) -> None:
        for name in names:
            self.actor.receive(ChildReady(name, self.context.child_address(name).generation))

    def crashes(self, name: str) -> None:
        generation = self.context.child_address(name).generation
        self.actor.receive(ChildExited(name, generation, RuntimeError("broken"), None))
        self.context.advance(0)

    def says(self, *messages: object) -> None:
        for message in messages:
            self.actor.receive(message)

    def running(self) -> Rig:
        """Every actor is there, and has said what it has to."""
        self.ready(*CHILDREN)
        self.says(RECONCILED, *(GateOpened(gate=gate) for gate in (Gate.USER_STREAM, Gate.ACCOUNT, Gate.ENGINES)))
        for probe in (self.exchange, self.account, self.feed):
            probe.unread()
        return self

    def leaving(self) -> Rig:
        self.running().says(Leave(leaving=True))
        self.exchange.expect(DeregisterSymbol)
        return self

    def told(self, name: str) -> dict[str, int]:
        return dict(self.context.child_address(name).dead_by_type)

    def status(self) -> SymbolStatus:
        status = self.actor.receive(GetSymbolStatus())
        assert isinstance(status, SymbolStatus)
        return status

    def gates(self) -> dict[Gate, str]:
        return {closed.gate: closed.detail for closed in self.status().gates}
