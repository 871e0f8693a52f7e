"""The recipes of docs/ work as written, on a temporary copy."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from optimizer.plan import Plan
from tests.recipe import Ran, copy_of_the_repository, follow, run


def solved(scenario: str, home: Path) -> dict[str, Any]:
    ran = run(f"argosy solve {scenario} --json --no-binding", home)
    assert ran.code == 0, ran.errors
    return json.loads(ran.output)


def largest_share(plan: dict[str, Any]) -> float:
    load: Counter[str] = Counter()
    for flow in plan["flows"]:
        load[flow["region"]] += flow["requests_per_s"]
    return max(load.values()) / sum(load.values())


def followed(page: str, home: Path) -> dict[str, Ran]:
    """What each command of the page printed; all of them must work."""
    done = {ran.command: ran for ran in follow(page, home)}
    for ran in done.values():
        assert ran.code == 0, f"$ {ran.command}\n{ran.output}{ran.errors}"
    return done


def test_add_a_wall(tmp_path: Path, shipped_plan: Callable[[str], Plan]) -> None:
    home = copy_of_the_repository(tmp_path)
    before = json.loads(shipped_plan("capstone_small").model_dump_json())
    assert largest_share(before) > 0.6, "the example would show nothing"
    done = followed("add-a-wall.md", home)
    assert "concentration" in done["argosy walls 23"].output
    assert "oncentration" in done["argosy solve capstone_small"].output, "the report prices the new limit"
    after = solved("capstone_small", home)
    assert after["verified"] and largest_share(after) <= 0.6 + 1e-6
    assert after["accounts"]["usd_per_year"] > before["accounts"]["usd_per_year"]


def test_add_an_accelerator(tmp_path: Path) -> None:
    home = copy_of_the_repository(tmp_path)
    assert "example-1" not in run("argosy catalog accelerators", home).output
    done = followed("add-an-accelerator.md", home)
    assert "example-1" in done["argosy catalog accelerators"].output
    plan = solved("mine.yaml", home)
    assert "example-1" in {line["accelerator"] for line in plan["fleet"]}
    assert any("example-1" in name for name in plan["lock"]["overridden"])
