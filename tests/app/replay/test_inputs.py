"""What a replay takes from the record, because nobody who is replayed sends it."""

from __future__ import annotations

import pytest

from vortex.app.replay.entries import Handled, pack
from vortex.app.replay.inputs import is_input
from vortex.domain.trade import CloseReason
from vortex.messages import CloseAll


@pytest.mark.parametrize(("reason", "outside"), [(CloseReason.SHUTDOWN, True), (CloseReason.DRAWDOWN_FLATTEN, False)])
def test_the_end_of_a_run_closes_from_outside_and_the_account_from_inside(
    reason: CloseReason, *, outside: bool
) -> None:
    kind, body = pack(CloseAll(reason=reason))
    assert is_input(Handled("exchange", 1, 0, 0.0, kind, body)) is outside
    assert not is_input(Handled("BTCUSDT", 1, 0, 0.0, kind, body))
