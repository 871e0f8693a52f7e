"""The plain equations reproduce the golden numbers, every output of every entry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.physics.plain_answers import ANSWERS

HERE = Path(__file__).parent
ENTRIES = json.loads((HERE / "golden_walls.json").read_text(encoding="utf-8"))["entries"]
# Words that repeat the question, and outputs of switches that no entry turns on.
REPEATED = {"region_name", "workload_type", "use_flash_attention", "topology", "baseline_precision"}
UNUSED = {
    "offload_spill_bytes", "offload_effective_bw", "prompt_cache_hit_ratio", "prefill_chunks", "prefill_chunk_time",
    "decode_stall_bound",
}  # fmt: skip


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["name"])
def test_plain_equation_is_golden(entry: dict[str, Any]) -> None:
    found = ANSWERS[entry["name"]](entry["inputs"])
    owed = {key: value for key, value in entry["outputs"].items() if key not in REPEATED | UNUSED}
    missing = owed.keys() - found.keys()
    assert not missing
    for key, value in owed.items():
        if isinstance(value, dict):
            assert found[key] == pytest.approx(value, rel=1e-9, abs=1e-12), key
        elif isinstance(value, (str, bool)):
            assert found[key] == value, key
        else:
            assert found[key] == pytest.approx(value, rel=1e-9, abs=1e-12), key


def test_every_owed_wall_is_golden() -> None:
    walls = {entry["wall"] for entry in ENTRIES}
    assert walls == {"KEY", *range(1, 23)}
