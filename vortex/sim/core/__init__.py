"""The exchange itself: matching, margin, conditional orders, ledger. No clock, no socket, no hidden randomness."""
