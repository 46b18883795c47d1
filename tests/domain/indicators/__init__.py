"""Tests of the domain's indicators."""
