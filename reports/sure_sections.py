"""How sure the predictions are: the band of each, what no measured row stands behind, and what a confidence costs."""

from __future__ import annotations

from collections import defaultdict

from optimizer.plan import FleetLine, Insurance, Plan
from reports.content import Bullets, Column, Paragraph, Section, Table, columns, section
from reports.summary import effect
from reports.words import count, device, money, number, percent, plain, span, together

_SUGGESTED = 0.9


def sure(plan: Plan) -> Section | None:
    """The bands of ITL and first token, the gaps in what was measured, and the price of planning for the slow end."""
    parts = [_bands(plan), *_unmeasured(plan), _confidence(plan), _suggestion(plan)]
    return section("sure", "How sure the predictions are", parts) if any(parts) else None


def _ways(plan: Plan) -> dict[str, FleetLine]:
    """One line of each way of running."""
    many = len({line.workload for line in plan.lines}) > 1
    found: dict[str, FleetLine] = {}
    for line in plan.lines:
        parallel = f"TP {line.tensor_parallel}"
        parallel += f" PP {line.pipeline_parallel}" if line.pipeline_parallel > 1 else ""
        parallel += f" EP {line.expert_parallel}" if line.expert_parallel > 1 else ""
        name = f"{device(line.accelerator)} {line.precision} / {line.kv_precision} {parallel} batch {line.batch:,}"
        found.setdefault(f"{line.workload}: {name}" if many else name, line)
    return found


def _bands(plan: Plan) -> Table | None:
    rows = []
    for name, line in _ways(plan).items():
        if line.itl_s is None or line.ttft_s is None or line.itl_band_s is None or line.ttft_band_s is None:
            continue
        itl, *itl_ends = together("s", [line.itl_s, *line.itl_band_s])
        ttft, *ttft_ends = together("s", [line.ttft_s, *line.ttft_band_s])
        rows.append((plain(name), itl, span(*itl_ends), ttft, span(*ttft_ends)))
    headings: tuple[Column, ...] = columns("way of running", ">ITL", ">band", ">first token", ">band")
    caption = "Predicted mean ITL and unhindered first token, and where nine in ten measured ones would lie"
    return Table(headings, tuple(rows), None, caption) if rows else None


def _unmeasured(plan: Plan) -> list[Paragraph | Bullets]:
    found: dict[str, None] = dict.fromkeys(says for line in plan.lines for says in line.unmeasured)
    return [Paragraph("They lean on physics where nothing was measured:"), Bullets(tuple(found))] if found else []


def _confidence(plan: Plan) -> Paragraph | None:
    if plan.confidence is None:
        return None
    planned = f"Planned for predictions that hold in {percent(plan.confidence, 3)} of the cases, each at its slow end"
    if plan.insurance is None:
        return Paragraph(f"{planned}. What that costs was not looked into.")
    return Paragraph(f"{planned}. {_insurance(plan.insurance)}")


def _insurance(found: Insurance) -> str:
    without = "without it"
    if found.usd_per_year_without is None:
        why = {"infeasible": "nothing fits either", "no_candidate": "nothing can run it either"}
        return f"Even {without} {why.get(found.status_without, 'no fleet was found in the time allowed')}."
    bill = f"{money(found.usd_per_year_without)} a year"
    if found.usd_per_year_change is None or found.kg_co2e_per_year_change is None:
        return f"Nothing fits with it; {without} {count(found.nodes_without, 'node')} for {bill} would do."
    cost = effect(found.usd_per_year_change, "USD")
    cost = cost.replace("no change", "costs no more")
    carbon = effect(found.kg_co2e_per_year_change, "kg", costs="adds").replace("no change", "adds no")
    nodes = f"{without} {count(found.nodes_without, 'node')} instead of {found.nodes:,} would do, for {bill}"
    if not found.resolved:
        return f"What that insurance costs is not resolved: the two gaps leave {cost} a year open ({nodes})."
    if found.usd_per_year_change == found.kg_co2e_per_year_change == (0.0, 0.0):
        return f"That insurance costs nothing: {nodes}."
    return f"That insurance {cost} and {carbon} CO2e a year: {nodes}."


def _suggestion(plan: Plan) -> Paragraph | None:
    """What the slow end would do to this fleet, from the bands alone: nothing is solved for it."""
    lines = [line for line in plan.lines if line.itl_s and line.itl_band_s is not None]
    if plan.confidence is not None or not lines or len(lines) < len(plan.lines):
        return None
    from physics.bands import quantile

    could: dict[str, float] = defaultdict(float)
    load: dict[str, float] = defaultdict(float)
    slowest = 0.0
    for line in lines:
        assert line.itl_s is not None and line.itl_band_s is not None
        slower = quantile(line.itl_band_s[1] / line.itl_s, _SUGGESTED)
        could[line.workload] += line.capacity_requests_per_s / slower
        load[line.workload] += line.requests_per_s
        slowest = max(slowest, line.itl_s * slower)
    share = min((could[name] / load[name] for name in load if load[name] > 0), default=1.0)
    served = "still serve all of its load" if share >= 1 else f"serve about {number(100 * share, 2)} % of its load"
    itl = together("s", [slowest])[0]
    return Paragraph(
        f"Planned with the middle of each prediction. At the slow ends that hold in {percent(_SUGGESTED)} of the cases "
        f"this fleet would {served}, at a mean ITL of up to {itl}; --confidence {_SUGGESTED:g} plans for that."
    )
