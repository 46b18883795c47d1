"""The order life of a trade on the exchange: what is open, what is in doubt, what is sent next. One desk a symbol."""
