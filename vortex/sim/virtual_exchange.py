"""The exchange port over a World in virtual time: same requests, same answers, no socket in between."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias, cast

from vortex.domain.order import (
    ZERO,
    AccountState,
    AlgoReport,
    CancelOrder,
    Done,
    ExchangeRequest,
    FundingState,
    OrderReport,
    Outcome,
    PlaceOrder,
    PositionReport,
    PositionsState,
    PrepareSymbol,
    QueryAccount,
    QueryFunding,
    QueryOrder,
    QueryPositions,
    QuerySymbol,
    Refused,
    SetLeverage,
    SymbolState,
    Unknown,
    Value,
)
from vortex.messages import ExchangeReplied, Recipient, UserStreamChanged
from vortex.ports import Usage
from vortex.sim.core.account import ISOLATED
from vortex.sim.core.events import UserEvent
from vortex.sim.core.exchange import Answer, ExchangeCore
from vortex.sim.core.matching import MARK_PRICE
from vortex.sim.core.types import (
    CancelAlgoRequest,
    CancelOrderRequest,
    ChangeLeverage,
    ChangeMarginType,
    CoreRequest,
    FindAlgo,
    FindOrder,
    GetAccountInfo,
    GetSymbolConfig,
    ListAlgos,
    ListFills,
    ListIncome,
    ListOrders,
    ListPositions,
    NewAlgo,
    NewOrder,
    RequestRefused,
    SimAccount,
    SimAlgo,
    SimFill,
    SimIncome,
    SimOrder,
    SimPosition,
    SimSymbolConfig,
)
from vortex.sim.virtual_reports import (
    algo_report,
    fill_report,
    known,
    order_report,
    position_report,
    symbol_setup,
    user_report,
)

FILLS_LIMIT = 1_000
"""Fills in one SymbolState, the oldest ones when there are more."""

FUNDING = "FUNDING_FEE"
DUPLICATE_ID = -4116
"""Not a refusal: an order of this id exists, so what became of it has to be looked up."""

_MARGIN_TYPE_STAYS = (-4046, -4047, -4048)

Answers: TypeAlias = Sequence[Answer | RequestRefused]


class Line(Protocol):
    """What the port needs of the virtual world."""

    @property
    def core(self) -> ExchangeCore:
        """For what never changes: listed contracts and fees."""
        ...

    def now_ms(self) -> int: ...

    def call_at(self, t_ms: int, fire: Callable[[], None]) -> None: ...

    def request(self, request: CoreRequest, on_reply: Callable[[Answer | RequestRefused], None]) -> None: ...


class VirtualExchange:
    """Implements `vortex.ports.Exchange`. Each request becomes one or more requests to the core, sent together."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._recipient: Recipient | None = None

    def start(self, recipient: Recipient) -> None:
        self._recipient = recipient
        recipient.tell(UserStreamChanged(up=True, ts_ms=self._line.now_ms()))

    def stop(self) -> None:
        self._recipient = None

    def usage(self) -> Usage:
        """Always nothing: request weight belongs to the wire format, which this port does without."""
        return Usage()

    def send(self, request: ExchangeRequest, timeout_ms: int) -> None:
        _Call(self._line, request, self._reply).send(timeout_ms)

    def on_user(self, event: UserEvent) -> None:
        """Hand on what the user stream carries."""
        report = user_report(event)
        if self._recipient is not None and report is not None:
            self._recipient.tell(report)

    def _reply(self, message: ExchangeReplied) -> None:
        if self._recipient is not None:
            self._recipient.tell(message)


class _Call:
    """One request under way: gathers the core's answers, or gives up at its timeout."""

    def __init__(self, line: Line, request: ExchangeRequest, reply: Callable[[ExchangeReplied], None]) -> None:
        self._line = line
        self._request = request
        self._reply = reply
        self._sent_ms = line.now_ms()
        self._parts = core_requests(request)
        self._answers: dict[int, Answer | RequestRefused] = {}
        self._over = False

    def send(self, timeout_ms: int) -> None:
        self._line.call_at(self._sent_ms + timeout_ms, lambda: self._time_out(timeout_ms))
        for index, part in enumerate(self._parts):
            self._line.request(part, self._collector(index))

    def _collector(self, index: int) -> Callable[[Answer | RequestRefused], None]:
        def collect(answer: Answer | RequestRefused) -> None:
            self._answers[index] = answer
            if len(self._answers) == len(self._parts):
                answers = [self._answers[position] for position in range(len(self._parts))]
                self._finish(outcome(self._request, answers, self._line.core, self._sent_ms))

        return collect

    def _time_out(self, timeout_ms: int) -> None:
        self._finish(Unknown(text=f"no answer within {timeout_ms} ms"))

    def _finish(self, result: Outcome) -> None:
        if not self._over:
            self._over = True
            self._reply(ExchangeReplied(request=self._request, outcome=result, sent_ms=self._sent_ms))


# ------------------------------------------------------------------------------------------------------ to the core


def core_requests(request: ExchangeRequest) -> tuple[CoreRequest, ...]:  # noqa: PLR0911  # one case per kind
    """What one request of the port asks of the core, in order."""
    symbol = "" if isinstance(request, QueryAccount | QueryPositions) else request.symbol
    match request:
        case PlaceOrder():
            return (_placement(request),)
        case CancelOrder(client_id=client_id, conditional=conditional):
            return (CancelAlgoRequest(client_id=client_id) if conditional else
                    CancelOrderRequest(symbol=symbol, client_id=client_id),)  # fmt: skip
        case QueryOrder(client_id=client_id, conditional=conditional):
            return (FindAlgo(client_id=client_id) if conditional else FindOrder(symbol=symbol, client_id=client_id),)
        case QuerySymbol():
            return (
                ListPositions(symbol=symbol),
                GetSymbolConfig(symbol=symbol),
                ListOrders(symbol=symbol),
                ListAlgos(symbol=symbol),
                _executions(request),
            )
        case QueryPositions():
            return (ListPositions(),)
        case QueryFunding(since_ms=since_ms, until_ms=until_ms):
            return (ListIncome(symbol=symbol, kind=FUNDING, start_ms=since_ms, end_ms=until_ms, limit=FILLS_LIMIT),)
        case QueryAccount():
            return (GetAccountInfo(),)
        case PrepareSymbol():
            return (ChangeMarginType(symbol=symbol, margin_type=ISOLATED),)
        case SetLeverage(leverage=leverage):
            return (ChangeLeverage(symbol=symbol, leverage=leverage),)


def _executions(request: QuerySymbol) -> ListFills:
    """Those after an id or from a time on; without either the newest."""
    after, start_ms = request.after_fill_id, request.fills_since_ms or None
    if after is not None:
        return ListFills(symbol=request.symbol, from_id=after + 1, limit=FILLS_LIMIT)
    return ListFills(symbol=request.symbol, start_ms=start_ms, limit=FILLS_LIMIT)


def _placement(request: PlaceOrder) -> CoreRequest:
    if not request.kind.conditional:
        return NewOrder(
            symbol=request.symbol,
            side=request.side,
            kind=request.kind.value,
            client_id=request.client_id,
            quantity=request.quantity,
            reduce_only=request.reduce_only,
        )
    if request.trigger_price is None:
        raise ValueError(f"{request.client_id}: a conditional order needs a trigger price")
    return NewAlgo(
        symbol=request.symbol,
        side=request.side,
        kind=request.kind,
        client_id=request.client_id,
        trigger_price=request.trigger_price,
        quantity=request.quantity,
        close_position=request.close_position,
        reduce_only=request.reduce_only,
        working_type=MARK_PRICE,
    )


# ------------------------------------------------------------------------------------------------------ and back


def outcome(request: ExchangeRequest, answers: Answers, core: ExchangeCore, sent_ms: int) -> Outcome:
    """The outcome of a request from what the core answered to each of its parts."""
    refusals = [answer for answer in answers if isinstance(answer, RequestRefused)]
    if isinstance(request, PrepareSymbol):
        refusals = [refused for refused in refusals if refused.code not in _MARGIN_TYPE_STAYS]
    if refusals:
        code, text = refusals[0].code, refusals[0].message
        return Unknown(text=f"{code} {text}") if code == DUPLICATE_ID else Refused(code=code, text=text)
    return Done(value=_worth(request, answers, core, sent_ms))


def _worth(request: ExchangeRequest, answers: Answers, core: ExchangeCore, sent_ms: int) -> Value:
    """What the answers say to whoever asked."""
    match request:
        case PrepareSymbol():
            return symbol_setup(core, request.symbol)
        case QuerySymbol():
            return _symbol_state(request.symbol, answers, sent_ms)
        case QueryFunding():
            paid = [row.amount_usdt for row in cast("list[SimIncome]", answers[0])]
            return FundingState(symbol=request.symbol, payments=len(paid), amount_usdt=sum(paid, ZERO))
        case QueryPositions():
            positions = cast("list[SimPosition]", answers[0])
            return PositionsState(ts_ms=sent_ms, positions=tuple(map(position_report, positions)))
        case CancelOrder(conditional=True):
            return None  # the exchange confirms without saying what it was
        case _:
            return _value(answers[0], sent_ms)


def _value(answer: Answer | RequestRefused, sent_ms: int) -> OrderReport | AlgoReport | AccountState | int:
    match answer:
        case SimOrder():
            return order_report(answer)
        case SimAlgo():
            return algo_report(answer)
        case SimAccount():
            return AccountState(
                ts_ms=sent_ms,
                wallet_usdt=answer.wallet,
                unrealized_usdt=answer.unrealized_pnl,
                available_usdt=answer.available,
            )
        case SimSymbolConfig():
            return answer.leverage
        case _:
            raise TypeError(f"no single value in {answer!r}")


def _symbol_state(symbol: str, answers: Answers, sent_ms: int) -> SymbolState:
    positions, configs, orders, algos, fills = cast(
        "tuple[list[SimPosition], list[SimSymbolConfig], list[SimOrder], list[SimAlgo], list[SimFill]]", answers
    )
    flat = PositionReport(symbol=symbol, amount=ZERO, entry_price=ZERO, leverage=configs[0].leverage)
    return SymbolState(
        symbol=symbol,
        ts_ms=sent_ms,
        position=position_report(positions[0]) if positions else flat,
        orders=tuple(order_report(order) for order in orders),
        algos=tuple(algo_report(algo) for algo in algos if known(algo)),
        fills=tuple(fill_report(fill) for fill in fills),
    )
