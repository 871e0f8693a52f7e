"""What the schema lets through at its bounds is answered: no refusal by the solver, no plan that fails its check."""

from __future__ import annotations

import copy
from typing import Any

import pytest

import optimizer
import scenarios
from tests.scenarios.test_bounds import SMALL


def small(*path: str, value: object) -> scenarios.Scenario:
    """The small scenario with one value put in."""
    data: dict[str, Any] = copy.deepcopy(SMALL)
    node = data
    for key in path[:-1]:
        node = node.setdefault(key, {})
    node[path[-1]] = value
    return scenarios.from_mapping(data)


CHAT, EAST = ("workloads", "chat"), ("regions", "aws/us-east-1")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("path", "value"),
    [
        ((*CHAT, "demand", "east"), "1M/s"),
        ((*CHAT, "demand", "east"), "1e-9/s"),
        ((*CHAT, "ttft"), {"limit": "100 years", "percentile": 99.999}),
        ((*CHAT, "itl", "limit"), "0.001 us"),
        ((*EAST, "site_power"), "1 W"),
        ((*EAST, "electricity"), "$0.000001/kWh"),
        (("planning", "growth"), "10,000%"),
        (("planning", "spare_nodes"), 100_000),
        (("limits", "energy"), "100,000 TWh/yr"),
        (("limits", "budget"), "$0.01/yr"),
        (("procurement", "owned"), {"years": "1 day"}),
        (("procurement", "owned"), {"prices": {"h100-sxm": "$1B"}}),
        (("failures", "node"), {"served": "0.0001%"}),
    ],
)
def test_at_the_bound(path: tuple[str, ...], value: object) -> None:
    plan = optimizer.solve(small(*path, value=value), binding=False)
    assert plan.status in ("optimal", "infeasible")
