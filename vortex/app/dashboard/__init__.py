"""The web page, in a process of its own: reads the control API, and the ledger while nobody answers there."""
