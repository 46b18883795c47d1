"""What the schema cannot say: which mode really runs, and what each mode demands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from urllib.parse import urlsplit

from msgspec import structs

from vortex.config.errors import ConfigError, refused
from vortex.config.schema import LIVE_LIMITS, Config
from vortex.config.secret import MASK, Secret
from vortex.config.sections import Mode
from vortex.config.tree import Tree

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
NO_HOST = frozenset("/@ ")
PAPER_KEY = Secret("paper")
"""The simulator's public key and secret."""

CREDENTIALS = {"BINANCE_API_KEY": "api_key", "BINANCE_SECRET_KEY": "secret_key"}


def effective_mode(config: Config, tree: Tree, testnet: tuple[bool, str] | None) -> tuple[Mode, str | None]:
    """The mode that runs, and a note when it is not the one written. Raises ConfigError when the two contradict."""
    written, origin = config.mode, tree.origin(("mode",))
    if written == "paper" or testnet is None:
        return written, None
    wants_demo, place = testnet
    if written == "testnet" and not wants_demo:
        raise ConfigError(f'{place} = false: contradicts mode = "testnet" ({origin}): expected true, or mode = "live"')
    if written == "live" and wants_demo:
        return "testnet", f"{place} = true: mode live of {origin} runs on Demo Trading, mode is testnet"
    return written, None


def _check_notify(config: Config, tree: Tree) -> None:
    notify = config.notify
    if notify.urls and notify.none:
        raise refused(tree.origin(("notify", "none")), "notify.none", value=True, allowed="false beside notify.urls")
    for url in notify.urls:
        if "://" not in url.reveal():
            raise refused(
                tree.origin(("notify", "urls")), "notify.urls", MASK, "addresses with ://, as apprise writes them"
            )


def check(config: Config, tree: Tree, testnet: tuple[bool, str] | None, files: Sequence[str]) -> None:
    """Everything that holds across keys; `config.mode` is the effective one. Raises ConfigError."""
    _check_pairs(config, tree)
    _check_control(config, tree)
    _check_urls(config, tree)
    _check_notify(config, tree)
    _check_hot_store(config, tree)
    if config.mode != "paper":
        _check_variables(config, tree, testnet)
    if config.mode == "live":
        _check_live(config, tree, files)


def _check_pairs(config: Config, tree: Tree) -> None:
    twice = [pair for pair, count in Counter(config.trading_pairs).items() if count > 1]
    if twice:
        raise refused(tree.origin(("trading_pairs",)), "trading_pairs", twice[0], "each pair once")


def _check_control(config: Config, tree: Tree) -> None:
    if config.control.host not in LOOPBACK and not config.control.token:
        raise refused(
            tree.origin(("control", "host")),
            "control.host",
            config.control.host,
            "127.0.0.1, or [control] token set too",
        )


def _check_variables(config: Config, tree: Tree, testnet: tuple[bool, str] | None) -> None:
    missing = [name for name, field in CREDENTIALS.items() if not getattr(config.exchange, field)]
    if testnet is None and tree.get(("mode",)) == "live":
        missing.append("TESTNET")
    if missing:
        words = " (TESTNET=true for Demo Trading, TESTNET=false for real money)" if "TESTNET" in missing else ""
        raise ConfigError(
            f'{tree.origin(("mode",))}: mode = "{tree.get(("mode",))}": expected {", ".join(missing)} '
            f"in the environment or .env{words}"
        )
    for name, field in CREDENTIALS.items():
        text: str = getattr(config.exchange, field).reveal()
        if not text.isascii() or any(character.isspace() or character in "'\"" for character in text):
            raise ConfigError(f"{tree.origin(('exchange', field))}: {name} = ***: expected no blanks and no quotes")


def _check_live(config: Config, tree: Tree, files: Sequence[str]) -> None:
    if tree.origin(("mode",)) not in files:
        raise refused(tree.origin(("mode",)), "mode", "live", 'mode = "live" to be written in a file: it is real money')
    unwritten = [f"risk.{key}" for key in LIVE_LIMITS if tree.origin(("risk", key)) not in files]
    if unwritten:
        raise ConfigError(
            f"{tree.origin(('mode',))}: {', '.join(unwritten)}: expected in a file before real money is traded"
        )
    if config.chaos.enabled:
        raise refused(tree.origin(("chaos", "enabled")), "chaos.enabled", value=True, allowed="false in live mode")
    if not config.notify.urls and not config.notify.none:
        raise refused(
            tree.origin(("notify", "urls")),
            "notify.urls",
            [],
            "an address that is told of trouble, or notify.none = true",
        )


def _check_hot_store(config: Config, tree: Tree) -> None:
    store = config.hot_store
    if store.kind == "redis" and not store.redis_host:
        raise refused(
            tree.origin(("hot_store", "kind")), "hot_store.kind", "redis", "hot_store.redis_host (REDIS_HOST) set too"
        )
    used = config.mode != "paper" or store.allow_paper_remote
    if used and not NO_HOST.isdisjoint(store.redis_host):
        raise refused(
            tree.origin(("hot_store", "redis_host")), "hot_store.redis_host", MASK,  # an address may hold the password
            "a host alone (REDIS_PORT, VORTEX__HOT_STORE__REDIS_PASSWORD say the rest)",
        )  # fmt: skip


def _check_urls(config: Config, tree: Tree) -> None:
    """Only the shape of an address; which hosts a mode may reach is the exchange adapter's list."""
    paper = config.mode == "paper"
    for key, form, here in (
        ("simulator_url", "http://HOST:PORT", paper),
        ("rest_url", "https://HOST", not paper),
        ("stream_url", "wss://HOST", not paper),
    ):
        url: str = getattr(config.exchange, key)
        if url and not here:
            raise refused(tree.origin(("exchange", key)), f"exchange.{key}", url, f"nothing in {config.mode} mode")
        if url and _host(url, form.partition(":")[0]) is None:
            raise refused(tree.origin(("exchange", key)), f"exchange.{key}", url, form)


def _host(url: str, scheme: str) -> str | None:
    """The host of `scheme://host[:port]`; None for any other shape (user info, path, query, bad port)."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    plain = parts.netloc and "@" not in parts.netloc and f"{parts.scheme}://{parts.netloc}" == url.rstrip("/")
    return parts.hostname if plain and parts.scheme == scheme and port != 0 else None


def with_paper_defaults(config: Config) -> Config:
    """In paper mode an account key that no file names is the simulator's."""
    exchange = config.exchange
    return structs.replace(
        config,
        exchange=structs.replace(
            exchange, api_key=exchange.api_key or PAPER_KEY, secret_key=exchange.secret_key or PAPER_KEY
        ),
    )
