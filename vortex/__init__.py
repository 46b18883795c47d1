"""VORTEX-7: a crash-proof scalping engine for Binance USD-M futures on the actor model."""

__version__ = "0.1.0"
