"""Loading: files, environment and command line in, one checked Config out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct, structs

from vortex.config import environment, ledger, rules
from vortex.config.decode import decode
from vortex.config.environment import Setting
from vortex.config.files import read_env, read_toml
from vortex.config.schema import Config
from vortex.config.tree import Tree

COMMAND_LINE = "command line"
PROCESS = "environment"
REMOTE = {"cold_store": ("SUPABASE_URL", "SUPABASE_KEY", "DATABASE_URL"), "hot_store": ("REDIS_HOST", "REDIS_PORT")}


class Loaded(Struct, frozen=True, kw_only=True):
    """A configuration, where each dotted key came from (absent: the default), and remarks worth a log line.

    `halt` is true when the environment orders that nothing is entered from the start on (VORTEX_HALT).
    """

    config: Config
    origins: Mapping[str, str]
    notes: tuple[str, ...]
    halt: bool = False

    def fixed(self, key: str) -> str | None:
        """Where a dotted key is set so that no file can change it while this process lives; None when it can be."""
        origin = self.origins.get(key, "")
        return origin if origin == COMMAND_LINE or origin.startswith(f"{PROCESS} ") else None


def load(
    files: Sequence[Path],
    environ: Mapping[str, str],
    overrides: Mapping[str, object] | None = None,
    *,
    env_file: Path | None = None,
) -> Loaded:
    """Read everything and check it.

    Precedence, highest first: `overrides`, `environ`, `env_file`, `files` (the last one first), defaults.

    Args:
        files: TOML files; each key of a later one wins.
        environ: The process environment.
        overrides: Dotted keys from the command line; a text is read as in the environment (lists comma separated).
        env_file: A `.env` file; it may be absent.

    Raises:
        ConfigError: One line that names the place, the key, the value and what is allowed.
    """
    dotenv = read_env(env_file) if env_file else {}
    tables = [(str(path), read_toml(path)) for path in files]
    given = [*environment.settings(dotenv, str(env_file)), *environment.settings(environ, PROCESS)]
    probe = _build(tables, [setting for setting in given if setting.short is None], overrides or {})
    unused = _unused_in_paper(probe)
    tree = _build(tables, [setting for setting in given if setting.short not in unused], overrides or {})
    notes = [f"{env_file}: {name} sets nothing here" for name in environment.unknown(dotenv)]
    notes += [f"{setting.origin} is not used in paper mode" for setting in given if setting.short in unused]
    testnet, halt = (
        environment.truth(name, environ, PROCESS) or environment.truth(name, dotenv, str(env_file))
        for name in (environment.TESTNET, environment.HALT)
    )
    config, changed = _checked(tree, testnet, [place for place, _ in tables])
    ordered = halt is not None and halt[0]
    return Loaded(config=config, origins=dict(tree.origins), notes=(*changed, *notes), halt=ordered)


def _build(
    tables: Sequence[tuple[str, Mapping[str, object]]], given: Sequence[Setting], overrides: Mapping[str, object]
) -> Tree:
    tree = Tree()
    for place, table in tables:
        tree.merge(table, place)
    for setting in given:
        tree.put_text(setting.key, setting.text, setting.origin)
    for dotted, value in overrides.items():
        key = tuple(dotted.split("."))
        if isinstance(value, str):
            tree.put_text(key, value, COMMAND_LINE)
        else:
            tree.put(key, value, COMMAND_LINE)
    return tree


def _unused_in_paper(probe: Tree) -> frozenset[str]:
    """Short names that paper mode leaves alone: real keys, and remote stores unless it was told to use them."""
    if probe.get(("mode",)) not in (None, "paper"):
        return frozenset()
    remote = (name for store, names in REMOTE.items() if not probe.get((store, "allow_paper_remote")) for name in names)
    return frozenset((*rules.CREDENTIALS, *remote))


def _checked(tree: Tree, testnet: tuple[bool, str] | None, files: Sequence[str]) -> tuple[Config, tuple[str, ...]]:
    written = decode(tree)
    mode, note = rules.effective_mode(written, tree, testnet)
    config = structs.replace(written, mode=mode, data_dir=written.data_dir or f"var/{mode}")
    rules.check(config, tree, testnet, files)
    ledger.check(config, tree)
    if note and testnet:
        tree.origins["mode"] = testnet[1]
    remarks = (*((note,) if note else ()), *ledger.notes(config))
    return (rules.with_paper_defaults(config) if mode == "paper" else config), remarks
