"""The one error of configuration: a single line that says where, which key, which value and what is allowed."""

from __future__ import annotations

import json

from vortex.config.secret import without_login

SHOWN = 60
"""Characters of a refused value that are shown."""


class ConfigError(Exception):
    """The configuration cannot be used; `str(error)` is one line for stderr, the exit code is 2."""


def shown(value: object) -> str:
    """`value` as JSON on one line, escaped and cut, so that no input can break the message."""
    text = without_login(json.dumps(value, default=str))
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}... ({len(text)} characters)"


def refused(origin: str, key: str, value: object, allowed: str) -> ConfigError:
    """Build the error for one value: `origin: key = value: expected allowed`."""
    return ConfigError(f"{origin}: {key} = {shown(value)}: expected {allowed}")
