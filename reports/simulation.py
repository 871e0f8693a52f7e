"""What a simulation says: whether the plan holds when it is played, and each figure beside the promised one."""

from __future__ import annotations

import math

from optimizer.simulate_types import WAITING, Case, Estimate, Group, Simulation, Verdict
from reports.content import Bullets, Content, Paragraph, Section, Table, columns, section
from reports.words import count, number, percent, plain, rate, sentence, spoken, together


def simulation(found: Simulation) -> Content:
    """The whole report."""
    whole = next((case for case in found.cases if case.what == "whole"), None)
    sections = [_latency(case) for case in ([whole] if whole else [])]
    sections += [_pools(whole) if whole else None, _verdicts(found), _losses(found), _how(found)]
    return Content(
        f"{found.title or found.scenario}, played request by request",
        sentence(_headline(found)),
        "good" if found.holds else "bad",
        tuple(each for each in sections if each is not None),
    )


def _headline(found: Simulation) -> str:
    broken = [(case, each) for case in found.cases for each in case.verdicts if not each.holds]
    case = found.cases[0]
    size = f"{count(sum(each.requests for each in case.groups if each.what == 'workload'), 'measured request')}"
    played = f"{number(case.served_requests_per_s.value, 4)} requests/s served over {size}"
    played += f" and {count(len(found.seeds), 'seed')}"
    if not broken:
        losses = len(found.cases) - (found.cases[0].what == "whole")
        after = f", and after {count(losses, 'loss', 'losses')} for whoever is let in" if losses else ""
        return f"the plan holds when it is played: {played}, every limit kept{after}"
    worst, verdict = broken[0]
    where = f" after losing {worst.where}" if worst.where else ""
    return f"the plan does not hold when it is played{where}: {_says(verdict)}; {played}"


def _says(verdict: Verdict) -> str:
    value, limit = together(verdict.unit, [verdict.value.value, verdict.limit], 4)
    if verdict.sense == ">=":
        return f"{value} of {verdict.workload} can be let in, at least {limit} is asked for"
    if verdict.what == WAITING:
        grows, most = (number(each, 3) for each in (verdict.value.value, verdict.limit))
        return f"those of {verdict.workload} who wait for a slot grow by {grows} a second, at most {most} may"
    return f"{verdict.what} of {verdict.workload} is {value}, at most {limit} is allowed"


def _with(unit: str, estimates: list[Estimate], digits: int = 3) -> list[str]:
    """Values with the half-width of their confidence interval behind them."""
    values = together(unit, [each.value for each in estimates], digits)
    largest = max((each.value for each in estimates), default=1.0)
    found = []
    for text, each in zip(values, estimates, strict=True):
        show = each.half_width is not None and largest > 0
        share = percent(_seen(each.half_width / each.value), 2) if show and each.half_width and each.value else ""
        found.append(f"{text} ± {share}" if share else text)
    return found


def _seen(share: float) -> float:
    """What is left of rounding in the sums is no deviation."""
    return share if share >= 1e-6 else 0.0


def _latency(case: Case) -> Section | None:
    """TTFT, ITL and end to end of each workload and route."""
    parts: list[Table] = []
    there = [group for group in case.groups if group.what != "pool"]
    body = []
    for group in there:
        values = _with("s", [group.ttft.p50, group.ttft.p90, group.ttft.p99])
        promised = together("s", [group.promised_ttft_p50_s, group.promised_ttft_p99_s])
        bound = group.promised_ttft_p99_s
        ratio = number(group.ttft.p99.value / bound, 3) if bound and math.isfinite(bound) else ""
        body.append((plain(group.name), *values, *promised, ratio))
    heads = columns("requests_", ">P50", ">P90?", ">P99", ">P50 promised?", ">P99 promised", ">P99 ratio")
    parts.append(Table(heads, tuple(body), None, "Time to the first token, network included"))
    body = [
        (plain(group.name), *_itl_cells(group), *_with("s", [group.end_to_end.p50, group.end_to_end.p99]))
        for group in there
    ]
    heads = columns(
        "requests_", ">ITL mean", ">ITL P99", ">mean promised", ">mean ratio", ">end to end P50?", ">end to end P99?"
    )
    parts.append(Table(heads, tuple(body), None, "Time between tokens of a request, and from arrival to the last one"))
    return section("latency", "Latency, simulated and promised", parts)


def _itl_cells(group: Group) -> tuple[str, str, str, str]:
    if group.itl is None or not group.promised_itl_s:
        return ("none", "", "", "")
    mean, p99 = _with("s", [group.itl.mean, group.itl.p99], 4)
    promised = together("s", [group.promised_itl_s], 4)[0]
    return (mean, p99, promised, number(group.itl.mean.value / group.promised_itl_s, 3))


def _pools(case: Case) -> Section | None:
    body = []
    for group in case.groups:
        if group.what != "pool" or group.slots_used is None or group.prefill_share is None:
            continue
        simulated, promised = together("s", [group.ttft.p99.value, group.promised_ttft_p99_s])
        body.append(
            (
                plain(group.name),
                str(group.replicas),
                rate(group.requests_per_s.value),
                percent(group.load or 0.0, 3),
                percent(group.slots_used.value, 3),
                percent(group.prefill_share.value, 3),
                simulated,
                promised,
            )
        )
    heads = columns(
        "pool_", ">replicas?", ">load", ">of full rate?", ">slots used", ">prefill", ">TTFT P99", ">promised"
    )
    caption = "TTFT without the network; load as the walls count it, slots and prefill as they were used"
    return section("pools", "Pools", [Table(heads, tuple(body), None, caption)] if body else [])


def _verdicts(found: Simulation) -> Section | None:
    body = []
    for case in found.cases:
        if case.what != "whole":
            continue
        for each in case.verdicts:
            value, limit = together("s" if each.unit == "s" else "", [each.value.value, each.limit], 4)
            what = f"{each.workload}: {spoken(each.what) if each.what == WAITING else each.what}"
            body.append((what, value, limit, "holds" if each.holds else "broken"))
        good = number(case.goodput_requests_per_s.value, 5)
        body.append(("goodput, requests/s", good, "", "of " + number(case.admitted_requests_per_s, 5)))
    return section(
        "verdicts",
        "What was asked",
        [Table(columns("limit_", ">simulated", ">at most", ""), tuple(body))] if body else [],
    )


def _losses(found: Simulation) -> Section | None:
    """Each loss in a line."""
    body = []
    for case in found.cases:
        if case.what == "whole":
            continue
        limits: dict[str, float] = {}
        for each in case.verdicts:
            if each.unit == "s" and (each.what not in limits or each.value.value > limits[each.what]):
                limits[each.what] = each.value.value
        body.append(
            (
                f"{case.what} {plain(case.where)}: {plain(case.lost)}",
                rate(case.admitted_requests_per_s),
                rate(case.served_requests_per_s.value),
                rate(case.goodput_requests_per_s.value),
                ", ".join(f"{name} {together('s', [value])[0]}" for name, value in limits.items()),
                "holds" if case.holds else "broken",
            )
        )
    heads = columns("lost_", ">let in", ">served", ">good", "latency?", "")
    caption = "Gone all the time, the rest routed anew; what does not fit inside the limits is turned away"
    if found.lost_from_s is not None:
        until = "" if found.lost_until_s is None else f" and back after {number(found.lost_until_s, 4)} s"
        restarts = sum(case.restarts for case in found.cases)
        caption = f"Lost after {number(found.lost_from_s, 4)} s{until}; {count(restarts, 'request')} began again"
    return section("losses", "After a loss", [Table(heads, tuple(body), None, caption)] if body else [])


def _how(found: Simulation) -> Section | None:
    seeds = f"seeds {found.seeds[0]} to {found.seeds[-1]}" if len(found.seeds) > 1 else f"seed {found.seeds[0]}"
    speed = found.played_requests / found.cpu_s if found.cpu_s > 0 else 0.0
    says = [
        f"Slot {found.slot}; arrivals: {found.arrivals}; {seeds}; a request goes to the replica that is "
        f"{found.dispatch.replace('_', ' ')}.",
        f"Answers are {_spread(found)}.",
        f"{number(found.warm_up_s, 3)} s of warm-up, then {number(found.measured_s, 4)} s measured.",
        f"{count(found.played_requests, 'request')} played in {number(found.cpu_s, 3)} s of processor time: "
        f"{number(speed, 2)} a second.",
        *found.declared,
    ]
    width = "± is half of a 95 % confidence interval over the seeds." if len(found.seeds) > 1 else ""
    return section("how", "How it was played", [Bullets(tuple(says)), *([Paragraph(width)] if width else [])])


def _spread(found: Simulation) -> str:
    return f"up to {percent(found.spread)} shorter or longer than planned" if found.spread else "as long as planned"
