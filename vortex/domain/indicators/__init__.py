"""Measures of the market: pure functions and small incremental windows, constant work per event."""
