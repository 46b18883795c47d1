"""The sections that no part of the domain owns; every key says its range, meaning and unit beside its default.

The parameters of engines, decision, risk and monitor are declared where they are used, in the domain. All sections are
frozen; an unknown key, a wrong type or a value out of range is refused.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from vortex.config.secret import Secret
from vortex.domain.notify.kinds import Kind
from vortex.domain.ranges import above, switch, within

Mode: TypeAlias = Literal["paper", "testnet", "live"]
Pair: TypeAlias = Annotated[
    str,
    Meta(pattern=r"\A[A-Z0-9]{2,20}\Z", description="symbols of 2 to 20 of A-Z and 0-9, as the exchange lists them"),
]
AccountName: TypeAlias = Annotated[
    str, Meta(pattern=r"\A[a-z0-9]{1,6}\Z", description="1 to 6 of a-z and 0-9, part of every client order id")
]
Label: TypeAlias = Annotated[
    str, Meta(pattern=r"\A[ -~]{1,40}\Z", description="1 to 40 printable characters, shown beside every figure")
]


class Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all sections."""


class Account(Section, frozen=True, kw_only=True):
    """[account]: whose trades these are."""

    name: AccountName = "main"


class Exchange(Section, frozen=True, kw_only=True):
    """[exchange]: where orders go."""

    simulator_url: Annotated[str, switch("paper: connect to this simulator, http://HOST:PORT; empty starts one")] = ""
    rest_url: Annotated[str, switch("another REST host of the mode, https://HOST; empty is the mode's own")] = ""
    stream_url: Annotated[str, switch("another stream host of the mode, wss://HOST; empty is the mode's own")] = ""
    foreign_position: Annotated[
        Literal["leave", "protect", "refuse"],
        switch("a position not ours: no entries beside it; given a stop too; or no start"),
    ] = "leave"
    adopted_stop_pct: Annotated[float, within(0.01, 50, "distance of an adopted stop from the mark price, %")] = 1.0
    api_key: Annotated[Secret, switch("text; set BINANCE_API_KEY")] = Secret()
    secret_key: Annotated[Secret, switch("text; set BINANCE_SECRET_KEY")] = Secret()


class Feed(Section, frozen=True, kw_only=True):
    """[feed]: where market data comes from."""

    kind: Annotated[
        Literal["raw", "ccxt"],
        switch(
            "raw: our reader of the exchange's combined streams; ccxt: ccxt.pro, with the same answers at more cost"
        ),
    ] = "raw"


class SimLatency(Section, frozen=True, kw_only=True):
    """[sim.latency]: log-normal delays of the simulated network."""

    market_ms: Annotated[float, within(0, 10_000, "median delay of market data, ms of exchange time")] = 20.0
    order_ms: Annotated[float, within(0, 10_000, "median delay until an order executes, ms of exchange time")] = 60.0
    sigma: Annotated[float, within(0, 2, "sigma of the logarithm of both; 0 makes them constant")] = 0.25


class Sim(Section, frozen=True, kw_only=True):
    """[sim]: the simulated exchange that paper mode starts."""

    market: Annotated[
        tuple[str, ...], switch("sources: [SYMBOL[,SYMBOL...]=]FILE, synthetic:N, live; none is the shipped capture")
    ] = ()
    host: Annotated[str, switch("address it listens on")] = "127.0.0.1"
    port: Annotated[int, within(0, 65_535, "0 is any free port")] = 8790
    speed: Annotated[float, within(0.1, 100, "exchange time per real time; real processes are held to 4")] = 1.0
    seed: Annotated[int, within(0, 2**31 - 1, "of latency and of everything generated")] = 7
    balance_usdt: Annotated[float, above(0, 1e9, "wallet of a new account, USDT")] = 10_000.0
    latency: SimLatency = SimLatency()


class Runtime(Section, frozen=True, kw_only=True):
    """[runtime]: how actors run, and the restarts each level allows within its period; one more escalates."""

    dispatcher: Annotated[
        Literal["pool", "thread", "stock"],
        switch("pool: one thread for all but what blocks; thread: one each; stock: pykka's own"),
    ] = "pool"
    child_restarts: Annotated[int, within(0, 1_000, "restarts of one actor")] = 5
    child_period_s: Annotated[float, above(0, 86_400, "within this, s")] = 60.0
    tree_restarts: Annotated[int, within(0, 1_000, "restarts of one symbol's tree")] = 3
    tree_period_s: Annotated[float, above(0, 86_400, "within this, s")] = 300.0
    root_restarts: Annotated[int, within(0, 1_000, "restarts of what all symbols share")] = 5
    root_period_s: Annotated[float, above(0, 86_400, "within this, s")] = 60.0
    record: Annotated[bool, switch("write what actors handle to data_dir, for vortex replay")] = False
    record_mib: Annotated[int, within(1, 100_000, "size at which that ends, MiB")] = 256


class HotStore(Section, frozen=True, kw_only=True):
    """[hot_store]: the newest state of everything, for observers and warm restarts."""

    kind: Annotated[
        Literal["memory", "redis"] | None,
        switch("memory: inside this process; redis: mirrored in Redis too; unset: redis where REDIS_HOST is set"),
    ] = None
    allow_paper_remote: Annotated[bool, switch("let paper mode use a remote hot store")] = False
    redis_host: Annotated[str, switch("set REDIS_HOST")] = ""
    redis_port: Annotated[int, within(1, 65_535, "set REDIS_PORT")] = 6_379
    redis_password: Annotated[Secret, switch("text; set VORTEX__HOT_STORE__REDIS_PASSWORD or ..._FILE")] = Secret()
    namespace: Annotated[
        str,
        Meta(
            pattern=r"\A[A-Za-z0-9_.-]{0,32}\Z",
            description="up to 32 of A-Z a-z 0-9 _ . - before every key, for engines that share a server",
        ),
    ] = ""


class ColdStore(Section, frozen=True, kw_only=True):
    """[cold_store]: the ledger of trades and rejections."""

    kind: Annotated[
        Literal["sqlite", "supabase", "postgres"] | None,
        switch("sqlite: vortex.db in the data directory; unset: supabase or postgres where the environment names one"),
    ] = None
    allow_paper_remote: Annotated[bool, switch("let paper mode write to a remote cold store")] = False
    supabase_url: Annotated[str, switch("set SUPABASE_URL")] = ""
    supabase_key: Annotated[Secret, switch("text; set SUPABASE_KEY")] = Secret()
    database_url: Annotated[Secret, switch("text; set DATABASE_URL")] = Secret()


class Control(Section, frozen=True, kw_only=True):
    """[control]: the control API; a host other than this machine needs a token."""

    host: Annotated[str, switch("address it listens on")] = "127.0.0.1"
    port: Annotated[int, within(0, 65_535, "0 is any free port")] = 8787
    token: Annotated[Secret, switch("text; bearer token, better in VORTEX__CONTROL__TOKEN_FILE")] = Secret()


class Dashboard(Section, frozen=True, kw_only=True):
    """[dashboard]: the web page, a process of its own; a host other than this machine needs `[control] token`."""

    enabled: Annotated[bool, switch("start it together with the engine")] = False
    host: Annotated[str, switch("address it listens on")] = "127.0.0.1"
    port: Annotated[int, within(0, 65_535, "0 is any free port")] = 8788


class Notify(Section, frozen=True, kw_only=True):
    """[notify]: who is told what happens; needs `pip install "vortex[notify]"`."""

    urls: Annotated[
        tuple[Secret, ...], switch("addresses as apprise writes them, better in VORTEX__NOTIFY__URLS_FILE, one a line")
    ] = ()
    none: Annotated[bool, switch("nobody is told; live mode wants this, or an address that works")] = False
    mute: Annotated[tuple[Kind, ...], switch("kinds that are left out")] = ()
    most_per_min: Annotated[int, within(1, 1_000, "more in a minute are combined; urgent ones never wait")] = 10
    digest_s: Annotated[int, within(1, 3_600, "for how long those are collected, s")] = 60


class Log(Section, frozen=True, kw_only=True):
    """[log]: what is written to stderr, and to files in the data directory."""

    level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], switch("least severity that is written")] = "INFO"
    json: Annotated[bool, switch("one JSON object a line on stderr instead of text")] = False
    files: Annotated[bool, switch("also JSON lines in data_dir/logs")] = True
    rotate_mib: Annotated[int, within(1, 10_000, "size of one file, MiB")] = 20
    keep: Annotated[int, within(1, 1_000, "older files that are kept, compressed")] = 10


class Chaos(Section, frozen=True, kw_only=True):
    """[chaos]: crashes on purpose."""

    enabled: Annotated[bool, switch("let the control API crash actors; never in live mode")] = False
