"""Reading configuration files: TOML, `.env`, and files that hold one secret."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from vortex.config.errors import ConfigError, shown

MAX_BYTES = 1_048_576
"""A configuration larger than this is a mistake."""

_LINE = re.compile(r"at line (\d+)")
_ASSIGNMENT = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")
_QUOTED = re.compile(r"""(["'])(.*?)\1\s*(?:#.*)?""")


def read_text(path: Path) -> str:
    """The text of a regular file of UTF-8, at most 1 MiB, without a byte order mark. Raises ConfigError."""
    try:
        if not path.is_file():  # also keeps a pipe or a device from blocking the start
            raise ConfigError(f"{path}: no such file" if not path.exists() else f"{path}: not a regular file")
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(f"{path}: larger than {MAX_BYTES} bytes, which no configuration is")
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text (byte {error.start})") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file. Raises ConfigError naming the line that is wrong."""
    text = read_text(path)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        reason = str(error).replace("Cannot overwrite a value", "this key is written twice")
        found = _LINE.search(reason)
        lines = text.splitlines()
        number = int(found.group(1)) if found else len(lines)
        line = lines[number - 1].strip() if 0 < number <= len(lines) else ""
        raise ConfigError(f"{path}: {shown(line)}: not valid TOML: {' '.join(reason.split())}") from None
    except RecursionError:
        raise ConfigError(f"{path}: nested too deeply to be a configuration") from None


def read_env(path: Path) -> dict[str, str]:
    """The assignments of a `.env` file (NAME=value, quotes and comments as usual); empty when there is no file.

    In a folder that may not be entered there is none: a halt is typed wherever a person happens to be.
    """
    try:
        if not path.exists():
            return {}
    except PermissionError:
        return {}
    assignments: dict[str, str] = {}
    for number, raw in enumerate(read_text(path).splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if (match := _ASSIGNMENT.fullmatch(line)) is None:
            raise ConfigError(f"{path}: line {number}: expected NAME=value")
        name, value = match.groups()
        if name in assignments:
            raise ConfigError(f"{path}: line {number}: {name} is written twice")
        assignments[name] = _unquoted(value)
    return assignments


def _unquoted(value: str) -> str:
    if quoted := _QUOTED.fullmatch(value):
        return quoted.group(2)
    return re.split(r"\s+#", value, maxsplit=1)[0] if not value.startswith("#") else ""


def read_secret(path: Path, *, many: bool = False) -> str:
    """The one line that a secret's file holds; of `many` the lines with commas between. Raises ConfigError."""
    text = read_text(path).strip()
    if many and text:
        return ",".join(line.strip() for line in text.splitlines() if line.strip())
    if not text or len(text.splitlines()) != 1:
        raise ConfigError(f"{path}: expected exactly one line, the secret")
    return text
