"""A question in flags is the same question in a file."""

from __future__ import annotations

from typing import Any

import pytest

from reports.flags import Flags, mapping, scenario_of
from reports.options import split
from scenarios import ScenarioError, load_catalog


def flags(**changes: Any) -> Flags:
    fields: dict[str, Any] = {
        "model": "llama-3-70b",
        "isl": 512,
        "osl": 256,
        "qps": "100",
        "region": ("aws/us-east-1",),
    }
    return Flags(**{**fields, **changes})


def test_every_flag_arrives() -> None:
    scenario, defaults = scenario_of(
        flags(
            qps="",
            demand=("virginia=600", "montreal=400/s"),
            region=("aws/us-east-1", "aws/ca-central-1"),
            cached=64,
            ttft="1 s",
            itl="50 ms",
            precision=("fp8",),
            kv_precision=("fp8",),
            accelerator=("h100-sxm",),
            owned=True,
            reserved="40%",
            spot="90%",
            budget="$5M/yr",
            carbon="500 t/yr",
            carbon_basis="lifecycle",
            survive_node="80%",
            min_regions=2,
            quota=("h100-sxm=256", "aws/us-east-1:h100-sxm=32"),
            tp=(2, 4),
            objective="carbon",
        )
    )
    workload = scenario.workloads["requests"]
    assert {origin: scenario.origins[origin].near for origin in workload.demand} == {
        "virginia": "aws/us-east-1",
        "montreal": "aws/ca-central-1",
    }
    assert workload.demand == {"virginia": (600.0,), "montreal": (400.0,)}
    assert workload.ttft is not None and (workload.ttft.limit_s, workload.ttft.percentile) == (1.0, 99)
    assert workload.itl is not None and (workload.itl.limit_s, workload.itl.percentile) == (0.05, "mean")
    assert (workload.precisions, workload.kv_precisions, workload.tensor_parallel) == (("fp8",), ("fp8",), (2, 4))
    assert workload.shapes[0].cached_context_tokens == 64
    bought = scenario.procurement
    assert bought.owned and bought.reserved and bought.spot and not bought.on_demand
    assert (scenario.limits.budget_usd_per_year, scenario.limits.carbon_kg_per_year, scenario.limits.min_regions) == (
        5e6,
        5e5,
        2,
    )
    assert scenario.failures.node is not None
    assert (scenario.failures.node.share, scenario.failures.node.scope) == (0.8, "total")
    assert scenario.regions["aws/us-east-1"].quota["h100-sxm"] == 32
    assert scenario.regions["aws/ca-central-1"].quota["h100-sxm"] == 256
    assert (scenario.objective.account, scenario.carbon_basis) == ("carbon", "lifecycle")
    assert {one.name for one in defaults} == {"--quota", "--demand virginia", "--demand montreal"}


def test_whatever_was_left_out_is_stated() -> None:
    _, defaults = mapping(flags(), load_catalog())
    for flag in (
        "--accelerator",
        "--precision",
        "--kv-precision",
        "--quota",
        "--ttft",
        "--itl",
        "--survive-node",
        "--objective",
    ):
        assert flag in defaults
    assert defaults["--ttft"].startswith("no limit")
    assert defaults["--demand"] == "all requests come from near aws/us-east-1"


@pytest.mark.parametrize(
    ("changes", "flag"),
    [
        ({"qps": ""}, "--demand"),
        ({"region": ()}, "--qps"),
        ({"qps": "-3"}, "--demand"),
        ({"qps": "", "demand": ("narnia=3",)}, "--demand"),
        ({"qps": "", "demand": ("virginia",)}, "--demand"),
        ({"qps": "", "demand": ("virginia=3", "virginia=4")}, "--demand"),
        ({"model": "llama-3-70x"}, "--model"),
        ({"isl": -1}, "--isl, --osl, --cached"),
        ({"region": ("aws/us-east-9",)}, "--region, --quota"),
        ({"budget": "5M"}, "--budget"),
        ({"budget": "$0/yr"}, "--budget"),
        ({"carbon": "500 tons"}, "--carbon"),
        ({"itl": "50"}, "--itl"),
        ({"precision": ("fp9",)}, "--precision"),
        ({"accelerator": ("h100",)}, "--accelerator"),
        ({"quota": ("h100-sxm",)}, "--quota"),
        ({"survive_node": "800%"}, "--survive-node"),
        ({"objective": "price"}, "--objective"),
    ],
)
def test_problems_are_laid_to_the_flag_that_was_written(changes: dict[str, Any], flag: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        scenario_of(flags(**changes))
    assert any(problem.key.split(".")[0] == flag or problem.key == flag for problem in caught.value.problems), (
        caught.value
    )


def test_lists_with_commas_but_not_inside_numbers() -> None:
    assert split(["virginia=1,000,montreal=400", "x"]) == ("virginia=1,000", "montreal=400", "x")
    assert split(None) == ()
