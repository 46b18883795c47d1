"""The control API: what the system is doing, and what people order of it, over HTTP on this machine."""
