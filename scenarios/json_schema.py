"""The JSON Schema of a scenario file, for editors. A test keeps the copy beside the shipped files true."""

from __future__ import annotations

from typing import Any

from scenarios.schema import Scenario

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_json() -> dict[str, Any]:
    """Draft 2020-12. Quantities are texts with a pattern; defaults are shown in people's units."""
    schema = Scenario.model_json_schema(by_alias=True, mode="validation")
    cleaned = _cleaned(schema)
    cleaned["title"] = "Argosy scenario"
    return {"$schema": DIALECT, **cleaned}


def _cleaned(node: Any, inside_properties: bool = False) -> Any:
    """Without titles made from key names, and without defaults that are nothing or a whole part in SI."""
    if isinstance(node, dict):
        drop = () if inside_properties else ("title",)
        kept = {key: _cleaned(value, key in ("properties", "$defs")) for key, value in node.items() if key not in drop}
        if not inside_properties and "default" in kept and (kept["default"] is None or "$ref" in str(node)):
            del kept["default"]
        return kept
    if isinstance(node, list):
        return [_cleaned(item) for item in node]
    return node
