"""Supervised actors on pykka. What they raise is in `errors`, `Clock` and `Timer` in `timers`."""

from vortex.runtime.actor import Actor, ActorContext, ChildSpec
from vortex.runtime.address import ActorInfo, ActorState, Address
from vortex.runtime.control import Crash
from vortex.runtime.dispatch.thread import ThreadDispatcher
from vortex.runtime.dispatch.virtual import VirtualDispatcher
from vortex.runtime.supervisor import RestartLimits, Supervisor
from vortex.runtime.system import ActorSystem

__all__ = [
    "Actor", "ActorContext", "ActorInfo", "ActorState", "ActorSystem", "Address", "ChildSpec", "Crash",
    "RestartLimits", "Supervisor", "ThreadDispatcher", "VirtualDispatcher",
]  # fmt: skip
