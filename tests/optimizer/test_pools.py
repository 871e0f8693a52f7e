"""Pools: what is left out as dominated never changes the optimum; bands, node types and latency classes by hand."""

from __future__ import annotations

import numpy as np
import pytest

import scenarios
from optimizer.pools import BAND_STARTS, Node, bands, latency
from optimizer.tables import ask
from tests.optimizer.cases import DROP, EAST, FAR, WEST, chat, small_scenario, work
from tests.optimizer.random_cases import KINDS, random_scenario

SEEDS = range(9)


def kept(question) -> int:
    return sum(group.variants.candidate.size for group in question.groups)


@pytest.mark.parametrize("kind", KINDS)
def test_pruning_never_changes_the_optimum(kind: str, record_property) -> None:
    """45 random questions solved to the end with and without it; the plans hold their check."""
    shares, solved = [], 0
    for seed in SEEDS:
        scenario = random_scenario(kind, seed)
        pruned, whole = work(scenario), work(scenario, prune=False)
        assert {pruned.found.why, whole.found.why} <= {"gap", "infeasible"}
        assert pruned.optimum == pytest.approx(whole.optimum, rel=2e-6), f"{kind} {seed}"
        if kept(whole.question):
            shares.append(kept(pruned.question) / kept(whole.question))
        if np.isfinite(pruned.optimum):
            solved += 1
            assert pruned.verification().failures == [], f"{kind} {seed}"
    record_property(f"share kept, {kind}", float(np.mean(shares)))
    assert solved >= 5
    assert np.mean(shares) < 0.95


# Found among 720 random questions: a faster candidate counts for more when its node dies.
@pytest.mark.parametrize(
    ("kind", "seed"), [("failures", 27), ("failures", 34), ("failures", 55), ("classes", 71), ("classes", 160)]
)
def test_what_a_node_loss_takes_counts_where_one_candidate_stands_for_another(kind: str, seed: int) -> None:
    scenario = random_scenario(kind, seed)
    assert work(scenario).optimum == pytest.approx(work(scenario, prune=False).optimum, rel=2e-6)


def test_most_of_the_capstones_candidates_go() -> None:
    scenario = scenarios.load("capstone")
    pruned, whole = ask(scenario), ask(scenario, prune=False)
    assert 0 < kept(pruned) < 0.05 * kept(whole)


def test_dropping_is_per_node_type_and_region() -> None:
    """A dearer region keeps its candidates: price is not what one is dropped for there."""
    question = ask(scenarios.load("capstone"))
    by_place = {(group.region, group.offer) for group in question.groups}
    assert {region for region, _ in by_place} == {0, 1}


# ---- sizes ----


def test_bands_cover_every_size_once() -> None:
    for most in (1, 2, 7, 8, 9, 64, 65, 500):
        smallest, largest = (part[0] for part in bands(np.array([float(most)]), np.array([False])))
        there = smallest > 0
        sizes = [
            n for low, high in zip(smallest[there], largest[there], strict=True) for n in range(int(low), int(high) + 1)
        ]
        assert sizes == list(range(1, most + 1))
        assert set(smallest[there]) <= set(BAND_STARTS.astype(float))


def test_small_quotas_make_every_size_a_band() -> None:
    smallest, largest = bands(np.array([5.0]), np.array([True]))
    assert smallest[0, :5].tolist() == largest[0, :5].tolist() == [1, 2, 3, 4, 5]


def test_larger_pools_may_run_fuller() -> None:
    """Usable utilisation rises with the size of the pool, and after a loss it is that of the smaller pool."""
    question = ask(small_scenario(failures={"node": {"served": "80%"}}, workloads=chat(ttft={"limit": "200 ms"})))
    for group in question.groups:
        found = group.variants
        for row in range(found.candidate.size):
            use = found.utilisation[row][found.smallest[row] > 0]
            assert (np.diff(use) >= 0).all() and use.max() <= 0.95
            assert (found.after_loss[row] <= found.utilisation[row] + 1e-12).all()
            lost = found.smallest[row] - found.lost[row]
            assert (found.after_loss[row][(found.smallest[row] > 0) & (lost <= 0)] == 0).all()


# ---- nodes ----


def test_replicas_share_nodes_evenly_or_take_whole_ones() -> None:
    node = Node(8, 1, True, 8)
    size = np.array([1, 2, 3, 4, 8, 12, 16, 16])
    degree = np.array([1, 2, 3, 4, 8, 4, 8, 16])
    assert node.holds(size, degree).tolist() == [True, True, False, True, True, False, True, False]
    part = Node(4, 1, False, 4)
    assert part.holds(np.array([4, 8]), np.array([4, 4])).tolist() == [True, False]


def test_what_a_node_takes_with_it() -> None:
    size = np.array([1, 2, 8, 16])
    assert Node(8, 1, True, 8).lost(size).tolist() == [8, 4, 1, 1]
    assert Node(8, 2, True, 8).lost(size).tolist() == [16, 8, 2, 2]
    assert Node(8, 0, True, 8).lost(size).tolist() == [0, 0, 0, 0]
    assert Node(8, 1, True, 8).replicas(3, size).tolist() == [24, 12, 3, 1]


# ---- latency classes ----


def test_classes_by_what_the_network_leaves() -> None:
    scenario = small_scenario(
        origins={"west": {"near": WEST, "last_mile": "10 ms"}, "far": {"near": FAR, "last_mile": "30 ms"}},
        workloads=chat(demand={"west": 1.0, "far": 1.0}),
    )
    time = latency(scenario, scenario.workloads["chat"], EAST)
    assert time.class_of.tolist() == [2, 1, 0] or time.class_of.tolist() == [2, 0, 1]
    near = 1.0 - 0.010 - 1.3 * 0.002
    assert time.budgets_s.max() == pytest.approx(near)
    for origin, place, last in (("west", WEST, 0.010), ("far", FAR, 0.030)):
        left = 1.0 - last - 1.3 * scenario.catalog.round_trip(place, EAST).p50_s
        number = list(scenario.origins).index(origin)
        assert time.budgets_s[time.class_of[number]] == pytest.approx(left)


def test_without_a_first_token_limit_there_is_one_class() -> None:
    scenario = small_scenario(workloads=chat(ttft=DROP))
    assert latency(scenario, scenario.workloads["chat"], EAST).budgets_s.tolist() == [np.inf]
    worked = work(scenario)
    assert worked.verification().failures == []


def test_an_origin_that_is_too_far_is_not_served() -> None:
    """The network alone takes more than the limit: no class, no flow, no fleet."""
    scenario = small_scenario(
        origins={"far": {"near": FAR, "last_mile": "10 ms"}},
        workloads=chat(demand={"far": 1.0}, ttft={"limit": "80 ms"}),
    )
    worked = work(scenario)
    assert worked.found.why == "infeasible"
