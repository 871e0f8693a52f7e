"""The judge's own program: flows and loads at least cost, and nodes where keeping one on may beat starting it anew."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from optimizer.verify_bills import Bill, add_load, node_bill, totals, whole_bill
from optimizer.verify_judge_types import Counts, Judgement, Stock
from optimizer.verify_lp import INFINITE, SmallProgram
from optimizer.verify_nodes import NodeFacts
from optimizer.verify_routing import add_mix_rows
from optimizer.verify_today import Fates
from optimizer.verify_types import NodeKey, PoolKey

if TYPE_CHECKING:
    from optimizer.verify_judge import Judge

GOALS = {
    "cost": "usd_per_year",
    "carbon": "kg_co2e_per_year",
    "energy": "kwh_per_year",
    "water": "litres_per_year",
    "devices": "devices",
}
Nodes = dict[NodeKey, dict[str, int]]


class Routing:
    """Columns and rows of one judgement. Rates are in units of the largest demand."""

    def __init__(self, judge: Judge, counts: Counts, nodes: Nodes, fates: Fates | None = None) -> None:
        self.judge, self.world, self.nodes = judge, judge.world, nodes
        self.program = SmallProgram()
        self.scale = max(
            self.world.demand(name, s, origin, slot)
            for name, workload in judge.scenario.workloads.items()
            for s in range(len(workload.shapes))
            for origin in judge.scenario.origins
            for slot in self.world.slots
        )
        self.stocks: dict[str, list[Stock]] = {slot: judge.stocks(counts, slot) for slot in self.world.slots}
        self.hire_of: dict[PoolKey, NodeKey] = {
            key: NodeKey(key.region, key.offer, procurement) for key, procurement in counts
        }
        self.flows: dict[tuple[str, int, str, str, str], int] = {}
        self.loads: dict[tuple[PoolKey, int, str], int] = {}
        self.accounts: dict[str, dict[int, float]] = defaultdict(dict)
        self.constants = totals(whole_bill(self.world, nodes, fates))
        for slot in self.world.slots:
            for name in judge.scenario.workloads:
                self._route(name, slot)
        self._charge_loads()

    def _route(self, name: str, slot: str) -> None:
        """Demand, pools and latency classes of a workload in a slot."""
        world, program = self.world, self.program
        stocks = [stock for stock in self.stocks[slot] if stock.key.way.workload == name]
        shapes = range(len(self.judge.scenario.workloads[name].shapes))
        for stock in stocks:
            columns = [program.column() for _ in shapes]
            self.loads.update({(stock.key, s, slot): column for s, column in zip(shapes, columns, strict=True)})
            add_mix_rows(program, self.judge.server(stock), columns, self.scale)
        for s in shapes:
            for origin in self.judge.scenario.origins:
                demand = world.demand(name, s, origin, slot) / self.scale
                if demand > 0.0:
                    columns = self._flow_columns(name, s, origin, slot)
                    program.row(dict.fromkeys(columns, 1.0), demand, demand)
            for region in self.judge.scenario.regions:
                self._carry(name, s, region, slot, stocks)
        self._spot_share(name, slot, stocks)

    def _flow_columns(self, name: str, s: int, origin: str, slot: str) -> list[int]:
        columns = []
        for region in self.judge.scenario.regions:
            near = self.world.budget_s(name, origin, region) > 0.0
            if near and self.world.may_serve(name, origin, region):
                column = self.flows[name, s, origin, region, slot] = self.program.column()
                columns.append(column)
        return columns

    def _carry(self, name: str, s: int, region: str, slot: str, stocks: list[Stock]) -> None:
        """Pools carry what arrives, and origins with little time meet pools that are fast enough."""
        here = [stock for stock in stocks if stock.key.region == region]
        left = {origin: self.world.budget_s(name, origin, region) for origin in self.judge.scenario.origins}
        steps = sorted(set(left.values()))
        for step in steps:
            terms = {
                column: 1.0
                for (w, shape, origin, r, t), column in self.flows.items()
                if (w, shape, r, t) == (name, s, region, slot) and left[origin] <= step
            }
            for stock in here:
                if self.world.pool_budget_s(stock.key) <= step:
                    terms[self.loads[stock.key, s, slot]] = -1.0
            if terms:
                self.program.row(terms, lower=0.0 if step == steps[-1] else -INFINITE, upper=0.0)

    def _spot_share(self, name: str, slot: str, stocks: list[Stock]) -> None:
        spot = self.judge.scenario.procurement.spot
        shapes = range(len(self.judge.scenario.workloads[name].shapes))
        terms = {
            self.loads[stock.key, s, slot]: 1.0
            for stock in stocks
            if stock.key.offer.startswith("spot-")
            for s in shapes
        }
        if spot is not None and terms:
            asked = sum(self.world.demand(name, s, o, slot) for s in shapes for o in self.judge.scenario.origins)
            self.program.row(terms, upper=spot.max_share * asked / self.scale)

    def _charge_loads(self) -> None:
        """What each unit of load adds to the accounts."""
        for (key, s, slot), column in self.loads.items():
            bill: Bill = defaultdict(float)
            busy = self.scale / self.world.rates(key.way)[s]
            add_load(self.world, bill, self.hire_of[key], key.way.devices, busy, slot)
            for account, value in totals(bill).items():
                self.accounts[account][column] = value

    def keep_nodes_on(self) -> None:
        """Nodes that may stay on between slots, where starting them costs: columns above the fewest that are needed."""
        spare: dict[tuple[str, str, str], dict[int, float]] = defaultdict(dict)
        for hire, needed in self.nodes.items():
            facts = self.world.node(hire)
            assert isinstance(facts, NodeFacts)
            if facts.timed and facts.startup_h > 0.0 and len(set(needed.values())) > 1:
                for slot, column in self._kept(hire, facts, needed).items():
                    spare[hire.region, facts.accelerator, slot][column] = float(facts.devices)
        for (region, accelerator, slot), terms in spare.items():
            used = 0
            for hire, needed in self.nodes.items():
                facts = self.world.node(hire)
                assert isinstance(facts, NodeFacts)
                if (hire.region, facts.accelerator) == (region, accelerator):
                    used += facts.devices * needed[slot]
            self.program.row(terms, upper=self.world.quota(region, accelerator) - used)

    def _kept(self, hire: NodeKey, facts: NodeFacts, needed: dict[str, int]) -> dict[str, int]:
        """A column of further nodes in each slot, charged like needed ones, with start-ups counted anew."""
        most = max(needed.values())
        kept = {slot: self.program.column(0.0, most - needed[slot], integer=True) for slot in self.world.slots}
        for (account, part, *_), value in node_bill(self.world, {hire: needed}).items():
            if part == "start-up":
                self.constants[account] -= value
        for slot in self.world.slots:
            one = node_bill(self.world, {hire: {other: int(other == slot) for other in self.world.slots}})
            for account, value in totals({key: v for key, v in one.items() if key[1] != "start-up"}).items():
                self.accounts[account][kept[slot]] = value
            start, before = self.program.column(), self.world.before[slot]
            terms = {start: 1.0, kept[slot]: -1.0, kept[before]: 1.0}
            self.program.row(terms, lower=needed[slot] - needed[before])
            self.accounts["usd_per_year"][start] = facts.usd_per_hour * facts.startup_h * self.world.days[slot]
        return kept

    def limit(self) -> None:
        """Caps of the accounts and the fewest regions."""
        limits = self.judge.scenario.limits
        carbon = ["kg_co2e_per_year"] + (["kg_co2e_embodied_per_year"] if limits.include_embodied else [])
        for names, cap in (
            (["usd_per_year"], limits.budget_usd_per_year),
            (carbon, limits.carbon_kg_per_year),
            (["litres_per_year"], limits.water_litres_per_year),
            (["kwh_per_year"], limits.energy_kwh_per_year),
        ):
            if cap is not None:
                terms, constant = self.total(*names)
                if terms:
                    self.program.row(terms, upper=cap - constant)
                elif constant > cap:
                    self.program.row({self.program.column(upper=0.0): 1.0}, lower=1.0)
        if (limits.min_regions or 1) > 1:
            self._fewest_regions(limits.min_regions or 1, limits.min_region_share)

    def _fewest_regions(self, fewest: int, share: float) -> None:
        hours = self.world.hours
        served: dict[str, dict[int, float]] = {region: {} for region in self.judge.scenario.regions}
        for (_, _, _, region, slot), column in self.flows.items():
            served[region][column] = hours[slot]
        asked = sum(
            self.world.demand(name, s, origin, slot) / self.scale * hours[slot]
            for name, workload in self.judge.scenario.workloads.items()
            for s in range(len(workload.shapes))
            for origin in self.judge.scenario.origins
            for slot in self.world.slots
        )
        counts, standing = {}, {hire.region for hire in self.nodes}
        for region, terms in served.items():
            if len(standing) == fewest:  # then each of them must count, and nothing is left to choose
                if region in standing:
                    self.program.row(terms, lower=share * asked)
                continue
            used = self.program.column(0.0, 1.0, integer=True)
            counts[used] = 1.0
            self.program.row({**terms, used: -share * asked}, lower=0.0)
        if counts:
            self.program.row(counts, lower=fewest)

    def total(self, *names: str) -> tuple[dict[int, float], float]:
        """Terms and constant of a sum of accounts."""
        terms: dict[int, float] = defaultdict(float)
        for name in names:
            for column, value in self.accounts[name].items():
                terms[column] += value
        return dict(terms), sum(self.constants[name] for name in names)


def cheapest(judge: Judge, counts: Counts, nodes: Nodes, fates: Fates | None = None) -> Judgement:
    """The cheapest routing of a fleet whose supply and losses hold; `fates` say what became of today's."""
    routing = Routing(judge, counts, nodes, fates)
    routing.keep_nodes_on()
    routing.limit()
    objective = judge.scenario.objective
    terms, constant = routing.total(GOALS[objective.account])
    if objective.account == "cost" and objective.carbon_usd_per_kg:
        carbon, fixed = routing.total("kg_co2e_per_year")
        constant += objective.carbon_usd_per_kg * fixed
        for column, value in carbon.items():
            terms[column] = terms.get(column, 0.0) + objective.carbon_usd_per_kg * value
    point = routing.program.minimum(terms)
    if point is None:
        return Judgement(False, why="no routing holds the limits", nodes=nodes)
    accounts = {}
    for name in routing.constants:
        each, base = routing.total(name)
        accounts[name] = base + sum(value * point.columns[column] for column, value in each.items())
    return Judgement(True, point.value + constant, accounts, nodes)
