from concurrent.futures import ThreadPoolExecutor

from vortex.adapters.memory import MemoryHotStore
from vortex.ports import HotStore


def test_the_newest_value_of_each_key_is_kept() -> None:
    store: HotStore = MemoryHotStore()
    store.put({"a": 1, "b": {"x": 2}})
    store.put({"a": 3})
    assert store.get(["a", "b", "absent"]) == {"a": 3, "b": {"x": 2}}
    store.delete(["a", "absent"])
    assert store.get(["a", "b"]) == {"b": {"x": 2}}


def test_a_reader_sees_every_put_whole() -> None:
    store = MemoryHotStore()
    keys = [str(number) for number in range(20)]
    store.put(dict.fromkeys(keys, -1))

    def write(value: int) -> None:
        store.put(dict.fromkeys(keys, value))

    with ThreadPoolExecutor(4) as pool:
        writes = [pool.submit(write, value) for value in range(500)]
        while not all(future.done() for future in writes):
            assert len(set(store.get(keys).values())) == 1
