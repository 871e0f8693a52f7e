"""Losses acted out on fleets put together by hand, and the judge's rules by hand."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from optimizer.plan import FleetLine, Flow, Lock, NodeLine, PlacedNode, PlacedReplicas, Plan, SlotLine
from optimizer.verify import losses
from optimizer.verify_judge import Judge, judge
from optimizer.verify_latency import exact_utilisation
from optimizer.verify_lp import SmallProgram
from optimizer.verify_types import PoolKey, Way
from scenarios import from_mapping

EAST, WEST = "aws/us-east-1", "aws/us-west-2"
OFFER = "owned-4x-h100-sxm"
QUESTION: dict[str, Any] = {
    "name": "losses",
    "origins": {"boston": {"near": EAST, "last_mile": "10 ms"}},
    "workloads": {
        "chat": {
            "model": "llama-3.1-8b",
            "requests": [{"name": "chat", "share": 1, "prompt_tokens": 400, "output_tokens": 150}],
            "demand": {"boston": 100},
            "precisions": ["fp8"],
            "max_utilization": "80%",
        }
    },
    "regions": {EAST: {"quota": {"h100-sxm": 16}}, WEST: {"quota": {"h100-sxm": 16}}},
    "accelerators": ["h100-sxm"],
    "procurement": {"owned": {"prices": {"h100-sxm": "$30,000"}, "devices_per_node": {"h100-sxm": 4}}},
    "failures": {"node": {"served": "50%", "scope": "total"}},
}
WAY = Way("chat", "h100-sxm", "fp8", "bf16", 1, 1, 1, 32)
ANYONE = ("boston",)


def scenario(demand: float = 100.0, **changes: Any):
    """The question with another demand and other keys."""
    data = copy.deepcopy(QUESTION) | changes
    data["workloads"]["chat"]["demand"] = {"boston": demand}
    return from_mapping(data)


def rate() -> float:
    """Requests a second of one replica."""
    return Judge(scenario()).world.rates(WAY)[0]


def plan(*placed: tuple[str, int], way: Way = WAY, spans: int = 1) -> Plan:
    """A fleet with the given replicas on each node, all load on none (losses do not ask for it)."""
    regions = list(dict.fromkeys(region for region, _ in placed))
    fleet, nodes, placement = [], [], []
    for number, region in enumerate(regions):
        here = [count for place, count in placed if place == region]
        fleet.append(_line(region, sum(here) // spans, way))
        nodes.append(_node(region, len(here)))
        for n, count in enumerate(here):
            replicas = [PlacedReplicas(fleet=number, replicas=count, spans_nodes=spans)]
            place = {"region": region, "offer": OFFER, "procurement": "owned"}
            placement.append(PlacedNode(node=f"{region}/{n}", replicas=replicas, **place))
    flow = Flow(workload="chat", shape="chat", origin="boston", region=regions[0], slot="year", requests_per_s=100)
    lock = Lock(
        argosy="", highs="", python="", scenario_sha256="", catalog_sha256="", overridden=[], seed=0, threads=1, gap=0
    )
    return Plan(
        scenario="losses",
        title="",
        status="optimal",
        stopped_by="gap",
        gap=0.0,
        objective=None,
        bound=None,
        accounts={},
        carbon_basis="direct",
        fleet=fleet,
        nodes=nodes,
        placement=placement,
        flows=[flow],
        lock=lock,
    )


def _line(region: str, replicas: int, way: Way) -> FleetLine:
    return FleetLine(
        workload="chat",
        region=region,
        offer=OFFER,
        accelerator="h100-sxm",
        precision=way.precision,
        kv_precision=way.kv_precision,
        tensor_parallel=way.tensor_parallel,
        pipeline_parallel=way.pipeline_parallel,
        expert_parallel=1,
        batch=way.batch,
        procurement="owned",
        replicas=replicas,
        devices=replicas * way.devices,
        capacity_requests_per_s=0.0,
        requests_per_s=0.0,
        by_slot=[SlotLine(slot="year", replicas=replicas, requests_per_s={"chat": 0.0})],
        serves=list(ANYONE),
    )


def _node(region: str, nodes: int) -> NodeLine:
    return NodeLine(
        region=region,
        offer=OFFER,
        accelerator="h100-sxm",
        procurement="owned",
        devices_per_node=4,
        nodes=nodes,
        by_slot={"year": nodes},
    )


def left_by(plan: Plan, asked: Any, what: str = "node") -> dict[str, float]:
    """Rate left after each loss of a kind."""
    return {loss.where: loss.served_requests_per_s for loss in losses(asked, plan) if loss.what == what}


def test_the_fullest_node_is_the_worst() -> None:
    asked = scenario(demand=8 * rate())
    left = left_by(plan((EAST, 4), (EAST, 3), (EAST, 1)), asked)
    assert left == {f"{OFFER} in {EAST}": pytest.approx(4 * 0.8 * rate())}


def test_other_regions_take_over() -> None:
    asked = scenario(demand=8 * rate())
    left = left_by(plan((EAST, 4), (WEST, 3)), asked)
    assert left[f"{OFFER} in {EAST}"] == pytest.approx(3 * 0.8 * rate())
    assert left[f"{OFFER} in {WEST}"] == pytest.approx(4 * 0.8 * rate())
    regions = left_by(plan((EAST, 4), (WEST, 3)), asked, "region")
    assert regions == {EAST: pytest.approx(3 * 0.8 * rate()), WEST: pytest.approx(4 * 0.8 * rate())}


def test_no_more_than_demand_is_served() -> None:
    left = left_by(plan((EAST, 4), (EAST, 4)), scenario(demand=rate()))
    assert left[f"{OFFER} in {EAST}"] == pytest.approx(rate())


def test_residency_holds_after_a_loss() -> None:
    data = copy.deepcopy(QUESTION)
    data["workloads"]["chat"] |= {"demand": {"boston": 8 * rate()}, "residency": [EAST]}
    left = left_by(plan((EAST, 4), (WEST, 4)), from_mapping(data))
    assert left[f"{OFFER} in {EAST}"] == 0.0
    assert left[f"{OFFER} in {WEST}"] == pytest.approx(4 * 0.8 * rate())


def test_latency_holds_after_a_loss() -> None:
    """The far region is too far for the limit, however many replicas it has."""
    data = copy.deepcopy(QUESTION)
    data["workloads"]["chat"] |= {"demand": {"boston": 8 * rate()}, "ttft": {"limit": "70 ms", "percentile": 99}}
    asked = from_mapping(data)
    assert Judge(asked).world.budget_s("chat", "boston", WEST) < 0 < Judge(asked).world.budget_s("chat", "boston", EAST)
    assert left_by(plan((EAST, 4), (WEST, 4)), asked)[f"{OFFER} in {EAST}"] == 0.0


def test_a_smaller_pool_runs_less_full() -> None:
    """What is left is the smaller pool's own usable utilisation, not that of the whole pool."""
    few = Way("chat", "h100-sxm", "fp8", "bf16", 1, 1, 1, 4)  # few slots, so that the wait for one is what counts
    data, run = copy.deepcopy(QUESTION), Judge(scenario()).world.running(few)[0]
    limit_s = 0.0126 + run.prefill_s + 20 * run.step_s
    ttft = {"limit": f"{limit_s * 1e3:.3f} ms", "percentile": 99}
    data["workloads"]["chat"] |= {"demand": {"boston": 8 * run.rate}, "ttft": ttft}
    asked = from_mapping(data)
    budget = Judge(asked).world.budget_s("chat", "boston", EAST)
    small, large = (exact_utilisation([run], size, few.batch, budget, 99.0, 0.8) for size in (2, 6))
    assert 0 < small < large - 0.05
    left = left_by(plan((EAST, 4), (EAST, 2), way=few), asked)
    assert left[f"{OFFER} in {EAST}"] == pytest.approx(2 * small * run.rate)


def test_maintenance_takes_further_nodes() -> None:
    asked = scenario(demand=12 * rate(), planning={"maintenance_nodes": 1})
    left = left_by(plan((EAST, 4), (EAST, 3), (EAST, 2), (EAST, 1)), asked)
    assert left[f"{OFFER} in {EAST}"] == pytest.approx(3 * 0.8 * rate())


def test_a_replica_over_two_nodes_dies_whole() -> None:
    spanning = Way("chat", "h100-sxm", "fp8", "bf16", 4, 2, 1, 32)
    asked = scenario(demand=1e4)
    one = Judge(asked).world.rates(spanning)[0]
    left = left_by(plan((EAST, 1), (EAST, 1), (EAST, 1), (EAST, 1), way=spanning, spans=2), asked)
    assert left[f"{OFFER} in {EAST}"] == pytest.approx(0.8 * one)


def test_each_origin_keeps_its_share() -> None:
    """With `each` the share is that of the origin that fares worst."""
    data = copy.deepcopy(QUESTION)
    data["origins"]["seattle"] = {"near": WEST, "last_mile": "10 ms"}
    data["workloads"]["chat"] |= {
        "demand": {"boston": 2 * rate(), "seattle": 6 * rate()},
        "residency": {"boston": [EAST], "seattle": [WEST]},
    }
    for scope, share in (("each", 0.8 / 2), ("total", (0.8 + 4 * 0.8) / 8)):
        data["failures"] = {"node": {"served": "10%", "scope": scope}}
        found = losses(from_mapping(data), plan((EAST, 1), (EAST, 1), (WEST, 4)))
        loss = next(loss for loss in found if loss.what == "node" and loss.where.endswith(EAST))
        assert loss.served_share == pytest.approx(share)
        assert loss.required_share == 0.1


def test_each_counts_the_kinds_of_request_of_an_origin_together() -> None:
    """What is left goes to the cheap kind first: a quarter of one kind shed is an eighth of both."""
    data = copy.deepcopy(QUESTION)
    long = {"name": "long", "share": "50%", "prompt_tokens": 2000, "output_tokens": 600}
    data["workloads"]["chat"]["requests"] = [data["workloads"]["chat"]["requests"][0] | {"share": "50%"}, long]
    short, slow = Judge(from_mapping(data)).world.rates(WAY)
    # After the loss four replicas are left, at 80 %. They carry all short requests and three quarters of the long ones.
    each = 4 * 0.8 / (1 / short + 0.75 / slow)
    data["workloads"]["chat"]["demand"] = {"boston": 2 * each}
    for scope in ("each", "total"):
        data["failures"] = {"node": {"served": "80%", "scope": scope}}
        (loss,) = (loss for loss in losses(from_mapping(data), plan((EAST, 4), (EAST, 4))) if loss.what == "node")
        assert loss.served_share == pytest.approx(0.875)
        assert loss.served_requests_per_s == pytest.approx(2 * each * 0.875)


def counts(**replicas: int) -> dict[tuple[PoolKey, str], tuple[int, ...]]:
    """Replicas by region, `east` and `west`."""
    regions = {"east": EAST, "west": WEST}
    return {(PoolKey(regions[name], OFFER, WAY, ANYONE), "owned"): (number,) for name, number in replicas.items()}


def test_the_judge_counts_whole_nodes_and_their_bill() -> None:
    asked = scenario(demand=2 * rate(), failures={})
    found = judge(asked, counts(east=5))
    assert found.feasible
    region, device = asked.region(EAST), asked.catalog.accelerators["h100-sxm"]
    idle_w, load_w = 8 * device.tdp_w * 0.43, 2 * device.tdp_w * (1.30 - 0.43)
    kwh = (idle_w + load_w) / 1000 * 8760 * region.pue
    usd = 8 * 30_000 * (2.5 / 3 + 0.05) + kwh * region.electricity_usd_per_kwh
    assert found.accounts["kwh_per_year"] == pytest.approx(kwh)
    assert found.accounts["usd_per_year"] == found.objective == pytest.approx(usd)
    assert found.accounts["devices"] == 8


@pytest.mark.parametrize(
    ("replicas", "demand", "why"),
    [
        ({"east": 2}, 1.7, "no routing"),
        ({"east": 17}, 1.0, "quota of h100-sxm"),
        ({"east": 4}, 1.0, "node of"),
    ],
)
def test_the_judge_says_why_not(replicas: dict[str, int], demand: float, why: str) -> None:
    failures = {"node": {"served": "90%", "scope": "total"}} if why == "node of" else {}
    found = judge(scenario(demand=demand * rate(), failures=failures), counts(**replicas))
    assert not found.feasible
    assert why in found.why


def test_the_judge_keeps_a_node_on_rather_than_start_it_anew() -> None:
    """A start that is paid for longer than the slot is worth not having."""
    data = copy.deepcopy(QUESTION)
    data["slots"] = [{"name": "a", "hours": 4380}, {"name": "b", "hours": 4380}]
    data["procurement"] = {"on_demand": {"startup": "20 h", "prices": {EAST: {"p5.4xlarge": "$4/h"}}}}
    data["workloads"]["chat"] |= {"demand": {"boston": [0.7 * rate(), 1.4 * rate()]}}
    data["failures"] = {}
    key = (PoolKey(EAST, "p5.4xlarge", WAY, ANYONE), "on_demand")
    found = judge(from_mapping(data), {key: (1, 2)})
    assert found.feasible
    assert found.accounts["usd_per_year"] == pytest.approx(2 * 4 * 8760)  # both nodes on all day
    data["procurement"]["on_demand"]["startup"] = "1 h"
    found = judge(from_mapping(data), {key: (1, 2)})
    assert found.accounts["usd_per_year"] == pytest.approx(4 * (8760 + 4380 + 365))


def test_the_judge_tells_pools_apart_by_whom_they_serve() -> None:
    """Replicas that are fast enough for fewer origins are other pools, also where an answer is remembered."""
    data = copy.deepcopy(QUESTION)
    data["origins"]["seattle"] = {"near": WEST, "last_mile": "10 ms"}
    shapes = [{"name": name, "share": 0.5, "prompt_tokens": 400, "output_tokens": 150} for name in ("one", "other")]
    data["workloads"]["chat"] |= {"requests": shapes, "ttft": {"limit": "3 s", "percentile": 99}}
    data["workloads"]["chat"]["demand"] = {"boston": 2 * rate(), "seattle": 2 * rate()}
    data["failures"] = {"node": {"served": "80%", "scope": "each"}}
    few, all_of_them = (PoolKey(EAST, OFFER, WAY, serves) for serves in (ANYONE, ("boston", "seattle")))
    judging = Judge(from_mapping(data))
    assert judging.losses({(few, "owned"): (12,)}, "year")
    assert not judging.losses({(all_of_them, "owned"): (12,)}, "year")


def test_small_programs() -> None:
    program = SmallProgram()
    x, y = program.column(upper=3), program.column(integer=True)
    program.row({x: 1, y: 2}, upper=4.5)
    best = program.maximum({x: 1, y: 1.5})
    assert best is not None and best.value == pytest.approx(4.0)
    program.row({x: 1}, lower=9)
    assert program.maximum({x: 1}) is None
