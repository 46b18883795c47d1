"""Tests mirror vortex/ one to one."""
