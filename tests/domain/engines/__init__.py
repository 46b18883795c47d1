"""Tests of the domain's engines."""
