"""A plan as tables and DataFrames adds up to its accounts, and shows itself without taking names for markup."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from optimizer.plan import Charge, Plan
from reports import frames as framed
from reports.frames import frames
from reports.plan_tables import bill, tables
from tests.reports import plans

KEYS = (
    *("summary", "fleet", "slots", "nodes", "node_slots", "placement", "flows", "bill", "readings", "losses"),
    *("binding", "conflict", "repairs", "rejected", "gated", "assumptions", "lock"),
)
HOSTILE = "=cmd|' /C calc'!A1 <script>alert(1)</script> [bold]x[/] | `y` \x1b[31m"


@pytest.mark.parametrize("name", ["capstone", "melange"])
def test_frames_add_up_to_the_accounts(name: str, shipped_plan: Callable[[str], Plan]) -> None:
    plan = shipped_plan(name)
    found = frames(plan)
    charged = found["bill"].select_dtypes("number").sum()
    for account, value in plan.accounts.items():
        if account != "devices":
            assert charged[account] == pytest.approx(value, rel=1e-9), account
    # Where the embodied carbon of one kind of device is unknown, the column holds the rest under another name.
    assert ("kg_co2e_embodied_per_year" in charged) == ("kg_co2e_embodied_per_year" in plan.accounts)
    assert found["nodes"]["devices"].sum() == plan.accounts["devices"]
    assert found["fleet"]["replicas"].sum() == sum(line.replicas for line in plan.lines)
    served = sum(flow.requests_per_s for flow in plan.flows)
    assert found["flows"]["requests_per_s"].sum() == pytest.approx(served, rel=1e-12)
    assert found["slots"]["requests_per_s"].sum() == pytest.approx(served, rel=1e-6)


@pytest.mark.parametrize("kind", plans.EVERY)
def test_every_answer_has_every_frame(kind: str) -> None:
    plan = plans.EVERY[kind]()
    found = frames(plan)
    assert tuple(found) == KEYS
    for key, frame in found.items():
        assert len(set(frame.columns)) == len(frame.columns), key
        assert all(frame.columns), key
    assert len(found["rejected"]) == len(plan.rejected)
    assert len(found["repairs"]) == len(plan.repairs)


CHARGES = st.lists(
    st.builds(
        Charge,
        account=st.sampled_from(["usd_per_year", "kg_co2e_per_year", "litres_per_year", "usd_for_snacks"]),
        part=st.text(max_size=3),
        region=st.sampled_from(["", "a", "b"]),
        offer=st.sampled_from(["x", "y"]),
        procurement=st.just("owned"),
        value=st.floats(-1e9, 1e9),
    ),
    max_size=30,
)


@given(CHARGES)
@settings(max_examples=25, deadline=None)
def test_no_charge_is_lost_or_counted_twice(charges: list[Charge]) -> None:
    made = bill(plans.feasible(charges=charges))
    for account in {charge.account for charge in charges}:
        (name,) = (column.name for column in made.columns if column.name.startswith(account))
        values = [charge.value for charge in charges if charge.account == account]
        assert made.sum(name) == pytest.approx(sum(values), abs=1e-6 * max(1.0, *map(abs, values)))


def test_texts_are_one_visible_line_and_numbers_are_finite() -> None:
    plan = plans.feasible(title=HOSTILE + "\nnext", gap=float("inf"))
    for one in tables(plan):
        for row in one.rows:
            assert len(row) == len(one.columns)
            assert not any(isinstance(cell, str) and ("\n" in cell or "\x1b" in cell) for cell in row)
            assert not any(isinstance(cell, float) and cell == float("inf") for cell in row)


def test_without_pandas_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framed, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'argosy\[report\]'"):
        frames(plans.feasible())


def test_a_plan_shows_itself_in_a_notebook() -> None:
    plan = plans.feasible()
    assert "3,410,000 USD a year, 212,000 kg CO2e a year (optimal, gap 0.08%, verified)" in plan._repr_html_()
    assert "<td>owned-8x-h200-sxm</td>" in plan._repr_html_()
    assert "| aws/us-east-1 | owned | 1 | owned-8x-b200-sxm | 8 b200-sxm |" in plan._repr_markdown_()
    out = io.StringIO()
    Console(file=out, width=120).print(plan)
    assert "owned-8x-h200-sxm" in out.getvalue() and "3,410,000" in out.getvalue()
    assert "no fleet (infeasible: budget, demand chat)" in plans.infeasible()._repr_html_()


def test_names_in_a_notebook_are_no_markup() -> None:
    nodes = [plans.feasible().nodes[0].model_copy(update={"offer": HOSTILE})]
    plan = plans.feasible(title=HOSTILE, nodes=nodes)
    html = plan._repr_html_()
    assert "<script" not in html and html.count("&lt;script&gt;") == 2 and "\x1b" not in html
    markdown = plan._repr_markdown_()
    assert "<script" not in markdown and "\\`y\\`" in markdown and "\\|" in markdown
    out = io.StringIO()
    Console(file=out, width=400).print(plan)
    assert "[bold]x[/]" in out.getvalue()
