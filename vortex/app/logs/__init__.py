"""What the process writes about itself: to a terminal, and into files; without secrets."""

from vortex.app.logs.sinks import FileSink, as_line, set_up

__all__ = ["FileSink", "as_line", "set_up"]
