"""What can go wrong with an actor, named by what the caller or the supervisor does about it."""

from __future__ import annotations

import pykka


class ActorFault(Exception):  # noqa: N818  # the base of faults, which are named by what happened
    """Base of what the runtime raises; by itself: the actor does not know the message."""


class ActorGone(ActorFault, pykka.ActorDeadError):
    """The actor is not running, or stopped before it came to the message: ask again later, or give up."""


class ActorCrashed(ActorFault):
    """The actor crashed while handling the ask; `__cause__` is the handler's own error."""


class AskTimeout(ActorFault):
    """No reply in time; the message may still be handled."""


class AskInsideActor(ActorFault):
    """An actor tried to wait for another one. Tell it, and let it answer with a message."""


class InboxOverflow(ActorFault):
    """The ordered lane is full: the actor fell so far behind that its supervisor gives up on it at once."""


class Escalation(ActorFault):
    """A supervisor gave up on a child; `__cause__` is the child's last error."""


class InjectedCrash(ActorFault):
    """Raised by the handler of `Crash`."""


class ActorHung(ActorFault):
    """A handler took longer than its budget: the actor was fenced, its thread is a zombie until it returns."""


class Fenced(BaseException):
    """Raised in the thread of a fenced actor, to end a busy loop; no `except Exception` may stop it."""
