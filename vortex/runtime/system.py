"""The tree of actors as a whole: its addresses, its root, its end."""

from __future__ import annotations

from typing import Protocol, TypeAlias

import pykka

from vortex.runtime.actor import ChildSpec
from vortex.runtime.address import ActorInfo, ActorState, Address, outside_only
from vortex.runtime.cell import Report
from vortex.runtime.clock import Clock
from vortex.runtime.control import ChildEvent, ChildExited, Stop
from vortex.runtime.dispatch.thread import ThreadDispatcher
from vortex.runtime.dispatch.virtual import VirtualDispatcher
from vortex.runtime.watchdog import Failed, Heard, Watchdog

ROOT = "root"
Dispatcher: TypeAlias = ThreadDispatcher | VirtualDispatcher
"""What decides on which thread and when actors run, and when time passes."""


class Recorder(Clock, Protocol):
    """Hears of everything that happens to actors, in the order in which it happens, and is the clock they read."""

    def handling(self, path: str, generation: int, message: object | None) -> None:
        """Called on its own thread before an incarnation starts (None), and before it handles each message."""


class ActorSystem:
    """Runs one root supervisor and all below it.

    `on_root_failure` gets the error that the root died of, on the root's own thread, when nothing of the tree runs any
    more; or, from the watchdog, why no thread can be trusted. `on_beat` is called about once a second, on the root's
    thread, while the tree is alive. Addresses are kept for ever: whoever holds one of an actor that was stopped, or
    whose tree was restarted, reaches the next incarnation.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        *,
        on_root_failure: Failed,
        on_beat: Heard = lambda: None,
        recorder: Recorder | None = None,
    ) -> None:
        self.dispatcher, self.recorder = dispatcher, recorder
        self._on_root_failure, self._on_beat = on_root_failure, on_beat
        self._watchdog: Watchdog | None = None
        self._addresses: dict[str, Address] = {}  # only setdefault, get and copy: each is atomic
        self._down: pykka.Future[None] = pykka.ThreadingFuture()

    def start_root(self, spec: ChildSpec) -> Address:
        """Start the tree without waiting for it; the spec's name must be `root`, which becomes the path."""
        root = self.spawn(spec, None, self._on_root)
        if isinstance(self.dispatcher, ThreadDispatcher):
            self._watchdog = Watchdog(self.dispatcher, root, self._on_beat, self._on_root_failure)
        return root

    def alive(self) -> bool:
        """True while the tree runs and everything that moves it does."""
        running = self.address(None, ROOT).state is not ActorState.STOPPED
        return running and (self._watchdog is None or self._watchdog.alive)

    def find(self, path: str) -> Address | None:
        """The address of an actor that its supervisor has ever named."""
        return self._addresses.get(path)

    def tree(self) -> list[ActorInfo]:
        """Every actor that was ever started, in the order in which they were named."""
        return [address.info() for address in self._addresses.copy().values() if address.generation]

    def states(self) -> dict[str, ActorState]:
        """The state of every actor of `tree` by path, at a fraction of its cost; that of a quarantined one is READY."""
        return {address.path: address.state for address in self._addresses.copy().values() if address.generation}

    def stop(self, timeout_s: float) -> bool:
        """Stop gracefully, the last started first; after `timeout_s` (real seconds) cut off the rest, return False."""
        outside_only()
        root = self.address(None, ROOT)
        root.tell(Stop())
        try:
            self.dispatcher.wait(self._down, timeout_s)
        except pykka.Timeout:
            self.cut_off(root)
            return False
        finally:
            if self._watchdog is not None:
                self._watchdog.close()
            self.dispatcher.close()
        return True

    def address(self, parent: Address | None, name: str) -> Address:
        """The one address of a path; children of the root have their bare name as path."""
        path = name if parent is None or parent.path == ROOT else f"{parent.path}/{name}"
        address = self._addresses.get(path) or self._addresses.setdefault(path, Address(path))
        if parent is not None:
            parent.below[name] = address
        return address

    def spawn(self, spec: ChildSpec, parent: Address | None, report: Report) -> Address:
        """Start the next incarnation of an actor; `report` hears ChildReady and ChildExited, on its thread."""
        address = self.address(parent, spec.name)
        address.generation += 1
        address.state = ActorState.STARTING
        # past pykka's `start` and its registry: one list for the whole process, searched at every stop
        self.dispatcher.cell(spec)(self, spec, parent, report)._start_actor_loop()  # noqa: SLF001  # ours
        return address

    def cut_off(self, address: Address) -> None:
        """End an actor and all below it without their help."""
        address.state = ActorState.STOPPED
        if address.cell is not None:
            address.cell.exit(None)
        for child in tuple(address.below.values()):
            self.cut_off(child)

    def _on_root(self, event: ChildEvent) -> None:
        root = self._addresses[ROOT]
        if root.state is ActorState.STOPPED:
            return  # a zombie that was not waited for
        root.state = ActorState.READY
        if isinstance(event, ChildExited):
            self.cut_off(root)  # one that hung has not stopped what is below it
            self._down.set(None)
            if event.error is not None:
                root.last_error = f"{type(event.error).__name__}: {event.error}"
                self._on_root_failure(event.error)
