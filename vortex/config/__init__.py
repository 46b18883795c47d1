"""Configuration: TOML files, `.env`, environment and command line become one frozen, checked Config."""

from vortex.config.errors import ConfigError
from vortex.config.ledger import ledger_kind
from vortex.config.loading import Loaded, load
from vortex.config.schema import Config, SymbolConfig
from vortex.config.secret import Secret
from vortex.config.show import Setting, changed, effective

__all__ = [
    "Config",
    "ConfigError",
    "Loaded",
    "Secret",
    "Setting",
    "SymbolConfig",
    "changed",
    "effective",
    "ledger_kind",
    "load",
]
