"""The kill switch from outside the API: the file, the environment, and how it ends."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.app.kit import SYMBOLS, concerned, exchange_status, replies, running
from vortex.app import operate as module
from vortex.app.operate import KillSwitch, Operator
from vortex.domain.operation import OperatorAction
from vortex.messages import Operate
from vortex.queries import GetExchange
from vortex.runtime.errors import ActorFault

HALT, UNHALT = OperatorAction.HALT, OperatorAction.UNHALT


class Scene:
    """An exchange actor that notes its orders, and refuses them while `busy`."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "HALT"
        self.orders: list[Operate] = []
        self.busy = False

    def obey(self, order: Operate) -> object:
        if self.busy:
            return ActorFault("busy")
        self.orders.append(order)
        return concerned(order)

    def play(self, act: Callable[[Operator], None]) -> None:
        def obey(order: Operate) -> object:
            return self.obey(order)

        with running(replies() | {"exchange": {GetExchange: exchange_status(), Operate: obey}}) as tiny:
            act(Operator(tiny.system, lambda: SYMBOLS, self.file))


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_the_file_halts_everything_once_and_says_so(scene: Scene) -> None:
    def act(operator: Operator) -> None:
        switch = KillSwitch(operator, scene.file, at_start=False)
        switch.look()
        assert scene.orders == []
        scene.file.touch()
        for _ in range(3):
            switch.look()
        assert scene.orders == [Operate(action=HALT, symbol=None, why=f"file {scene.file}")]

    scene.play(act)


def test_removing_the_file_ends_nothing_and_an_unhalt_removes_it(scene: Scene) -> None:
    def act(operator: Operator) -> None:
        switch = KillSwitch(operator, scene.file, at_start=False)
        scene.file.touch()
        switch.look()
        operator.order(UNHALT, "BTCUSDT", "test")
        assert scene.file.exists(), "one symbol does not end it"
        operator.order(UNHALT, None, "test")
        assert not scene.file.exists()
        switch.look()
        assert [order.action for order in scene.orders] == [HALT, UNHALT, UNHALT]

    scene.play(act)


def test_a_file_written_anew_halts_anew(scene: Scene) -> None:
    def act(operator: Operator) -> None:
        switch = KillSwitch(operator, scene.file, at_start=False)
        scene.file.touch()
        os.utime(scene.file, ns=(1, 1))
        switch.look()
        os.utime(scene.file, ns=(2, 2))  # gone and there again between two looks
        switch.look()
        assert [order.action for order in scene.orders] == [HALT, HALT]

    scene.play(act)


def test_an_order_that_fails_is_given_again(scene: Scene) -> None:
    def act(operator: Operator) -> None:
        switch = KillSwitch(operator, scene.file, at_start=True)
        scene.busy = True
        switch.look()
        switch.look()
        assert scene.orders == []
        scene.busy = False
        switch.look()
        switch.look()
        assert scene.orders == [Operate(action=HALT, symbol=None, why="VORTEX_HALT")]

    scene.play(act)


def test_before_there_is_an_exchange_actor_the_order_waits(scene: Scene) -> None:
    with running({}) as tiny:
        switch = KillSwitch(Operator(tiny.system, lambda: SYMBOLS, scene.file), scene.file, at_start=True)
        switch.look()
    assert module.REPLY_S == 2.0


def test_the_start_and_the_file_together_are_one_order(scene: Scene) -> None:
    def act(operator: Operator) -> None:
        scene.file.touch()
        switch = KillSwitch(operator, scene.file, at_start=True)
        switch.look()
        switch.look()
        assert len(scene.orders) == 1

    scene.play(act)


def test_a_halt_file_that_cannot_be_removed_keeps_the_halt(scene: Scene) -> None:
    def act(operator: Operator) -> None:
        scene.file.mkdir()
        with pytest.raises(OSError, match="HALT"):
            operator.order(UNHALT, None, "test")
        assert scene.orders == []

    scene.play(act)
