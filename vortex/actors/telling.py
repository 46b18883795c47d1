"""What supervisors tell people."""

from __future__ import annotations

from vortex.domain.notify.kinds import Kind, Notification
from vortex.messages import Recipient
from vortex.runtime import Address


def tell_crash(notifier: Recipient, path: str, error: BaseException, generation: int) -> None:
    """An actor crashed, and starts again."""
    notifier.tell(Notification(kind=Kind.RESTART, text=f"{path} generation {generation} crashed: {error!r}"))


def tell_quarantine(notifier: Recipient, address: Address) -> None:
    """An actor that has started is given no messages of some kinds any more; one without any is not mentioned."""
    if address.quarantined:
        kinds = ", ".join(sorted(kind.__name__ for kind in address.quarantined))
        text = f"{address.path} crashed again and again: it is given no {kinds} any more"
        notifier.tell(Notification(kind=Kind.QUARANTINE, text=text))
