"""What holds for every test."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("vortex", deadline=None)  # speed is measured, never asserted
settings.load_profile("vortex")
