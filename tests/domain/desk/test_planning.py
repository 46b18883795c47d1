"""Who goes first when not all requests may."""

from __future__ import annotations

from vortex.domain.desk.planning import Lane


def test_closing_goes_before_protecting_before_finding_out_before_entering() -> None:
    assert sorted(Lane) == [Lane.CLOSE, Lane.STOP, Lane.RECONCILE, Lane.ENTRY, Lane.STATISTICS]
    assert len({int(lane) for lane in (Lane.CLOSE, Lane.STOP, Lane.RECONCILE, Lane.ENTRY, Lane.STATISTICS)}) == 5
