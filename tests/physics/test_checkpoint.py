"""Wall 19: saving takes time."""

from __future__ import annotations

from physics import checkpoint


def test_the_shared_store_caps_many_writers() -> None:
    size = checkpoint.checkpoint_bytes(70.6e9)
    assert checkpoint.write_s(size, 8, 7e9, 500e9) == size / 56e9
    assert checkpoint.write_s(size, 1000, 7e9, 500e9) == size / 500e9


def test_rarer_checkpoints_cost_less() -> None:
    assert checkpoint.time_lost(20, 7200) < checkpoint.time_lost(20, 3600)
