from __future__ import annotations

from tests.kit.runtime import ManualContext
from vortex.actors.hot_store import HotStoreActor
from vortex.adapters.memory import MemoryHotStore
from vortex.messages import Mirror
from vortex.queries import GetMirror


def test_the_newest_value_of_each_key_is_kept_and_none_deletes_it() -> None:
    actor = HotStoreActor(store=MemoryHotStore(lambda: 0))
    ManualContext(actor)
    actor.receive(Mirror(key="position:BTCUSDT", value=1))
    actor.receive(Mirror(key="position:BTCUSDT", value=2))
    actor.receive(Mirror(key="position:ETHUSDT", value=3))
    keys = ("position:BTCUSDT", "position:ETHUSDT", "position:SOLUSDT")
    assert actor.receive(GetMirror(keys=keys)) == {"position:BTCUSDT": 2, "position:ETHUSDT": 3}
    actor.receive(Mirror(key="position:BTCUSDT", value=None))
    actor.receive(Mirror(key="position:SOLUSDT", value=None))  # never there: nothing to delete
    assert actor.receive(GetMirror(keys=keys)) == {"position:ETHUSDT": 3}


def test_a_waiting_mirror_is_replaced_by_the_next_of_its_key() -> None:
    old, new = Mirror(key="a", value=1), Mirror(key="a", value=2)
    assert old.conflation_key() == new.conflation_key() != Mirror(key="b", value=1).conflation_key()
    assert new.absorb(old) is new
