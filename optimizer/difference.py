"""Two plans laid side by side: money, carbon, latency, nodes, limits and flows, as data."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Literal

from optimizer.effects import without_dust
from optimizer.plan import ConflictMember, Interval, NodeLine, Part, Plan, ReadingLine, Status
from optimizer.plan_binding import NodeChange
from optimizer.program import UNITS

SMALLEST_SHARE = 1e-6
"""Changes below this part of the whole are the solver's dust."""


class Side(Part):
    """What is to be known of one plan beside its difference."""

    scenario: str
    title: str
    status: Status
    verified: bool
    usd_per_year: float | None
    kg_co2e_per_year: float | None
    gap: float | None
    confidence: float | None
    nodes: int
    conflict: list[ConflictMember]


class AccountChange(Part):
    """One account on both sides."""

    account: str
    unit: str
    before: float
    after: float
    change: Interval
    """Of the objective what the two gaps leave open; of every other account the difference of the two fleets."""
    resolved: bool
    """False where the change is smaller than the two gaps can tell apart."""


class PartChange(Part):
    """One part of the bill of an account, over all regions."""

    account: str
    part: str
    before: float
    after: float


class Moves(Part):
    """Whole nodes between the two fleets, matched within each accelerator."""

    moved: int
    """Lost in one place and gained in another."""
    added: int
    removed: int
    held_otherwise: int
    """In the same region, under another procurement or as another node type."""


class LatencyChange(Part):
    """The slowest reading of a workload on both sides, s."""

    workload: str
    name: Literal["TTFT", "ITL"]
    percentile: str
    before_s: float | None
    after_s: float | None


class LimitChange(Part):
    """The tightest reading of one limit on both sides; None where one side has none."""

    wall: str
    name: str
    where: str
    percentile: str
    unit: str
    sense: Literal["<=", ">=", "=="]
    before: float | None
    limit_before: float | None
    after: float | None
    limit_after: float | None


class ServedChange(Part):
    """Requests a second from an origin to a region, in the slot with most."""

    workload: str
    origin: str
    region: str
    before_requests_per_s: float
    after_requests_per_s: float


class Difference(Part):
    """What changes from one plan to another."""

    before: Side
    after: Side
    notes: list[str]
    """Why the two are not alike in what they answer."""
    resolved: bool | None
    """Whether the objective changes by more than the two gaps; None where the two cannot be compared by it."""
    accounts: list[AccountChange]
    moves: Moves | None
    nodes: list[NodeChange]
    latency: list[LatencyChange]
    parts: list[PartChange]
    limits: list[LimitChange]
    """Limits of the user's and of physics whose value or limit changes."""
    readings: list[LimitChange]
    """What is read without being limited, where it changes."""
    served: list[ServedChange]

    def account(self, name: str) -> AccountChange | None:
        """The change of one account; None where one side has none."""
        return next((line for line in self.accounts if line.account == name), None)


def difference(before: Plan, after: Plan, at_least: float | None = None, at_most: float | None = None) -> Difference:
    """What changes from one plan to another.

    `at_least`, `at_most`: what is known beforehand of the change of the objective, where one question holds the other.
    """
    both = before.fleet is not None and after.fleet is not None
    limits = _limits(before, after) if both else []
    comparable = both and _goal(before) == _goal(after) and before.objective is not None
    interval = _objective(before, after, at_least, at_most) if comparable else None
    return Difference(
        before=_side(before),
        after=_side(after),
        notes=_notes(before, after),
        resolved=_resolved(interval) if interval else None,
        accounts=_accounts(before, after, interval) if both else [],
        moves=_moves(before, after) if both else None,
        nodes=node_changes(before.nodes, after.nodes) if both else [],
        latency=_latency(before, after) if both else [],
        parts=_parts(before, after) if both else [],
        limits=[line for line in limits if line.limit_before is not None or line.limit_after is not None],
        readings=[line for line in limits if line.limit_before is None and line.limit_after is None],
        served=_served(before, after) if both else [],
    )


def _side(plan: Plan) -> Side:
    return Side(
        scenario=plan.scenario,
        title=plan.title,
        status=plan.status,
        verified=plan.verified,
        usd_per_year=plan.accounts.get("usd_per_year"),
        kg_co2e_per_year=plan.accounts.get("kg_co2e_per_year"),
        gap=plan.gap,
        confidence=plan.confidence,
        nodes=sum(line.nodes for line in plan.nodes),
        conflict=plan.conflict,
    )


def _goal(plan: Plan) -> str:
    return plan.objective.account if plan.objective else ""


def _notes(before: Plan, after: Plan) -> list[str]:
    pairs: list[tuple[str, object, object]] = [
        ("carbon basis", before.carbon_basis, after.carbon_basis),
        ("confidence", before.confidence, after.confidence),
        ("catalog", before.lock.catalog_sha256[:12], after.lock.catalog_sha256[:12]),
        ("version of argosy", before.lock.argosy, after.lock.argosy),
    ]
    if before.objective and after.objective:
        pairs.insert(0, ("objective", _goal(before), _goal(after)))
    return [f"another {what}: {old or 'none'} -> {new or 'none'}" for what, old, new in pairs if old != new]


def _objective(before: Plan, after: Plan, at_least: float | None, at_most: float | None) -> Interval | None:
    """What the two gaps leave open of the objective's change."""
    was, now = before.objective, after.objective
    if not (was and now and before.bound and after.bound) or was.value is None or now.value is None:
        return None
    # The status says that no bound is known where the solver was stopped before it had one.
    low = (after.bound.value if after.bound.value is not None else float("-inf")) - was.value
    high = now.value - (before.bound.value if before.bound.value is not None else float("-inf"))
    low = low if at_least is None else max(low, at_least)
    high = high if at_most is None else min(high, at_most)
    return without_dust((low, max(low, high)), was.value)


def _resolved(change: Interval) -> bool:
    return change[0] > 0 or change[1] < 0 or change[0] == change[1]


def _accounts(before: Plan, after: Plan, interval: Interval | None) -> list[AccountChange]:
    found = []
    for account, was in before.accounts.items():
        if account not in after.accounts:
            continue
        now = after.accounts[account]
        change = without_dust((now - was, now - was), was)
        if interval is not None and account == _goal(before) and _is_the_goal(before) and _is_the_goal(after):
            change = interval
        line = AccountChange(
            account=account,
            unit=UNITS.get(account, ""),
            before=was,
            after=now,
            change=change,
            resolved=_resolved(change),
        )
        found.append(line)
    return found


def _is_the_goal(plan: Plan) -> bool:
    """Whether the objective is its account: a price on carbon is not, a tie-break of some dollars is."""
    assert plan.objective is not None and plan.objective.value is not None
    value = plan.accounts[plan.objective.account]
    return abs(plan.objective.value - value) <= 1e-4 * max(abs(value), 1e-9)


def node_changes(before: Iterable[NodeLine], after: Iterable[NodeLine]) -> list[NodeChange]:
    """Nodes whose number differs between two fleets, by region."""
    sides = list(before), list(after)
    lines = {(n.region, n.offer, n.accelerator, n.procurement): [0, 0] for n in [*sides[0], *sides[1]]}
    for side, nodes in enumerate(sides):
        for line in nodes:
            lines[line.region, line.offer, line.accelerator, line.procurement][side] += line.nodes
    return [
        NodeChange(region=region, offer=offer, accelerator=name, procurement=how, before=was, after=now)
        for (region, offer, name, how), (was, now) in sorted(lines.items())
        if was != now
    ]


def _moves(before: Plan, after: Plan) -> Moves:
    """Of each accelerator: what stays in its region is held otherwise, what does not moves, the rest comes or goes."""
    by_region: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    for line in node_changes(before.nodes, after.nodes):
        change = line.after - line.before
        by_region[line.accelerator][line.region][0 if change > 0 else 1] += abs(change)
    otherwise = moved = added = removed = 0
    for regions in by_region.values():
        otherwise += sum(min(gained, lost) for gained, lost in regions.values())
        gained = sum(max(up - down, 0) for up, down in regions.values())
        lost = sum(max(down - up, 0) for up, down in regions.values())
        moved += min(gained, lost)
        added += gained - min(gained, lost)
        removed += lost - min(gained, lost)
    return Moves(moved=moved, added=added, removed=removed, held_otherwise=otherwise)


def _latency(before: Plan, after: Plan) -> list[LatencyChange]:
    """The slowest of each workload, by percentile; the ITL is the one that the limit speaks of."""

    def slowest(plan: Plan) -> dict[tuple[str, str, str], float]:
        found: dict[tuple[str, str, str], float] = {}
        for line in plan.readings:
            if line.name in ("TTFT", "ITL"):
                key = (line.name, line.percentile, _workload(line))
                found[key] = max(found.get(key, 0.0), line.value)
        return found

    was, now = slowest(before), slowest(after)
    return [
        LatencyChange(workload=work, name=name, percentile=of, before_s=was.get(key), after_s=now.get(key))  # type: ignore[arg-type]
        for key in dict.fromkeys([*was, *now])
        for name, of, work in [key]
    ]


def _workload(line: ReadingLine) -> str:
    """Latency is read at `chat: virginia -> aws/us-east-1` and at `chat in aws/us-east-1: ...`."""
    return line.where.split(": ")[0].split(" in ")[0]


def _parts(before: Plan, after: Plan) -> list[PartChange]:
    """By account and part over all regions; an account that one side does not know has no parts."""
    sums: dict[tuple[str, str], list[float]] = {}
    for side, plan in enumerate((before, after)):
        for charge in plan.charges:
            if charge.account not in before.accounts or charge.account not in after.accounts:
                continue
            sums.setdefault((charge.account, charge.part), [0.0, 0.0])[side] += charge.value
    return [
        PartChange(account=account, part=part, before=was, after=now) for (account, part), (was, now) in sums.items()
    ]


def _limits(before: Plan, after: Plan) -> list[LimitChange]:
    """Of each limit the reading that comes nearest, pools of a workload and losses together."""
    was, now = _tightest(before.readings), _tightest(after.readings)
    found = []
    for key in dict.fromkeys([*was, *now]):
        old, new = was.get(key), now.get(key)
        known = old or new
        assert known is not None
        if old and new and _same(old.value, new.value) and _same(old.limit, new.limit):
            continue
        if not (old and new) and (known.limit is None or (known.name == "quota" and not known.value)):
            continue
        wall, name, where, percentile = key
        line = LimitChange(
            wall=wall,
            name=name,
            where=where,
            percentile=percentile,
            unit=known.unit,
            sense=known.sense,
            before=old.value if old else None,
            limit_before=old.limit if old else None,
            after=new.value if new else None,
            limit_after=new.limit if new else None,
        )
        found.append(line)
    return found


def _same(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) <= SMALLEST_SHARE * max(abs(one), abs(other))


def _tightest(lines: Iterable[ReadingLine]) -> dict[tuple[str, str, str, str], ReadingLine]:
    found: dict[tuple[str, str, str, str], ReadingLine] = {}
    for line in lines:
        key = (line.wall, line.name, _scope(line.where), line.percentile)
        if key not in found or _left(line) < _left(found[key]):
            found[key] = line
    return found


def _left(line: ReadingLine) -> float:
    """Slack as a part of the limit; of what is not limited, the largest value comes first."""
    if line.slack is None or not line.limit:
        return -line.value if line.sense == "<=" else line.value
    return line.slack / abs(line.limit)


def _scope(where: str) -> str:
    """What two plans have in common of a reading's place: the workload and origin, not the pool or the node."""
    for mark in (" without ", " -> "):
        if mark in where:
            return where.split(mark)[0]
    return where.split(" in ")[0] if ": " in where else where


def _served(before: Plan, after: Plan) -> list[ServedChange]:
    def most(plan: Plan) -> dict[tuple[str, str, str], float]:
        by_slot: dict[tuple[str, str, str, str], float] = defaultdict(float)
        for flow in plan.flows:
            by_slot[flow.workload, flow.origin, flow.region, flow.slot] += flow.requests_per_s
        found: dict[tuple[str, str, str], float] = defaultdict(float)
        for (*where, _), value in by_slot.items():
            key = (where[0], where[1], where[2])
            found[key] = max(found[key], value)
        return found

    was, now = most(before), most(after)
    return [
        ServedChange(
            workload=key[0],
            origin=key[1],
            region=key[2],
            before_requests_per_s=was.get(key, 0.0),
            after_requests_per_s=now.get(key, 0.0),
        )
        for key in sorted({*was, *now})
    ]
