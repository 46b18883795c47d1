"""Frames and replies recorded from the simulator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

FOLDER = Path(__file__).parents[1] / "resources"


def market_frames() -> dict[str, bytes]:
    """One frame of each market event, by event name."""
    frames = (FOLDER / "simulator_market.jsonl").read_bytes().splitlines()
    return {msgspec.json.decode(frame)["data"]["e"]: frame for frame in frames}


def user_frames() -> list[bytes]:
    """Every user event of one trade, in order."""
    return (FOLDER / "simulator_user.jsonl").read_bytes().splitlines()


def reply(call: str) -> Any:
    """The recorded reply to a call like `GET /fapi/v1/order`."""
    return msgspec.json.decode((FOLDER / "simulator_rest.json").read_bytes())[call]
