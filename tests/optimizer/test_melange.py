"""Mélange's published example: the least cost at seven rates, against its values and against enumeration."""

from __future__ import annotations

import io
import itertools

import pytest

import scenarios
from optimizer import solve
from reports.markdown import markdown
from reports.report import report
from reports.text import console, show

# Requests/s -> dollars an hour. At 30 the A100 is exactly full.
OPTIMA = {1: 1.01, 4: 2.02, 8: 3.67, 30: 4.68, 32: 5.69, 64: 11.01, 128: 18.35}
KINDS = ("small-small", "small-large", "large-small", "large-large")
SHARES = (0.2, 0.1, 0.5, 0.2)
A10G, A100 = (2, 1, 5, 2), (20, 20, 40, 20)
MELANGE = scenarios.load("melange")


def at(rate: float) -> scenarios.Scenario:
    return MELANGE.replace("workloads.chat.demand.users", f"{rate}/s")


def can_serve(small: int, large: int, rate: float) -> bool:
    """Whether so many A10G and A100 keep up, requests routed in any parts: those that the A10G is best at go there."""
    left = float(small)
    busy = 0.0
    for k in sorted(range(4), key=lambda k: A100[k] / A10G[k]):
        load = rate * SHARES[k]
        there = min(left * A10G[k], load)
        left -= there / A10G[k]
        busy += (load - there) / A100[k]
    return busy <= large + 1e-9


def least(rate: float) -> float:
    """Dollars an hour by enumeration."""
    fleets = itertools.product(range(int(rate) + 2), range(8))
    return min(small * 1.01 + large * 3.67 for small, large in fleets if can_serve(small, large, rate))


@pytest.mark.parametrize(("rate", "usd_per_hour"), OPTIMA.items())
def test_the_published_optimum(rate: int, usd_per_hour: float) -> None:
    plan = solve(at(rate), binding=False)
    assert plan.status == "optimal" and plan.verified
    assert plan.accounts["usd_per_year"] / 8760 == pytest.approx(usd_per_hour, rel=1e-6)
    assert least(rate) == pytest.approx(usd_per_hour, rel=1e-9)


@pytest.mark.parametrize("rate", [2, 13, 29.9, 30.1, 45])
def test_other_rates_equal_enumeration(rate: float) -> None:
    plan = solve(at(rate), binding=False)
    assert plan.accounts["usd_per_year"] / 8760 == pytest.approx(least(rate), rel=1e-6)


def test_the_routing_is_one_that_the_devices_keep_up_with() -> None:
    plan = solve(at(32), binding=False)
    served = {line.accelerator: line.by_slot[0].requests_per_s for line in plan.lines}
    counts = {line.accelerator: line.replicas for line in plan.lines}
    assert counts == {"a10g": 2, "a100-80": 1}
    for kind, share in zip(KINDS, SHARES, strict=True):
        assert sum(loads[kind] for loads in served.values()) == pytest.approx(32 * share)
    for name, rates in (("a10g", A10G), ("a100-80", A100)):
        busy = sum(served[name][kind] / one for kind, one in zip(KINDS, rates, strict=True))
        assert busy <= counts[name] * (1 + 1e-6)
    # What the A10G does best against the A100 is what it gets.
    assert served["a10g"]["large-small"] > 0
    assert served["a10g"]["small-large"] == pytest.approx(0, abs=1e-6)


def test_the_report_says_who_serves_what_and_that_rates_are_measured() -> None:
    plan = solve(at(30), binding=False)
    assert {line.basis for line in plan.lines} == {"measured"}
    content = report(plan, at(30))
    stream = io.StringIO()
    show(content, console(stream, 120))
    for written in (stream.getvalue(), markdown(content)):
        assert "66.7 % A100-80 and 33.3 % A10G" in written
        assert "measured" in written and "arXiv:2404.14527" in written
    assert not [line for line in plan.readings if line.name == "TTFT"]  # unbounded in a full pool, and not limited
    assert any("no bound" in entry.value for entry in plan.assumptions)
