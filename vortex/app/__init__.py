"""Wiring: what runs in one process, and the surfaces people use."""
