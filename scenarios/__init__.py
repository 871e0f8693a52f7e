"""What is asked and what exists: scenarios, read from YAML, and the catalog of hardware, models, regions and prices.

    import scenarios
    scenario = scenarios.load("capstone")

Knows no physics and no solver.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from scenarios.errors import Problem, ScenarioError

if TYPE_CHECKING:
    from scenarios.catalog import Catalog, load_catalog
    from scenarios.json_schema import schema_json
    from scenarios.loader import from_mapping, load, loads, names
    from scenarios.schema import Scenario

# Loaded on first use: pydantic and the YAML parser are not needed to print a help text.
_HOMES = {
    "Catalog": "scenarios.catalog",
    "load_catalog": "scenarios.catalog",
    "Scenario": "scenarios.schema",
    "from_mapping": "scenarios.loader",
    "load": "scenarios.loader",
    "loads": "scenarios.loader",
    "names": "scenarios.loader",
    "schema_json": "scenarios.json_schema",
}

__all__ = [
    "Catalog",
    "Problem",
    "Scenario",
    "ScenarioError",
    "from_mapping",
    "load",
    "load_catalog",
    "loads",
    "names",
    "schema_json",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
