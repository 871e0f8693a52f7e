"""Several questions about one fleet: the same hires, pools and size bands, each priced by its own scenario.

The scenarios differ in their inputs only: demand, prices, carbon, PUE, efficiencies. A pool that a limit rules out in
one of them, or that is too small there for its first-token limit, has no usable utilisation there and carries nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from optimizer.candidates import Table, batches, table
from optimizer.dominance import undominated
from optimizer.offers import Hire, Offers, cheapest_device, dearer_twins, offers
from optimizer.pools import (
    LARGEST_EXACT_POOL,
    Latency,
    Node,
    Variants,
    bands,
    enough,
    in_bands,
    latency,
    needed_replicas,
    trimmed,
)
from optimizer.tables import PoolGroup, Question, node_of, planned_demand
from physics.pool_waits import whole_steps
from scenarios.schema import Scenario


def ask_together(scenarios: Sequence[Scenario]) -> list[Question]:
    """One question for each scenario, with the same hires, pools and bands in the same order.

    Ways to run are those that the first scenario can run, at its batches. One is left out only where one and the same
    other replaces it in every scenario.

    Raises:
        ValueError: the scenarios differ in more than their inputs.
    """
    hires = _hires(scenarios)
    tables = _tables(scenarios, hires)
    questions = [
        Question(scenario, False, found, priced, [])
        for scenario, found, priced in zip(scenarios, hires, tables, strict=True)
    ]
    first = questions[0]
    for w in range(len(first.workloads)):
        cache: dict[tuple, list[Variants] | None] = {}
        for r, region in enumerate(first.scenario.regions):
            times = [latency(one.scenario, one.workloads[w], region) for one in questions]
            _alike(all(np.array_equal(time.budgets_s, times[0].budgets_s) for time in times), "first-token limits")
            by_offer: dict[str, list[int]] = {}
            for number, hire in enumerate(first.offers.hires):
                if hire.region == region:
                    by_offer.setdefault(hire.offer, []).append(number)
            for offer, numbers in by_offer.items():
                hire = first.offers.hires[numbers[0]]
                key: tuple = (hire.accelerator.name, hire.devices, hire.most_nodes, hire.availability)
                key += (times[0].budgets_s.tobytes(),)
                if key not in cache:
                    cache[key] = _variants(questions, w, times[0], hire)
                for one, found in zip(questions, cache[key] or (), strict=False):
                    one.groups.append(PoolGroup(w, r, offer, numbers, found))
    return questions


def _alike(same: bool, what: str) -> None:
    if not same:
        raise ValueError(f"draws differ in their inputs only, but the {what} of these are not the same")


def _hires(scenarios: Sequence[Scenario]) -> list[Offers]:
    """What may be had, in the same order everywhere; of two twins one goes where it is the dearer in every scenario."""
    found = [offers(scenario, twins=True) for scenario in scenarios]
    names = [[_key(hire) for hire in one.hires] for one in found]
    _alike(all(one == names[0] for one in names), "offers")
    for what in ("regions", "origins", "workloads", "accelerators", "slots"):
        _alike(all(list(getattr(one, what)) == list(getattr(scenarios[0], what)) for one in scenarios), what)
    if len(scenarios[0].slots) > 1:
        return found
    pairs = [
        {(_key(dear), _key(cheap)) for dear, cheap in dearer_twins(scenario, one.hires)}
        for scenario, one in zip(scenarios, found, strict=True)
    ]
    gone = {dear for dear, _ in set.intersection(*pairs)}
    return [Offers([hire for hire in one.hires if _key(hire) not in gone], one.rejected) for one in found]


def _key(hire: Hire) -> tuple:
    return (hire.region, hire.offer, hire.procurement, hire.devices, hire.most_nodes, hire.availability)


def _tables(scenarios: Sequence[Scenario], hires: list[Offers]) -> list[list[Table]]:
    """Candidates of every workload, at the batches that the first scenario prices: the same rows everywhere."""
    found: list[list[Table]] = [[] for _ in scenarios]
    for name in scenarios[0].workloads:
        sized = batches(scenarios[0], scenarios[0].workloads[name])
        for one, scenario, having in zip(found, scenarios, hires, strict=True):
            one.append(table(scenario, scenario.workloads[name], cheapest_device(having), sized=sized))
        rows = [_rows(one[-1]) for one in found]
        _alike(all(np.array_equal(each, rows[0]) for each in rows), f"ways to run {name}")
    return found


def _rows(priced: Table) -> np.ndarray:
    runs = priced.runs
    batch = np.where(priced.which >= 0, 0.0, runs.batch)  # one that was measured may follow from the prediction
    return np.stack([priced.chip, runs.tensor_parallel, runs.pipeline_parallel, runs.expert_parallel, batch])


def _variants(questions: list[Question], w: int, time: Latency, hire: Hire) -> list[Variants] | None:
    """The pools of a node type as each question prices them, less those that another replaces in all of them."""
    planning, failures = questions[0].scenario.planning, questions[0].scenario.failures
    node = node_of(hire, 1 + planning.maintenance_nodes if failures.node else 0)
    tables = [one.tables[w] for one in questions]
    first = tables[0]
    if not len(first):
        return None
    mine = np.array([chip.accelerator.name == hire.accelerator.name for chip in first.chips], dtype=bool)
    rows = np.flatnonzero(mine[first.chip] & node.holds(first.runs.devices, first.runs.tensor_parallel))
    devices = first.runs.devices[rows]
    demands = [
        float(planned_demand(one.scenario, one.workloads[w]).sum(axis=(0, 1)).max()) / hire.availability
        for one in questions
    ]
    needed = [
        needed_replicas(priced, rows, demand, node.lost(devices))
        for priced, demand in zip(tables, demands, strict=True)
    ]
    room = node.replicas(hire.most_nodes, devices)
    most = np.minimum(np.max(needed, axis=0), room)
    can = (most >= 1) & ~first.over_itl[rows]
    rows, most, exact = rows[can], most[can], (room <= LARGEST_EXACT_POOL)[can]
    parts: list[list[Variants]] = [[] for _ in questions]
    for k, budget_s in enumerate(time.budgets_s):
        if budget_s > 0 and rows.size:
            here = _promising(tables, node, rows, most, exact, k, float(budget_s))
            pools = (rows[here], most[here], exact[here], k, float(budget_s))
            views = [_open(priced, node, *pools) for priced in tables]
            least = np.max([_least(*each) for each in zip(tables, views, demands, strict=True)], axis=0)
            for part, view in zip(parts, views, strict=True):
                part.append(trimmed(view, least))
    return _kept(tables, [_joined(part) for part in parts]) if parts[0] else None


def _promising(
    tables: list[Table], node: Node, rows: np.ndarray, most: np.ndarray, exact: np.ndarray, k: int, budget_s: float
) -> np.ndarray:
    """Pools that are worth working out in every question: those that the best of the first one do not replace even
    where each of the others could be as full as the workload allows."""
    first = _open(tables[0], node, rows, most, exact, k, budget_s)
    always = np.flatnonzero(~np.any([priced.over_itl[rows] for priced in tables], axis=0))
    best = [undominated([(tables[0], first)]), always[undominated([(tables[0], first.take(always))])]]
    champions = np.unique(np.concatenate(best))
    full = whole_steps(tables[0].workload.max_utilization)
    views = []
    for priced in tables:
        open_ = ~priced.over_itl[rows][:, None]
        use = np.where(open_ & (first.smallest > 0), full, 0.0)
        after = np.where(open_ & (first.largest > first.lost[:, None]), full, 0.0)
        able = _open(priced, node, rows[champions], most[champions], exact[champions], k, budget_s)
        use[champions], after[champions] = able.utilisation, able.after_loss
        views.append((priced, replace(first, utilisation=use, after_loss=after)))
    return undominated(views, by=champions)


def _open(
    priced: Table, node: Node, rows: np.ndarray, most: np.ndarray, exact: np.ndarray, k: int, budget_s: float
) -> Variants:
    """The pools in their bands, with nothing to use of those that the ITL limit rules out here."""
    none: list[tuple[str, ...]] = [()] * rows.size
    open_ = ~priced.over_itl[rows]
    able = in_bands(priced, node, rows[open_], most[open_], exact[open_], k, budget_s, none[: open_.sum()])
    smallest, largest = bands(most, exact)
    use, after = np.zeros_like(smallest), np.zeros_like(smallest)
    use[open_], after[open_] = able.utilisation, np.where(able.utilisation > 0, able.after_loss, 0.0)
    devices = priced.runs.devices[rows]
    return Variants(rows, np.full(rows.size, k), none, devices, node.lost(devices), smallest, largest, use, after)


def _least(priced: Table, found: Variants, demand: float) -> np.ndarray:
    """Replicas beyond which no plan needs to go for one question; 0 where the pool carries nothing in it."""
    return np.where(found.utilisation.max(axis=1) > 0, enough(priced, found, demand), 0.0)


def _joined(parts: list[Variants]) -> Variants:
    def stack(name: str) -> np.ndarray:
        return np.concatenate([getattr(part, name) for part in parts])

    return Variants(
        candidate=stack("candidate"),
        latency_class=stack("latency_class"),
        closed_by=[tag for part in parts for tag in part.closed_by],
        devices=stack("devices"),
        lost=stack("lost"),
        smallest=stack("smallest"),
        largest=stack("largest"),
        utilisation=stack("utilisation"),
        after_loss=stack("after_loss"),
    )


def _kept(tables: list[Table], views: list[Variants]) -> list[Variants] | None:
    """Pools that carry something in the first question and that no other replaces in all of them, in the same bands."""
    working = np.flatnonzero(views[0].utilisation.max(axis=1) > 0)
    if not working.size:
        return None
    views = [view.take(working) for view in views]
    kept = undominated(list(zip(tables, views, strict=True)))
    return _same_bands([view.take(kept) for view in views])


def _same_bands(views: list[Variants]) -> list[Variants]:
    """Bands that are alike in every question are joined; those that no question can use are left out."""
    columns = ("smallest", "largest", "utilisation", "after_loss")
    news = [{name: np.zeros_like(getattr(view, name)) for name in columns} for view in views]
    for row in range(views[0].candidate.size):
        at, before = -1, None
        for band in range(views[0].smallest.shape[1]):
            low, high = views[0].smallest[row, band], views[0].largest[row, band]
            uses = [(view.utilisation[row, band], view.after_loss[row, band]) for view in views]
            if low <= 0 or all(use <= 0 for use, _ in uses):
                continue
            if before is not None and before[0] == uses and before[1] == low - 1:
                for new in news:
                    new["largest"][row, at] = high
            else:
                at += 1
                for new, (use, after) in zip(news, uses, strict=True):
                    figures = (low, high, use, after)
                    for name, figure in zip(columns, figures, strict=True):
                        new[name][row, at] = figure
            before = (uses, high)
    return [replace(view, joined=True, **new) for view, new in zip(views, news, strict=True)]  # type: ignore[arg-type]
