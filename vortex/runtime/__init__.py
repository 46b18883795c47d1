"""Supervised actors on pykka. What they raise is in `errors`, the `Clock` they need in `clock`."""

from vortex.runtime.actor import Actor, ChildSpec, RestartLimits
from vortex.runtime.address import ActorInfo, ActorState, Address
from vortex.runtime.control import Crash
from vortex.runtime.dispatch.pool import PoolDispatcher
from vortex.runtime.dispatch.stock import StockDispatcher
from vortex.runtime.dispatch.thread import ThreadDispatcher
from vortex.runtime.dispatch.virtual import VirtualDispatcher
from vortex.runtime.supervisor import Supervisor
from vortex.runtime.system import ActorSystem

__all__ = [
    "Actor", "ActorInfo", "ActorState", "ActorSystem", "Address", "ChildSpec", "Crash",
    "PoolDispatcher", "RestartLimits", "StockDispatcher", "Supervisor", "ThreadDispatcher", "VirtualDispatcher",
]  # fmt: skip
