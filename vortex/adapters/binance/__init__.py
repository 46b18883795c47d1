"""Binance USD-M futures: market streams, orders, account and user stream behind the ports."""
