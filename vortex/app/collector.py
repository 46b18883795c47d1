"""Python's garbage collector, kept from stopping every thread at once for a full look at everything."""

from __future__ import annotations

import gc

THRESHOLDS = (50_000, 20, 100)
"""Objects before a look at the young ones; young looks before a middle one; middle looks before a full one.

Almost nothing here is garbage with cycles: frozen messages die by reference count. What is left waits a little longer.
"""


def calm() -> None:
    """Take what lives now, the modules above all, out of its sight, and let it look seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
