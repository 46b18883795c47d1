"""Composition: the only place where configuration, adapters, simulator and actors meet."""
