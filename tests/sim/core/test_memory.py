from decimal import Decimal

from vortex.sim.core.account import Position, SymbolSetting
from vortex.sim.core.memory import KEPT_MS, MOST, CommonPart, Memory, SymbolPart

SYMBOL = "BTCUSDT"


def common(wallet: int) -> CommonPart:
    return CommonPart(wallet=Decimal(wallet), dual_side=False, multi_assets=False, lengths={"fill": wallet})


def held(amount: int) -> dict[str, SymbolPart]:
    position = Position(symbol=SYMBOL, amount=Decimal(amount))
    return {SYMBOL: SymbolPart(position=position, setting=SymbolSetting(leverage=7), orders={}, algos={})}


def amount(memory: Memory, ts_ms: int) -> int | None:
    position = memory.as_of(ts_ms).account.positions.get(SYMBOL)
    return None if position is None else int(position.amount)


def test_what_was_kept_holds_until_the_next_change() -> None:
    memory = Memory(common(1))
    memory.keep(10, common(2), held(5))
    memory.keep(20, common(3), {})
    memory.keep(30, common(4), held(6))
    memory.keep(30, common(5), held(7))
    assert [amount(memory, ts_ms) for ts_ms in (0, 9, 10, 29, 30, 99)] == [None, None, 5, 5, 7, 7]
    assert [memory.as_of(ts_ms).lengths["fill"] for ts_ms in (0, 10, 19, 20, 30)] == [1, 2, 2, 3, 5]
    assert memory.as_of(30).account.setting(SYMBOL).leverage == 7


def test_what_is_too_long_ago_is_answered_by_the_oldest_there_is() -> None:
    memory = Memory(common(1))
    for ts_ms in (10, 20, 30 + KEPT_MS):
        memory.keep(ts_ms, common(ts_ms), held(ts_ms))
    assert amount(memory, 5) == 20
    for ts_ms in range(MOST + 10):
        memory.keep(2 * KEPT_MS + ts_ms, common(1), held(ts_ms))
    assert amount(memory, 0) == 10
