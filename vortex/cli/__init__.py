"""The command line; commands import what they need when they run, so that help costs nothing."""

from vortex.cli.app import main

__all__ = ["main"]
