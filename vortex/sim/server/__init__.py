"""Binance's USD-M wire format over the exchange core: REST, streams, signatures, and the simulator's own interface."""
