"""Every metric that `/metrics` shows: its name, its labels, what it means, and what to do when it is bad.

Nothing is shown that is not listed here, and docs/reference/metrics.md is written from it. Labels hold symbols, roles,
codes and other words of closed lists, never free text; what one run is, is said by `vortex_info` alone.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from vortex.domain.meters import ACK_MS, REPLY_MS, STOP_MS, TICK_MS

Kind = Literal["counter", "gauge", "histogram", "info"]
GROUPS = (
    "The run", "Safety", "Latency", "Decisions and trades", "Money", "Exchange", "Market data", "Stores", "Runtime",
    "Process",
)  # fmt: skip


class Metric(Struct, frozen=True, kw_only=True):
    """One metric.

    Attributes:
        name: As samples have it; a histogram's have `_bucket`, `_sum` and `_count` behind it.
        meaning: What it says; the help text of the exposition.
        bad: What to do when it is bad.
        bounds_ms: The buckets of a histogram.
    """

    name: str
    group: str
    kind: Kind
    meaning: str
    bad: str
    labels: tuple[str, ...] = ()
    unit: str = ""
    bounds_ms: tuple[int, ...] = ()


def _many(group: str, *rows: tuple[str, Kind, tuple[str, ...], str, str]) -> tuple[Metric, ...]:
    """Metrics of a group; their unit is in their name."""
    return tuple(
        Metric(name=name, group=group, kind=kind, labels=labels, unit=_unit(name), meaning=meaning, bad=bad)
        for name, kind, labels, meaning, bad in rows
    )


def _unit(name: str) -> str:
    last = name.removesuffix("_total").rpartition("_")[2]
    return last if last in {"seconds", "bytes", "usdt"} else ""


def _histogram(group: str, name: str, bounds_ms: tuple[int, ...], meaning: str, bad: str, *labels: str) -> Metric:
    return Metric(
        name=name, group=group, kind="histogram", meaning=meaning, bad=bad, labels=labels, unit="seconds",
        bounds_ms=bounds_ms,
    )  # fmt: skip


SYMBOL, ACTOR = ("symbol",), ("symbol", "role")
METRICS: tuple[Metric, ...] = (
    *_many(
        "The run",
        ("vortex_info", "info", ("version", "mode", "profile", "market_source", "account", "simulated"),
         "Which run this is; the value is always 1. mode PAPER and simulated true: no figure of it is real money.",
         "Keep panels and alerts of runs apart by these labels."),
        ("vortex_up", "gauge", (), "1 while the tree of actors moves; the same as /livez.",
         "Restart the process; stops rest on the exchange meanwhile."),
        ("vortex_ready", "gauge", (), "1 when the first reconciliation is done; the same as /readyz.",
         "`vortex status` names what is missing; until then nothing is entered."),
        ("vortex_uptime_seconds", "gauge", (), "Since the start, by the injected clock.",
         "One that falls again and again: the process is restarted; read the log of its end."),
        ("vortex_answered", "gauge", ("role",), "1 when this shared actor answered this reading within 1 s.",
         "Its metrics are missing from this reading; `vortex actors` shows whether it hangs."),
        ("vortex_scrape_seconds", "gauge", (), "How long this reading took.",
         "Above 1 s an actor did not answer."),
    ),
    *_many(
        "Safety",
        ("vortex_positions_open", "gauge", SYMBOL, "1 while a position of ours is open.", "Nothing: this is the work."),
        ("vortex_position_protected", "gauge", SYMBOL,
         "Of an open position: 1 while the exchange has confirmed our stop, else 0.",
         "0 for more than 3 s: the engine closes it by itself. Look at the exchange; `vortex flatten SYMBOL`."),
        ("vortex_unprotected_now_seconds", "gauge", SYMBOL,
         "For how long a position has been open without a confirmed stop; 0 while none is.",
         "As vortex_position_protected: at 3 s a close is sent, at 5 s it must be protected or flat."),
        ("vortex_unprotected_seconds_total", "counter", SYMBOL,
         "All the time in which a position was open without a confirmed stop, the moments after each fill included.",
         "Growth beyond a fraction of a second per trade: find the slow stops by vortex_fill_to_stop_seconds."),
        ("vortex_gate_closed", "gauge", ("gate", "symbol"),
         "1 while this gate keeps entries closed; symbol is empty for a gate of the whole account.",
         "`vortex status` has the detail; what each gate means: [codes](codes.md). Exits are never gated."),
        ("vortex_entry_allowed", "gauge", SYMBOL, "1 when every gate of the symbol is open.",
         "See vortex_gate_closed."),
        ("vortex_symbol_state", "gauge", ("symbol", "state"), "1 for the state the symbol is in.",
         "HALTED after a crash storm: read the log, then `vortex unhalt SYMBOL`."),
        ("vortex_user_stream_up", "gauge", (), "1 while the exchange's reports about our orders arrive.",
         "Entries wait and the truth is asked for by REST; when it lasts, look at the network and the key."),
        ("vortex_user_stream_age_seconds", "gauge", (), "Since the user stream last said something, or came up.",
         "Old is normal while nothing trades; with an open position compare with the exchange."),
        ("vortex_disk_free_bytes", "gauge", (), "What is free where journal and outbox are kept.",
         "Below 64 MiB entries wait: make room."),
    ),
    _histogram(
        "Latency", "vortex_tick_to_decision_seconds", TICK_MS,
        "From a book's arrival in the process to the evaluation that it caused, whole milliseconds.",
        "p99 above 0.15 s: the machine is too small for these symbols, or something else uses it.",
    ),
    _histogram(
        "Latency", "vortex_decision_to_ack_seconds", ACK_MS,
        "From an evaluation to the exchange's first word that the entry order is there.",
        "Most of it is the way to the exchange: move nearer. No entry leaves on a book older than 0.5 s.",
    ),
    _histogram(
        "Latency", "vortex_fill_to_stop_seconds", STOP_MS,
        "From a trade's first execution to its confirmed stop, or to flat where that came first; one for each entry.",
        "Anything above 2 s: `vortex pause --all`, and find out why stops are slow before you go on.",
    ),
    _histogram(
        "Latency", "vortex_exchange_reply_seconds", REPLY_MS, "From a request to its reply, by kind of request.",
        "Orders give up after 2 s and are then resolved; when that is common, look at the network.", "request",
    ),
    *_many(
        "Decisions and trades",
        ("vortex_decisions_total", "counter", ("symbol", "action"), "Evaluations by action, HOLD too.",
         "No growth while books arrive: look at the gate `engines` and at vortex_mailbox_backlog_seconds."),
        ("vortex_rejections_total", "counter", ("symbol", "reason"),
         "Signals that risk refused, by reject code; also those for which no row was due.",
         "`vortex rejects` shows value, threshold and margin of every gate."),
        ("vortex_trades_total", "counter", ("symbol", "strategy", "reason"),
         "Ended trades by close reason; ORDER_REJECTED and ORDER_EXPIRED are entries that came to nothing.",
         "PROTECTION_FAILED, LIQUIDATED or EMERGENCY: stop and find out why."),
    ),
    *_many(
        "Money",
        ("vortex_equity_usdt", "gauge", (), "Wallet and unrealised profit, as the exchange last said.",
         "Compare with the exchange."),
        ("vortex_available_usdt", "gauge", (), "What is free for margin.", "Too little: entries are rejected."),
        ("vortex_daily_pnl_usdt", "gauge", (), "Profit and loss of this UTC day, what is open included.",
         "It is held against `[risk] max_daily_loss_usdt` and the drawdown limits."),
        ("vortex_trades_today", "gauge", (), "Entries of this UTC day.", "It is held against max_trades_per_day."),
        ("vortex_drawdown_latched", "gauge", (), "1 when the day's loss limit is reached: no entry until 00:00 UTC.",
         "Do nothing in haste; look at what lost: `vortex trades`."),
        ("vortex_flatten_latched", "gauge", (), "1 when the day's hard limit is reached: everything is closed.",
         "As above; see that the exchange is flat."),
        ("vortex_governor_tripped", "gauge", (), "1 when orders or losing trades came too fast: everything is halted.",
         "Find out why before `vortex unhalt --all`."),
        ("vortex_position_notional_usdt", "gauge", SYMBOL,
         "Quantity times entry price of the open position, negative when short.", "Compare with the exchange."),
    ),
    *_many(
        "Exchange",
        ("vortex_exchange_requests_total", "counter", ("request", "outcome"),
         "Answered requests; outcome DONE, REFUSED, or UNKNOWN: it may or may not have been carried out.",
         "UNKNOWN above a few: the network. REFUSED: the log has the exchange's words."),
        ("vortex_exchange_weight_used", "gauge", (), "Request weight of the running minute, as the exchange counts it.",
         "From 80 % of the limit entries wait, from 95 % all but stops and closes: who else uses this address?"),
        ("vortex_exchange_weight_limit", "gauge", (), "Request weight that the exchange allows in a minute.", "-"),
        ("vortex_exchange_orders_per_minute", "gauge", (), "Orders that we sent in the last minute.",
         "The governor halts above `[risk] governor_entries_per_min` entries."),
        ("vortex_exchange_orders_limit", "gauge", (), "Orders that the exchange allows in a minute.", "-"),
        ("vortex_exchange_silence_seconds", "gauge", (), "For how long the exchange wants us silent; 0: not at all.",
         "A ban. Stops and closes of naked positions go on when it is longer than 2 s."),
        ("vortex_exchange_unknown_orders", "gauge", (), "Symbols with an order of which we do not know the outcome.",
         "More than a minute: compare the symbol with the exchange; it enters nothing meanwhile."),
    ),
    *_many(
        "Market data",
        ("vortex_feed_age_seconds", "gauge", ("symbol", "stream"),
         "Since the last frame of this stream; absent before the first.",
         "depth20 above 1 s closes the gate `book`. forceOrder may be silent for hours."),
    ),
    *_many(
        "Stores",
        ("vortex_outbox_pending", "gauge", (), "Rows on disk that wait for the cold store.",
         "See vortex_outbox_oldest_seconds."),
        ("vortex_outbox_oldest_seconds", "gauge", (), "For how long the oldest of them has waited; 0 when none waits.",
         "Minutes: the store is away; nothing is lost, and it catches up by itself."),
        ("vortex_outbox_parked", "gauge", (), "Rows that the store refused and that were set aside.",
         "`vortex outbox list`, mend the cause, `vortex outbox retry`."),
        ("vortex_outbox_paused", "gauge", (), "1 while nothing is handed over until a person acts.",
         "`vortex outbox list` says why: no table, no grant, the wrong key. Nothing is lost meanwhile."),
        ("vortex_outbox_dropped_rejections_total", "counter", (), "Rejected signals given up because too many waited.",
         "Rows of trades are never given up. Bring the store back."),
        ("vortex_hot_store_up", "gauge", (), "1 while the hot store takes values.",
         "Trading goes on without it; who reads Redis sees old values. Bring it back."),
        ("vortex_hot_store_lost_total", "counter", (), "Values that it could not take; newer ones take their place.",
         "See vortex_hot_store_up."),
    ),
    *_many(
        "Runtime",
        ("vortex_actor_state", "gauge", (*ACTOR, "state"), "1 for the state the actor is in.",
         "QUARANTINED or HUNG: read the log; a restart of the process ends a quarantine."),
        ("vortex_actor_restarts_total", "counter", ACTOR, "Restarts after its own crashes.",
         "The log has each crash with its message; 5 in a minute restart the symbol's tree."),
        ("vortex_dead_letters_total", "counter", ACTOR, "Messages that no incarnation of it handled.",
         "Some come with every crash; growth without one is a defect worth a report."),
        ("vortex_conflated_messages_total", "counter", ACTOR,
         "Snapshots whose place a newer one took while they waited; from 0 again after its restart.",
         "Growth means that it does not keep up; nothing is lost."),
        ("vortex_mailbox_messages", "gauge", ("role",), "Messages that wait, of all symbols together.",
         "See vortex_mailbox_backlog_seconds."),
        ("vortex_mailbox_backlog_seconds", "gauge", ("role",),
         "For how long some have waited without a break, the worst symbol: no message has waited longer.",
         "Above 1 s: too much work for this machine, or a handler that hangs."),
        ("vortex_threads", "gauge", (), "As the operating system counts.", "Above 12, with the pool: a defect."),
    ),
    *_many(
        "Process",
        ("process_cpu_seconds_total", "counter", (), "User and system CPU time.",
         "A rate near 1 is one whole core, which is all that Python can use."),
        ("process_resident_memory_bytes", "gauge", (), "Memory in use.", "Growth over hours: a leak; report it."),
        ("process_virtual_memory_bytes", "gauge", (), "Address space in use.", "-"),
        ("process_start_time_seconds", "gauge", (), "When the process started, Unix time.", "-"),
        ("process_open_fds", "gauge", (), "Open files, sockets too.", "Near process_max_fds none more can be opened."),
        ("process_max_fds", "gauge", (), "How many it may open.", "Raise LimitNOFILE in the unit."),
    ),
)  # fmt: skip
BY_NAME = {metric.name: metric for metric in METRICS}
