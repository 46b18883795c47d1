"""Thin shells around the domain: they unwrap a message, call pure code and tell others what came of it."""
