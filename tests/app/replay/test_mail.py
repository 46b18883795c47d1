"""Two messages that should have been the same: where they first differ is said, and how."""

from __future__ import annotations

import pytest

from vortex.app.replay.mail import differing


@pytest.mark.parametrize(
    ("recorded", "replayed", "words"),
    [
        (1, 2, ": 1 in the record, 2 in the replay"),
        ({"a": 1, "b": [1, {"c": 2}]}, {"a": 1, "b": [1, {"c": 3}]}, "b[1].c: 2 in the record, 3 in the replay"),
        ({"a": "x" * 999 + "left"}, {"a": "x" * 999 + "right"}, "a: ...left in the record, ...right in the replay"),
        ("a" * 999, "a" * 999 + "!", ": ... in the record, ...! in the replay"),
        ([1], [1, 2], ": [1] in the record, [1, 2] in the replay"),
        ({"a": {"b": None}}, {"a": {"c": None}}, "a: {'b': None} in the record, {'c': None} in the replay"),
        ([1], [1.0], "in how the same values are written"),
    ],
)  # fmt: skip
def test_the_first_difference_is_named(recorded: object, replayed: object, words: str) -> None:
    assert differing(recorded, replayed) == words
