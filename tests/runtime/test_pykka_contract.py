"""What the runtime relies on inside pykka, so that an upgrade which moves it fails here first."""

from __future__ import annotations

import inspect
import re
from importlib.metadata import version

import pykka
from pykka._actor import ActorInbox
from pykka._envelope import Envelope

from vortex.runtime.cell import Cell
from vortex.runtime.dispatch.thread import ThreadCell
from vortex.runtime.dispatch.virtual import VirtualCell
from vortex.runtime.inbox import Inbox

HOOKS = {"_create_actor_inbox", "_create_future", "_start_actor_loop"}
PUBLIC = {"on_start", "on_receive"}


def test_version_is_the_one_that_was_read() -> None:
    assert version("pykka").split(".")[:2] == ["4", "5"]


def test_cells_override_only_the_backend_hooks_and_the_public_ones() -> None:
    theirs = {name for name, _ in inspect.getmembers(pykka.Actor)}
    for cell in (Cell, ThreadCell, VirtualCell):
        mine = {name for name in vars(cell) if not (name.startswith("__") or name == "_abc_impl")}
        assert mine & theirs <= HOOKS | PUBLIC


def test_hooks_and_loop_exist() -> None:
    assert isinstance(inspect.getattr_static(pykka.Actor, "_create_actor_inbox"), staticmethod)
    assert isinstance(inspect.getattr_static(pykka.Actor, "_create_future"), staticmethod)
    for name in ("_start_actor_loop", "_actor_loop", "_actor_loop_setup", "_actor_loop_running"):
        assert list(inspect.signature(getattr(pykka.Actor, name)).parameters) == ["self"], name
    assert {"put", "get", "empty"} <= set(dir(ActorInbox))


class Theirs(pykka.ThreadingActor):
    """An actor as pykka makes it."""


def test_a_cell_has_the_fields_that_pykka_would_give_it() -> None:
    fields = set(vars(Theirs()))
    assert fields == {"actor_urn", "actor_inbox", "actor_stopped", "_actor_ref"}
    source = inspect.getsource(Cell.__init__)
    assert {name for name in fields if f"self.{name}" in source} == fields


def test_an_inbox_can_all_that_pykka_wants_of_a_stop_flag() -> None:
    """An AttributeError in pykka's own handling of what strikes it would end a worker."""
    used = {
        name
        for module in (pykka._actor, pykka._ref)
        for name in re.findall(r"actor_stopped\.(\w+)", inspect.getsource(module))
    }
    assert used == {"set", "is_set"}
    inbox = Inbox()
    assert not inbox.is_set()
    inbox.set()
    assert inbox.is_set()


def test_a_start_is_an_entry_in_a_registry_and_the_loop() -> None:
    steps = inspect.getsource(pykka.Actor.start).rpartition('"""')[2]
    assert [line.strip() for line in steps.splitlines() if line.startswith("        ") and "obj" in line] == [
        "obj = cls(*args, **kwargs)",
        "assert obj.actor_ref is not None, (",
        "ActorRegistry.register(obj.actor_ref)",
        'logger.debug(f"Starting {obj}")',
        "obj._start_actor_loop()",
        "return obj.actor_ref",
    ]


def test_get_stands_outside_the_loops_try() -> None:
    """LeaveLoop, raised by the inbox's get, must leave the loop and not stop the actor."""
    source = inspect.getsource(pykka.Actor._actor_loop_running)
    assert source.index("self.actor_inbox.get()") < source.index("try:")
    assert source.index("while not self.actor_stopped.is_set()") < source.index("self.actor_inbox.get()")


def test_envelope_carries_message_and_reply() -> None:
    future = pykka.ThreadingFuture[int]()
    envelope = Envelope("message", reply_to=future)
    assert (envelope.message, envelope.reply_to) == ("message", future)
    assert Envelope("message").reply_to is None


def test_a_reference_puts_unless_the_actor_is_stopped() -> None:
    source = inspect.getsource(pykka.ActorRef.tell)
    assert "is_alive()" in source
    assert "self.actor_inbox.put(Envelope(message))" in source
    assert "self.actor_stopped.is_set()" in inspect.getsource(pykka.ActorRef.is_alive)
