"""Which ledger a configuration means, and what is refused before anything starts."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from vortex.config import ConfigError, Loaded, ledger_kind, load
from vortex.config.ledger import SHOWN, key_class

KEYS = {"BINANCE_API_KEY": "k", "BINANCE_SECRET_KEY": "s", "TESTNET": "true"}
URL, KEY = "https://project.supabase.co", "sb_secret_0123456789abcdef"
DSN = "postgresql://vortex:hunter2@db.example:5432/postgres"
SUPABASE = {"SUPABASE_URL": URL, "SUPABASE_KEY": KEY}


def jwt(role: object) -> str:
    """An older key of Supabase, with this role."""
    body = base64.urlsafe_b64encode(json.dumps({"iss": "supabase", "role": role}).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJIUzI1NiJ9.{body}.c2lnbmF0dXJl"


def loaded(folder: Path, text: str = "", *, mode: str = "testnet", **environ: str) -> Loaded:
    path = folder / "x.toml"
    path.write_text(f'mode = "{mode}"\n{text}', encoding="utf-8")
    return load([path], {**KEYS, **environ})


@pytest.mark.parametrize(
    ("text", "environ", "kind", "notes"),
    [
        ("", {}, "sqlite", 0),
        ("", SUPABASE, "supabase", 0),
        ("", {"DATABASE_URL": DSN}, "postgres", 0),
        ("", {**SUPABASE, "DATABASE_URL": DSN}, "supabase", 1),
        ('[cold_store]\nkind = "postgres"', {**SUPABASE, "DATABASE_URL": DSN}, "postgres", 0),
        ('[cold_store]\nkind = "sqlite"', {**SUPABASE, "DATABASE_URL": DSN}, "sqlite", 0),
        ("", {**SUPABASE, "VORTEX__COLD_STORE__KIND": "sqlite"}, "sqlite", 0),
        ("", {**SUPABASE, "SUPABASE_URL": ""} | {"SUPABASE_KEY": ""}, "sqlite", 0),
        ("", {**SUPABASE, "SUPABASE_URL": "http://127.0.0.1:8000/"}, "supabase", 0),
        ("", {**SUPABASE, "SUPABASE_URL": "http://kong:8000"}, "supabase", 0),
    ],
)
def test_the_file_decides_else_the_environment(
    tmp_path: Path, text: str, environ: dict[str, str], kind: str, notes: int
) -> None:
    found = loaded(tmp_path, text, **environ)
    assert ledger_kind(found.config) == kind
    assert len([note for note in found.notes if "ledger" in note]) == notes


@pytest.mark.parametrize("mode", ["paper", "testnet"])
@pytest.mark.parametrize("how", ["short", "long", "file"])
@pytest.mark.parametrize("allow", [False, True])
def test_on_paper_the_ledger_is_sqlite_whatever_the_environment_says(
    tmp_path: Path, mode: str, how: str, *, allow: bool
) -> None:
    long = {f"VORTEX__COLD_STORE__{name}": value for name, value in SUPABASE.items()}
    text = f"[cold_store]\nallow_paper_remote = {str(allow).lower()}\n" + 'kind = "supabase"\n' * (how == "file")
    found = loaded(tmp_path, text, mode=mode, **(long if how == "long" else SUPABASE))
    assert ledger_kind(found.config) == ("supabase" if allow or mode == "testnet" else "sqlite")


def test_paper_says_that_a_configured_ledger_is_not_used(tmp_path: Path) -> None:
    found = loaded(tmp_path, '[cold_store]\nkind = "postgres"', mode="paper", DATABASE_URL=DSN)
    assert any("on paper the ledger is SQLite" in note for note in found.notes)


@pytest.mark.parametrize(
    ("text", "environ", "says"),
    [
        ("", {"SUPABASE_URL": URL}, "expected SUPABASE_KEY"),
        ("", {"SUPABASE_KEY": KEY}, "expected SUPABASE_URL"),
        ('[cold_store]\nkind = "supabase"', {}, "expected SUPABASE_URL and SUPABASE_KEY"),
        ('[cold_store]\nkind = "postgres"', SUPABASE, "expected DATABASE_URL"),
        ('[cold_store]\nkind = "mysql"', {}, "one of postgres, sqlite, supabase"),
        ("", {**SUPABASE, "SUPABASE_URL": "http://project.supabase.co"}, "https://PROJECT"),
        ("", {**SUPABASE, "SUPABASE_URL": "https://user:pw@project.supabase.co"}, "https://PROJECT"),
        ("", {**SUPABASE, "SUPABASE_URL": f"{URL}/rest/v1"}, "https://PROJECT"),
        ("", {**SUPABASE, "SUPABASE_URL": "project"}, "https://PROJECT"),
        ("", {**SUPABASE, "SUPABASE_KEY": "two words"}, "no blanks"),
        ("", {**SUPABASE, "SUPABASE_KEY": "sb_publishable_0123456789"}, "publishable, it cannot write"),
        ("", {**SUPABASE, "SUPABASE_KEY": jwt("anon")}, "anon, it cannot write"),
        ("", {**SUPABASE, "SUPABASE_KEY": jwt("authenticated")}, "authenticated, it cannot write"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(
    tmp_path: Path, text: str, environ: dict[str, str], says: str
) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        loaded(tmp_path, text, **environ)
    assert "\n" not in str(caught.value)
    key = environ.get("SUPABASE_KEY", "")
    assert not key or key[: SHOWN + 1] not in str(caught.value)


def test_a_key_in_place_of_the_address_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="https://PROJECT") as caught:
        loaded(tmp_path, SUPABASE_URL=KEY, SUPABASE_KEY=URL)
    assert KEY[: SHOWN + 1] not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        (KEY, "secret"), ("sb_publishable_x", "publishable"), (jwt("service_role"), "service_role"),
        (jwt("anon"), "anon"), (jwt(7), "unknown"), (jwt("a b"), "unknown"), ("", "unknown"), ("x.y.z", "unknown"),
        ("eyJ.W10.x", "unknown"), ("eyJ.é.x", "unknown"),
    ],
)  # fmt: skip
def test_a_key_says_what_it_is_for(key: str, kind: str) -> None:
    assert key_class(key) == kind
