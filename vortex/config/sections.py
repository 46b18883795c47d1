"""The whole schema. Every section is frozen; an unknown key, a wrong type or a value out of range is refused.

The parameters of engines, decision, risk and monitor are declared where they are used, in the domain; here they only
get their place in the file.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from vortex.config.secret import Secret

Mode: TypeAlias = Literal["paper", "testnet", "live"]
Port: TypeAlias = Annotated[int, Meta(ge=0, le=65_535)]
Pair: TypeAlias = Annotated[str, Meta(pattern=r"\A[A-Z0-9]{2,20}\Z", description="symbols of 2 to 20 of A-Z and 0-9")]
Pairs: TypeAlias = Annotated[tuple[Pair, ...], Meta(min_length=1, max_length=500)]
AccountName: TypeAlias = Annotated[str, Meta(pattern=r"\A[a-z0-9]{1,6}\Z", description="1 to 6 of a-z and 0-9")]
Label: TypeAlias = Annotated[str, Meta(pattern=r"\A[ -~]{1,40}\Z", description="1 to 40 printable characters")]
Restarts: TypeAlias = Annotated[int, Meta(ge=0, le=1_000)]
PeriodS: TypeAlias = Annotated[float, Meta(gt=0, le=86_400)]
TimeoutMs: TypeAlias = Annotated[int, Meta(ge=100, le=60_000)]
DelayMs: TypeAlias = Annotated[float, Meta(ge=0, le=10_000)]


class Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all sections."""


class Account(Section, frozen=True, kw_only=True):
    """[account]: the name is part of every client order id and of the data directory's owner mark."""

    name: AccountName = "main"


class Exchange(Section, frozen=True, kw_only=True):
    """[exchange]: where orders go and how long an answer may take.

    Attributes:
        simulator_url: Paper only: connect to this simulator; empty starts one as a child.
        rest_url, stream_url: Other hosts than the mode's own, out of the mode's list; empty for the mode's own.
        recv_window_ms: How old a signed request may be when the exchange receives it.
        order_timeout_ms, query_timeout_ms: No answer within this is an unknown outcome.
        reconcile_period_s: The exchange is asked for the whole truth this often, besides at every gap.
        foreign_position: A position that is not ours: leave it, protect it with a stop, or refuse to start.
    """

    simulator_url: str = ""
    rest_url: str = ""
    stream_url: str = ""
    recv_window_ms: Annotated[int, Meta(ge=100, le=5_000)] = 2_000
    order_timeout_ms: TimeoutMs = 2_000
    query_timeout_ms: TimeoutMs = 4_000
    reconcile_period_s: Annotated[float, Meta(ge=1, le=300)] = 5.0
    foreign_position: Literal["leave", "protect", "refuse"] = "leave"
    api_key: Secret = Secret()
    secret_key: Secret = Secret()


class Feed(Section, frozen=True, kw_only=True):
    """[feed]: `raw` reads the exchange's combined streams."""

    kind: Literal["raw"] = "raw"


class SimLatency(Section, frozen=True, kw_only=True):
    """[sim.latency]: log-normal delays of the simulated network; sigma is that of the logarithm."""

    market_ms: DelayMs = 20.0
    order_ms: DelayMs = 60.0
    sigma: Annotated[float, Meta(ge=0, le=2)] = 0.3


class Sim(Section, frozen=True, kw_only=True):
    """[sim]: the simulator that paper mode starts; an empty `market` is the shipped capture, port 0 any free one."""

    market: tuple[str, ...] = ()
    host: str = "127.0.0.1"
    port: Port = 8790
    speed: Annotated[float, Meta(ge=0.1, le=100)] = 1.0
    seed: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 7
    balance_usdt: Annotated[float, Meta(gt=0, le=1e9)] = 10_000.0
    latency: SimLatency = SimLatency()


class Runtime(Section, frozen=True, kw_only=True):
    """[runtime]: how actors run, and how many restarts within a period each level allows before it escalates."""

    dispatcher: Literal["thread"] = "thread"
    child_restarts: Restarts = 5
    child_period_s: PeriodS = 60.0
    tree_restarts: Restarts = 3
    tree_period_s: PeriodS = 300.0
    root_restarts: Restarts = 5
    root_period_s: PeriodS = 60.0


class HotStore(Section, frozen=True, kw_only=True):
    """[hot_store]: the newest state of everything, in this process."""

    kind: Literal["memory"] = "memory"
    allow_paper_remote: bool = False
    redis_host: str = ""
    redis_port: Annotated[int, Meta(ge=1, le=65_535)] = 6_379


class ColdStore(Section, frozen=True, kw_only=True):
    """[cold_store]: the ledger of trades and rejections, a SQLite file in the data directory."""

    kind: Literal["sqlite"] = "sqlite"
    allow_paper_remote: bool = False
    supabase_url: str = ""
    supabase_key: Secret = Secret()
    database_url: Secret = Secret()


class Control(Section, frozen=True, kw_only=True):
    """[control]: the control API; a host that is not this machine needs a token."""

    host: str = "127.0.0.1"
    port: Port = 8787
    token: Secret = Secret()


class Dashboard(Section, frozen=True, kw_only=True):
    """[dashboard]: where the web page listens."""

    host: str = "127.0.0.1"
    port: Port = 8788


class Notify(Section, frozen=True, kw_only=True):
    """[notify]: accepted, without keys."""


class Log(Section, frozen=True, kw_only=True):
    """[log]: what is written to stderr."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    json: bool = False


class Chaos(Section, frozen=True, kw_only=True):
    """[chaos]: whether the control API may crash actors on purpose; never in live mode."""

    enabled: bool = False
