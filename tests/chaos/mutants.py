"""Defects planted on purpose: a matrix that does not find them proves nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import pytest
from msgspec.structs import replace

from tests.chaos.matrix import Verdict, run_seed
from tests.chaos.plan import SeedPlan, plan_of
from tests.kit.crashing import role_of
from tests.kit.virtual import START_MS
from vortex.actors.order_journal import Ended, OrderJournal
from vortex.actors.root import RootSupervisor
from vortex.actors.symbol import SymbolSupervisor
from vortex.domain.client_id import OrderIds
from vortex.domain.desk import planning, recovery
from vortex.domain.desk.bracket import Bracket
from vortex.domain.desk.desk import Desk
from vortex.domain.desk.leg import LegState
from vortex.domain.desk.reconcile import with_state
from vortex.domain.order import PlaceOrder, SymbolState
from vortex.messages import PeerStarted
from vortex.runtime import ActorSystem

Mutation: TypeAlias = Callable[[pytest.MonkeyPatch], None]


def stop_is_believed_in_after_a_restart(patch: pytest.MonkeyPatch) -> None:
    recovered = recovery.recovered

    def hopeful(bracket: Bracket) -> Bracket:
        return replace(recovered(bracket), stop=replace(bracket.stop, state=LegState.WORKING))

    def blind(bracket: Bracket, state: SymbolState, now_ms: int, ids: OrderIds) -> Bracket:
        seen = with_state(bracket, state, now_ms, ids)
        return seen if bracket.stop.state is not LegState.WORKING else replace(seen, stop=bracket.stop)

    patch.setattr(recovery, "recovered", hopeful)
    patch.setattr("vortex.domain.desk.desk.with_state", blind)


def order_under_way_is_not_asked_for_after_a_restart(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(recovery, "recovered", lambda bracket: bracket)


def replaced_listener_is_told_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Desk, "rejoin", lambda _desk: None)


def ended_trade_is_not_kept(patch: pytest.MonkeyPatch) -> None:
    def keep_ended(journal: OrderJournal, ended: Ended) -> None:
        journal.ended[ended.bracket.trade_id] = ended

    patch.setattr(OrderJournal, "keep_ended", keep_ended)


def trade_under_way_is_not_journaled(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(OrderJournal, "keep", lambda *_: None)


def client_ids_begin_anew(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(OrderJournal, "next_epoch", lambda *_: START_MS // 1000)


def exit_may_open_a_position(patch: pytest.MonkeyPatch) -> None:
    def place(**order: Any) -> PlaceOrder:
        return PlaceOrder(**{**order, "reduce_only": False})

    patch.setattr(planning, "PlaceOrder", place)


def symbol_does_not_register_with_a_new_storage(patch: pytest.MonkeyPatch) -> None:
    on_peer_started = SymbolSupervisor._on_peer_started

    def deaf(symbol: SymbolSupervisor, message: PeerStarted) -> None:
        if message.name != "storage":
            on_peer_started(symbol, message)

    patch.setattr(SymbolSupervisor, "_on_peer_started", deaf)


def nobody_hears_of_a_new_peer(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(RootSupervisor, "_tell_symbols", lambda *_: None)


def children_outlive_a_supervisor_that_hung(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ActorSystem, "cut_off", lambda *_: None)


def concerns(*roles: str) -> Callable[[SeedPlan], bool]:
    """Plans in which an actor of these roles is crashed, whether alone or with another."""
    wanted = set(roles)
    return lambda plan: any({strike.point.role, role_of(strike.also or "")} & wanted for strike in plan.strikes)


def loses_an_ending(plan: SeedPlan) -> bool:
    return any(
        strike.point.message in ("PositionClosed", "RecordTrade") and strike.also == "exchange"
        for strike in plan.strikes
    )


def hangs_a_supervisor(plan: SeedPlan) -> bool:
    return any(strike.point.role == "*" and strike.how == "hang" for strike in plan.strikes)


MUTANTS: Mapping[Mutation, Callable[[SeedPlan], bool]] = {
    stop_is_believed_in_after_a_restart: lambda plan: plan.setting.hold_s > 1 and concerns("exchange")(plan),
    order_under_way_is_not_asked_for_after_a_restart: concerns("exchange"),
    replaced_listener_is_told_nothing: concerns("*/monitor", "*/decision"),
    ended_trade_is_not_kept: loses_an_ending,
    trade_under_way_is_not_journaled: concerns("exchange"),
    client_ids_begin_anew: concerns("exchange"),
    exit_may_open_a_position: lambda _: True,
    symbol_does_not_register_with_a_new_storage: concerns("storage"),
    nobody_hears_of_a_new_peer: concerns("exchange", "account", "feed"),
    children_outlive_a_supervisor_that_hung: hangs_a_supervisor,
}
"""Each with the plans among which to look for it first: the others would only take longer."""


def found_by(mutation: Mutation, seeds: Iterable[int]) -> Verdict | None:
    """Plant the defect and run the seeds that are near it, until one of them finds it."""
    with pytest.MonkeyPatch.context() as patch:
        mutation(patch)
        near = (seed for seed in seeds if MUTANTS[mutation](plan_of(seed)))
        return next((verdict for verdict in map(run_seed, near) if verdict.violations), None)
