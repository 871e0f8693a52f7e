"""What a plan's limits read: every limit of the user's with its value, and latencies that were not limited."""

from __future__ import annotations

import numpy as np

from optimizer.answer import Answer
from optimizer.at_load import AtLoad
from optimizer.plan import Loss, ReadingLine
from physics.locality import user_round_trip_s
from physics.pricing import Prices
from physics.wall import Reading, Sense
from scenarios.schema_demand import Workload

NEARLY_FULL = 1.0 - 1e-6
"""A pool busier than this is full but for the solver's dust, and its waits are that dust magnified."""


def line(reading: Reading) -> ReadingLine:
    """A wall's reading as a line of the plan."""
    return ReadingLine(
        wall=reading.wall,
        name=reading.name,
        where=reading.where,
        value=reading.value,
        sense=reading.sense,
        limit=reading.limit,
        slack=reading.slack,
        unit=reading.unit,
        percentile=reading.percentile,
    )


def readings(answer: Answer, losses: list[Loss]) -> list[ReadingLine]:
    """Every reading of a plan, limits first."""
    points = _Points(answer)
    found = [
        *_caps(answer),
        *_rows(answer),
        *_losses(losses),
        *_demand(answer),
        *_replicas(answer, points),
        *_first_tokens(answer, points),
    ]
    return [line(reading) for reading in found]


def _caps(answer: Answer) -> list[Reading]:
    layout, found = answer.layout, []
    for limit, wall, account, unit in (
        ("budget", "capital", "usd_per_year", "USD/yr"),
        ("carbon", "sustainability", "kg_co2e_per_year", "kg CO2e/yr"),
        ("water", "sustainability", "litres_per_year", "l/yr"),
        ("energy", "sustainability", "kwh_per_year", "kWh/yr"),
    ):
        if account not in answer.accounts:
            continue
        value = answer.accounts[account]
        if limit == "carbon" and layout.include_embodied:
            value += answer.accounts["kg_co2e_embodied_per_year"]
        found.append(Reading(wall, limit, "year", value, "<=", layout.caps.get(limit), unit))
    return found


JOINED_BY = {"quota": " in "}
"""What joins the words that say where a limit holds."""
READ_ELSEWHERE = ("budget", "carbon", "water", "energy", "node_failure", "region_failure", "region_share", "mixed_itl")


def _rows(answer: Answer) -> list[Reading]:
    """Limits that are rows of their own: the row that comes nearest to its limit speaks for its block."""
    found = []
    for block in answer.program.blocks:
        if not block.limit or block.linking or block.name in READ_ELSEWHERE:
            continue
        activity = np.bincount(block.row, block.value * answer.x[block.col], minlength=block.size)
        upper = block.upper[0] < np.inf
        worst = int(np.argmax(activity)) if upper else int(np.argmin(activity))
        limit = float(block.upper[worst] if upper else block.lower[worst])
        sense: Sense = "<=" if upper else ">="
        scale = answer.layout.rate_unit if block.name == "spot_share" else 1.0
        name = block.name.replace("_", " ")
        where = JOINED_BY.get(block.name, " ").join(block.limit.removeprefix(name).split()) or "all"
        found.append(Reading(block.wall, name, where, float(activity[worst]) * scale, sense, limit * scale, block.unit))
    return found


def _losses(losses: list[Loss]) -> list[Reading]:
    return [
        Reading(
            "fragility",
            f"served after a {loss.what} loss",
            f"{loss.workload} without {loss.where} ({loss.slot})",
            loss.served_share,
            ">=",
            loss.required_share,
            "share of demand",
        )
        for loss in losses
    ]


def _demand(answer: Answer) -> list[Reading]:
    found = []
    for w, name in enumerate(answer.layout.workloads):
        asked = answer.layout.requests.demand[answer.layout.shapes_of[w]].sum(axis=(0, 1))
        served = dict.fromkeys(answer.layout.slots, 0.0)
        for flow in answer.flows:
            if flow.workload == name:
                served[flow.slot] += flow.requests_per_s
        t = int(asked.argmax())
        slot = answer.layout.slots[t]
        found.append(
            Reading("serving", "demand served", f"{name} ({slot})", served[slot], ">=", float(asked[t]), "requests/s")
        )
    return found


def _replicas(answer: Answer, points: _Points) -> list[Reading]:
    """Memory, ITL and load of every pool in use."""
    found, layout = [], answer.layout
    for v in answer.used_pools():
        w = int(layout.pools.workload[v])
        priced, row = answer.program.question.tables[w], int(layout.pools.candidate[v])
        workload, prices, where = priced.workload, priced.prices, answer.describe(v)
        room = float(prices.kv_capacity_bytes[row])
        together = priced.runs.batch[row] if len(workload.shapes) == 1 else 1
        need = float(prices.kv_bytes_per_request[row].max() * together)
        worst_token = float(prices.itl_p99_token_s[row].max())
        busiest = max(range(len(layout.slots)), key=lambda t: (answer.utilisation(v, t), answer.replicas(v, t)))
        load, usable = answer.utilisation(v, busiest), _usable(answer, v, busiest)
        there = points.itl_s(v)
        found += [
            Reading("memory", "KV cache", where, need / 1e9, "<=", room / 1e9, "GB"),
            *_itl(workload, where, prices, priced.itl_s[row], answer, v),
            *([Reading("serving", "ITL at its load", where, there, "<=", None, "s", "mean")] if there > 0.0 else []),
            Reading("serving", "ITL of a token", where, worst_token, "<=", None, "s", "P99"),
            Reading("tail_latency", "pool load", where, load, "<=", usable, "of its replicas"),
        ]
    return found


def _itl(workload: Workload, where: str, prices: Prices, itl: np.ndarray, answer: Answer, v: int) -> list[Reading]:
    """The ITL that the limit speaks of; over a mix of shapes, weighted by the tokens that each brings."""
    limit = workload.itl.limit_s if workload.itl else None
    percentile = (
        "mean" if workload.itl is None or workload.itl.percentile == "mean" else f"P{workload.itl.percentile:g}"
    )
    value = float(itl.max())
    if len(workload.shapes) > 1:
        t = max(range(len(answer.layout.slots)), key=lambda t: answer.load(v, t).sum())
        tokens = answer.load(v, t) * prices.decode_steps
        if tokens.sum() > 0:
            value = float((tokens * itl).sum() / tokens.sum())
        else:
            return []  # a spare pool: the ITL is that of the mix that is served, and there is none
    return [Reading("serving", "ITL", where, value, "<=", limit, "s", percentile)]


def _usable(answer: Answer, pool: int, slot: int) -> float:
    bands = answer.layout.bands
    rows = np.flatnonzero((bands.pool == pool) & ((bands.slot == slot) | (bands.slot == -1)))
    replicas = answer.replicas(pool, slot)
    return float((answer.x[bands.count_col[rows]] * bands.utilisation[rows]).sum() / replicas) if replicas else 0.0


def _first_tokens(answer: Answer, points: _Points) -> list[Reading]:
    """P50 and P99 of TTFT for every origin and region with traffic, network included; the slowest slot and pool."""
    scenario, layout = answer.program.question.scenario, answer.layout
    worst: dict[tuple[int, str, str, float], float] = {}
    for v in answer.used_pools():
        w, r = int(layout.pools.workload[v]), int(layout.pools.region[v])
        workload = answer.program.question.workloads[w]
        limit = workload.ttft
        asked = sorted({50.0, 99.0} | ({limit.percentile} if limit else set()))
        for t in range(len(layout.slots)):
            if not answer.load(v, t).sum():
                continue
            full = answer.utilisation(v, t) > NEARLY_FULL
            alone = {p: np.inf if full else points.first_token_s(v, t, p) for p in asked}
            for o, origin in enumerate(layout.origins):
                if layout.class_of[w, o, r] < layout.pools.latency_class[v] or not _has_flow(
                    answer, workload.name, origin, layout.regions[r], t
                ):
                    continue
                place = scenario.origins[origin]
                trip = scenario.catalog.round_trip(place.near, layout.regions[r]).p50_s
                for p in asked:
                    value = alone[p] + float(user_round_trip_s(trip, place.last_mile_s, p))
                    key = (w, origin, layout.regions[r], p)
                    worst[key] = max(worst.get(key, 0.0), value)
    found = []
    for (w, origin, region, p), value in worst.items():
        if np.isinf(value):
            continue  # a full pool that nobody limited: its waits have no bound, and the assumptions say so
        workload = answer.program.question.workloads[w]
        cap = workload.ttft.limit_s if workload.ttft and workload.ttft.percentile == p else None
        found.append(
            Reading("tail_latency", "TTFT", f"{workload.name}: {origin} -> {region}", value, "<=", cap, "s", f"P{p:g}")
        )
    return found


def _has_flow(answer: Answer, workload: str, origin: str, region: str, slot: int) -> bool:
    name = answer.layout.slots[slot]
    return any((f.workload, f.origin, f.region, f.slot) == (workload, origin, region, name) for f in answer.flows)


class _Points:
    """Pools at their own load; the steps of each candidate are priced once."""

    def __init__(self, answer: Answer) -> None:
        self._answer, self._known = answer, {}  # type: ignore[var-annotated]

    def _at(self, v: int) -> AtLoad:
        pools = self._answer.layout.pools
        key = int(pools.workload[v]), int(pools.candidate[v])
        if key not in self._known:
            self._known[key] = AtLoad(self._answer.program.question.tables[key[0]], key[1])
        return self._known[key]

    def first_token_s(self, v: int, t: int, percentile: float) -> float:
        """Percentile of the time to the first token in a slot, network excluded."""
        answer = self._answer
        load = answer.utilisation(v, t), answer.replicas(v, t), answer.load(v, t)
        return self._at(v).first_token_s(*load, percentile)

    def itl_s(self, v: int) -> float:
        """Mean time between tokens in the slot with most load; 0 where nothing is served."""
        answer = self._answer
        t = max(range(len(answer.layout.slots)), key=lambda t: (answer.utilisation(v, t), answer.replicas(v, t)))
        load = answer.utilisation(v, t), answer.replicas(v, t), answer.load(v, t)
        return self._at(v).itl_s(*load) if load[0] > 0.0 else 0.0
