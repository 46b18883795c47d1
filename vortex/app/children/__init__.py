"""Processes that run beside the engine and end with it."""
