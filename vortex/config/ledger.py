"""Which ledger a configuration means, and whether what it says of it can be used."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

from vortex.config.errors import ConfigError, refused
from vortex.config.schema import Config
from vortex.config.tree import Tree

LedgerKind: TypeAlias = Literal["sqlite", "supabase", "postgres"]

SECTION = "cold_store"
SHOWN = 6
"""Characters of a key that are ever shown."""
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
KEY_PREFIXES = {"sb_secret_": "secret", "sb_publishable_": "publishable"}
READS_ONLY = frozenset({"publishable", "anon", "authenticated"})
"""Classes of keys that may not write: they are made for web pages."""


def ledger_kind(config: Config) -> LedgerKind:
    """The ledger of this run: what `[cold_store] kind` says, else what the environment names; on paper SQLite."""
    store = config.cold_store
    if config.mode == "paper" and not store.allow_paper_remote:
        return "sqlite"
    if store.kind is not None:
        return store.kind
    if store.supabase_url or store.supabase_key:
        return "supabase"
    return "postgres" if store.database_url else "sqlite"


def key_class(key: str) -> str:
    """What a Supabase key is for: secret, publishable, or the role that an older key (a JWT) names; else unknown."""
    for prefix, kind in KEY_PREFIXES.items():
        if key.startswith(prefix):
            return kind
    parts = key.split(".")
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (IndexError, ValueError, binascii.Error):
        return "unknown"
    role = claims.get("role") if isinstance(claims, dict) else None
    return role if isinstance(role, str) and role.isidentifier() else "unknown"


def check(config: Config, tree: Tree) -> None:
    """Raise ConfigError for a ledger that is not told where it is, or by a key that cannot write."""
    kind = ledger_kind(config)
    if kind == "supabase":
        _check_supabase(config, tree)
    elif kind == "postgres" and not config.cold_store.database_url:
        raise _missing(tree, "postgres", "DATABASE_URL")


def notes(config: Config) -> tuple[str, ...]:
    """What a person may not expect of the choice."""
    store, kind = config.cold_store, ledger_kind(config)
    if store.kind not in {None, kind}:
        return (f"[cold_store] kind = {store.kind}: on paper the ledger is SQLite unless allow_paper_remote = true",)
    if store.kind is None and kind == "supabase" and store.database_url:
        return ("SUPABASE_URL and DATABASE_URL are both set: the ledger is Supabase ([cold_store] kind decides)",)
    return ()


def _check_supabase(config: Config, tree: Tree) -> None:
    store = config.cold_store
    absent = [
        name
        for name, value in (("SUPABASE_URL", store.supabase_url), ("SUPABASE_KEY", store.supabase_key))
        if not value
    ]
    if absent:
        raise _missing(tree, "supabase", " and ".join(absent))
    if not _is_address(store.supabase_url):
        url = store.supabase_url
        raise refused(
            tree.origin((SECTION, "supabase_url")), f"{SECTION}.supabase_url",
            url if "://" in url else f"{url[:SHOWN]}...",  # perhaps the key, where the two were mixed up
            "https://PROJECT.supabase.co (http only to this machine or a container)",
        )  # fmt: skip
    key = store.supabase_key.reveal()
    origin = tree.origin((SECTION, "supabase_key"))
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise ConfigError(f"{origin}: SUPABASE_KEY = ***: expected no blanks and no quotes")
    if (found := key_class(key)) in READS_ONLY:
        raise ConfigError(
            f"{origin}: SUPABASE_KEY = {key[:SHOWN]}...: this key is {found}, it cannot write: "
            "expected a secret key (sb_secret_...) or the service_role key"
        )


def _missing(tree: Tree, kind: LedgerKind, names: str) -> ConfigError:
    origin = tree.origin((SECTION,))
    return ConfigError(f"{origin}: the ledger is {kind}: expected {names} in the environment or .env too")


def _is_address(url: str) -> bool:
    """`https://HOST`; a key must not cross a network in the clear, so http only where there is none between."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    host = parts.hostname or ""
    plain = (
        bool(host) and "@" not in parts.netloc and f"{parts.scheme}://{parts.netloc}" == url.rstrip("/") and port != 0
    )
    near = host in LOOPBACK or "." not in host
    return plain and (parts.scheme == "https" or (parts.scheme == "http" and near))
