"""A Binance USD-M exchange on localhost: `core` is pure and deterministic, `market` feeds it, `server` is the wire."""
