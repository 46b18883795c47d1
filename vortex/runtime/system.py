"""The tree of actors as a whole: its addresses, its root, its end."""

from __future__ import annotations

from collections.abc import Callable

import pykka

from vortex.runtime.actor import ChildSpec
from vortex.runtime.address import ActorInfo, ActorState, Address, outside_only
from vortex.runtime.cell import Dispatcher, Report
from vortex.runtime.control import ChildEvent, ChildExited, Stop

ROOT = "root"


class ActorSystem:
    """Runs one root supervisor and all below it; `on_root_failure` gets the error that the root died of.

    `on_root_failure` is called on the root's own thread, when nothing of the tree runs any more. Addresses are kept
    for ever: whoever holds one of an actor that was stopped, or whose tree was restarted, reaches the next incarnation.
    """

    def __init__(self, dispatcher: Dispatcher, *, on_root_failure: Callable[[BaseException], None]) -> None:
        self.dispatcher = dispatcher
        self._on_root_failure = on_root_failure
        self._addresses: dict[str, Address] = {}  # only setdefault, get and copy: each is atomic
        self._down: pykka.Future[None] = pykka.ThreadingFuture()

    def start_root(self, spec: ChildSpec) -> Address:
        """Start the tree without waiting for it; the spec's name must be `root`, which becomes the path."""
        return self.spawn(spec, None, self._on_root)

    def find(self, path: str) -> Address | None:
        """The address of an actor that its supervisor has ever named."""
        return self._addresses.get(path)

    def tree(self) -> list[ActorInfo]:
        """Every actor that was ever started, in the order in which they were named."""
        return [address.info() for address in self._addresses.copy().values() if address.generation]

    def stop(self, timeout_s: float) -> bool:
        """Stop gracefully, the last started first; after `timeout_s` (real seconds) cut off the rest, return False."""
        outside_only()
        self.address(None, ROOT).tell(Stop())
        try:
            self.dispatcher.wait(self._down, timeout_s)
        except pykka.Timeout:
            self.cut_off(ROOT)
            return False
        finally:
            self.dispatcher.close()
        return True

    def address(self, parent: Address | None, name: str) -> Address:
        """The one address of a path; children of the root have their bare name as path."""
        path = name if parent is None or parent.path == ROOT else f"{parent.path}/{name}"
        return self._addresses.setdefault(path, Address(path))

    def spawn(self, spec: ChildSpec, parent: Address | None, report: Report) -> Address:
        """Start the next incarnation of an actor; `report` hears ChildReady and ChildExited, on its thread."""
        address = self.address(parent, spec.name)
        address.generation += 1
        address.state = ActorState.STARTING
        # pykka's registry is one list for the whole process, searched at every stop: nothing of ours stays in it
        pykka.ActorRegistry.unregister(self.dispatcher.cell.start(self, spec, parent, report))
        return address

    def cut_off(self, path: str) -> None:
        """End an actor and all below it without their help."""
        for address in self._addresses.copy().values():
            if path in (ROOT, address.path) or address.path.startswith(f"{path}/"):
                address.state = ActorState.STOPPED
                if address.cell is not None:
                    address.cell.exit(None)

    def _on_root(self, event: ChildEvent) -> None:
        root = self._addresses[ROOT]
        root.state = ActorState.READY
        if isinstance(event, ChildExited):
            root.state = ActorState.STOPPED
            self._down.set(None)
            if event.error is not None:
                root.last_error = f"{type(event.error).__name__}: {event.error}"
                self._on_root_failure(event.error)
