"""One content, laid out as text, Markdown and JSON."""

from __future__ import annotations

import io
import re

import pytest

from optimizer.plan import Change, Plan
from optimizer.ways_out import change_of
from reports.charts_limits import ways_out
from reports.content import Bullets, Content, Paragraph, Section, Table
from reports.glance import holds
from reports.markdown import markdown
from reports.names import Places
from reports.report import EXPLAIN_FIRST, report
from reports.text import console, show
from reports.ways_sections import change_said
from tests.reports import plans

HOSTILE = "[red]a|b[/red] <script>*x*</script> `c` \x1b[31m\n# d"


def as_text(content: Content, width: int = 100) -> str:
    out = io.StringIO()
    show(content, console(out, width))
    return out.getvalue()


def section(plan: Plan, key: str) -> Section:
    return next(one for one in report(plan).sections if one.key == key)


def words(one: Section) -> str:
    return as_text(Content("", "", "plain", (one,)), 200)


@pytest.mark.parametrize("kind", plans.EVERY)
def test_the_first_line_is_the_answer_in_every_form(kind: str) -> None:
    content = report(plans.EVERY[kind]())
    assert re.sub(r"\s+", " ", as_text(content).split("\n\n")[0]) == content.headline
    first = markdown(content).splitlines()[0]
    assert first.startswith("**") and first.endswith("**")
    plan = plans.EVERY[kind]()
    assert Plan.model_validate_json(plan.model_dump_json()) == plan


def test_sections_come_in_the_order_in_which_a_reader_asks() -> None:
    keys = [one.key for one in report(plans.feasible()).sections]
    assert keys == [
        "fleet", "money", "carbon", "service", "losses", "limits", "binding", "rejected", "proof", "assumptions",
        "verification", "lock",
    ]  # fmt: skip
    explained = [one.key for one in report(plans.feasible(), first=EXPLAIN_FIRST).sections]
    assert explained[:2] == ["binding", "rejected"]
    assert sorted(explained) == sorted(keys)
    assert [one.key for one in report(plans.infeasible()).sections][:2] == ["conflict", "repairs"]


def test_money_by_part_adds_up_and_says_so() -> None:
    table = next(part for part in section(plans.feasible(), "money").parts if isinstance(part, Table))
    amounts = [int(row[-1].strip("$").replace(",", "")) for row in table.rows]
    assert table.total is not None and table.total[-1] == "$3,410,000"
    assert abs(sum(amounts) - 3_410_000) <= len(amounts)
    assert "add up to the account" in words(section(plans.feasible(), "money"))


def test_a_bill_that_does_not_add_up_is_called_that() -> None:
    plan = plans.feasible()
    wrong = plan.model_copy(update={"charges": plan.charges[1:]})
    assert "do not trust this bill" in words(section(wrong, "money"))


def test_unknown_embodied_carbon_is_unknown_and_never_zero() -> None:
    says = words(section(plans.feasible(), "carbon"))
    assert "Embodied in the hardware: unknown" in says
    assert not re.search(r"Embodied[^.]*\b0 ", says)
    known = plans.feasible(accounts={**plans.feasible().accounts, "kg_co2e_embodied_per_year": 2_296.0})
    assert "2.3 t CO2e a year" in words(section(known, "carbon"))


def test_unknown_water_is_unknown() -> None:
    accounts = {key: value for key, value in plans.feasible().accounts.items() if key != "litres_per_year"}
    assert "water use is unknown" in words(section(plans.feasible(accounts=accounts), "carbon"))


def test_the_carbon_basis_is_stated() -> None:
    assert "lifecycle basis" in section(plans.feasible(carbon_basis="lifecycle"), "carbon").title


def test_mean_and_percentiles_never_share_a_column() -> None:
    tables = [part for part in section(plans.feasible(), "service").parts if isinstance(part, Table)]
    assert [[column.title for column in table.columns] for table in tables] == [
        ["time", "where", "P50", "P99", "limit"],
        ["time", "where", "mean", "P99 of a token", "limit"],
    ]
    assert len(tables[1].rows) == 1, "one line for each pool"


def test_losses_show_the_worst_slot_of_each() -> None:
    plan = plans.feasible()
    night = plan.losses[0].model_copy(update={"slot": "night", "served_share": 0.8, "served_requests_per_s": 800.0})
    says = words(section(plan.model_copy(update={"losses": [*plan.losses, night]}), "losses"))
    assert "800/s" in says and "810/s" not in says
    assert "not limited" in says


def test_losses_say_that_kinds_of_request_are_counted_together() -> None:
    plan = plans.feasible()
    says = "kinds of request together"
    assert says not in words(section(plan, "losses")), "there is one kind"
    long = plan.flows[0].model_copy(update={"shape": "long"})
    assert f"The share of chat counts its {says}" in words(
        section(plan.model_copy(update={"flows": [*plan.flows, long]}), "losses")
    )


def test_losses_say_that_spare_nodes_do_not_take_over() -> None:
    plan = plans.feasible()
    assert "empty" not in words(section(plan, "losses")), "every node has replicas on it"
    for spare, says in ((1, "1 node stands empty and is not"), (2, "2 nodes stand empty and are not")):
        first, *others = plan.nodes
        more = {slot: nodes + spare for slot, nodes in first.by_slot.items()}
        fuller = first.model_copy(update={"nodes": first.nodes + spare, "by_slot": more})
        assert f"{says} counted on" in words(section(plan.model_copy(update={"nodes": [fuller, *others]}), "losses"))


def test_limits_that_differ_in_place_only_are_one_line() -> None:
    twin = plans.READINGS[3].model_copy(update={"where": "h200-sxm elsewhere"})
    table = section(plans.feasible(readings=[*plans.READINGS, twin]), "limits").parts[0]
    assert isinstance(table, Table)
    assert sum(row[0] == "quota" for row in table.rows) == 1 and any("; h200-sxm" in row[1] for row in table.rows)


def test_every_limit_has_value_limit_slack_and_wall() -> None:
    table = section(plans.feasible(), "limits").parts[0]
    assert isinstance(table, Table)
    limited = [reading for reading in plans.READINGS if reading.limit is not None]
    assert len(table.rows) == len(limited)
    assert (
        "quota",
        f"b200-sxm {plans.VIRGINIA}",
        "8 devices",
        "at most 8 devices",
        "none",
        "0 %",
        "capital",
    ) in table.rows
    assert (
        "ITL mean",
        f"chat {plans.VIRGINIA} b200-sxm",
        "48.2 ms",
        "at most 50 ms",
        "1.8 ms",
        "3.6 %",
        "serving",
    ) in table.rows


def test_many_readings_of_one_kind_are_told_by_their_tightest() -> None:
    template = plans.READINGS[5]
    many = [template.model_copy(update={"where": f"pool {n}", "slack": 0.001 * n}) for n in range(30)]
    says = words(section(plans.feasible(readings=many), "limits"))
    assert "pool 0" in says and "pool 29" not in says
    assert "26 more readings" in says


def test_a_broken_limit_is_an_alarm() -> None:
    broken = plans.READINGS[0].model_copy(update={"value": 6e6, "slack": -1e6})
    assert "do not hold" in words(section(plans.feasible(readings=[broken]), "limits"))


def test_what_binds_is_in_words_with_both_intervals_and_the_unresolved_apart() -> None:
    says = words(section(plans.feasible(), "binding"))
    assert "saves $188k to $193k" in says and "saves 4 t" in says
    assert says.index("Not resolved") < says.index("the carbon limit: 500 t CO2e/yr -> 525 t CO2e/yr")
    assert says.index("changes nothing:") < says.index("the budget: $5M/yr -> $5.25M/yr")
    assert "Not looked into" in words(section(plans.feasible(binding=[]), "binding"))


def test_a_conflict_and_its_ways_out() -> None:
    says = words(section(plans.infeasible(), "conflict")) + words(section(plans.infeasible(), "repairs"))
    assert "These limits cannot all hold" in says
    assert "$17.4M/yr" in says and "verified" in says
    assert says.index("No change of one of these alone helps") < says.index("the carbon limit (500 t")


def test_ways_out_are_told_once_and_what_time_left_open_is_told_apart() -> None:
    plan = plans.infeasible()
    first, second, never = plan.repairs
    says = words(section(plan, "repairs"))
    assert first.says not in says and "in the time allowed" not in says
    unpriced = first.model_copy(update={"usd_per_year": None, "kg_co2e_per_year": None, "verified": False})
    unsettled = never.model_copy(update={"limit": "itl chat", "start": 0.05, "unit": "s", "settled": False})
    open_ended = plan.model_copy(update={"repairs": [unpriced, second, never, unsettled]})
    says = words(section(open_ended, "repairs"))
    assert "Not priced in the time allowed: the budget." in says
    assert says.index("Not settled in the time allowed") < says.index("the ITL limit of chat (50 ms)")
    assert says.index("the ITL limit of chat (50 ms)") < says.index("No change of one of these alone helps")


def test_ways_out_of_several_limits_are_no_moves_of_one_alone() -> None:
    """A plan that `argosy repair` wrote has them too."""
    plan = plans.infeasible()
    changes = [
        Change(limit=one.limit, key=one.key, start=one.start, to=one.to, unit=one.unit) for one in plan.repairs[:2]
    ]
    told = {"kind": "combination", "number": 1, "limit": "combination", "start": "as it is", "to": "both at once"}
    both = plan.repairs[0].model_copy(update={**told, "unit": "", "changes": changes, "weight": 0.5})
    mixed = plan.model_copy(update={"repairs": [both, *plan.repairs]})
    assert report(mixed).headline == report(plan).headline
    assert words(section(mixed, "repairs")) == words(section(plan, "repairs"))
    assert "the demand of chat from 1,000/s to 310/s" in words(section(mixed, "ways"))
    assert all(one.key != "ways" for one in report(plan).sections)


def test_where_nothing_fits_the_report_points_on_only_where_it_was_told_to() -> None:
    def says(plan: Plan, more: str) -> str:
        return as_text(report(plan, more=more), 200)

    line = "More ways out, several limits together and additions among them: argosy repair mine.yaml"
    assert line in says(plans.infeasible(), "argosy repair mine.yaml")
    assert line in says(plans.infeasible().model_copy(update={"repairs": []}), "argosy repair mine.yaml")
    assert "More ways out" not in says(plans.infeasible(), "")
    assert "More ways out" not in says(plans.feasible(), "argosy repair mine.yaml")


def test_a_missing_check_is_not_passed_over() -> None:
    assert "was not checked" in words(section(plans.feasible(verified=False, verification=None), "verification"))


def test_slots_show_what_follows_the_day() -> None:
    flows = [plans._flow("virginia", plans.VIRGINIA, rate, slot) for slot, rate in (("day", 600.0), ("night", 200.0))]
    rented = plans._nodes(plans.VIRGINIA, "h100-sxm", 6).model_copy(
        update={"procurement": "on_demand", "by_slot": {"day": 6, "night": 2}}
    )
    says = words(section(plans.feasible(flows=flows, nodes=[rented]), "fleet"))
    assert re.search(r"night +200/s +2", says)
    assert "at the peak" in report(plans.feasible(flows=flows, nodes=[rented])).headline


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("kind", plans.EVERY)
def test_no_line_is_wider_than_the_page_and_none_ends_in_blanks(kind: str, width: int) -> None:
    for line in as_text(report(plans.EVERY[kind]()), width).splitlines():
        assert len(line) <= width
        assert line == line.rstrip()


def hostile_plan() -> Plan:
    plan = plans.feasible(title=HOSTILE)
    return plan.model_copy(
        update={
            "fleet": [
                line.model_copy(update={"workload": HOSTILE, "accelerator": HOSTILE}) for line in plan.fleet or []
            ],
            "nodes": [line.model_copy(update={"accelerator": HOSTILE}) for line in plan.nodes],
            "flows": [flow.model_copy(update={"origin": HOSTILE}) for flow in plan.flows],
            "readings": [reading.model_copy(update={"where": HOSTILE}) for reading in plan.readings],
        }
    )


def test_hostile_names_stay_text_in_a_terminal() -> None:
    text = as_text(report(hostile_plan()), 120)
    assert "[red]" in text
    assert "\x1b" not in text


def test_hostile_names_stay_text_in_markdown() -> None:
    made = markdown(report(hostile_plan()))
    assert "<script>" not in made and "\x1b" not in made
    assert "\\[red\\]" in made
    assert not any(line.startswith("# d") for line in made.splitlines())
    for lines in re.findall(r"(?:^\|.*\n)+", made, re.MULTILINE):
        cells = {len(re.findall(r"(?<!\\)\|", line)) for line in lines.splitlines()}
        assert len(cells) == 1, "a name broke a table"


def test_lines_of_markdown_do_not_become_lists_or_headings() -> None:
    content = Content(
        "t", "h", "plain", (Section("s", "s", (Paragraph("- a"), Paragraph("1. b"), Bullets(("# c", "> d")))),)
    )
    made = markdown(content)
    assert "\\- a" in made and "1\\. b" in made and "- \\# c" in made and "- \\> d" in made


def test_a_terminal_gets_colour_unless_asked_not_to(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured = Terminal()
    show(report(plans.feasible()), console(coloured, 80))
    assert "\x1b[1;32m" in coloured.getvalue()
    monkeypatch.setenv("NO_COLOR", "1")
    plain = Terminal()
    show(report(plans.feasible()), console(plain, 80))
    assert "\x1b[1;32m" not in plain.getvalue() and "\x1b[32m" not in plain.getvalue()


def test_ways_out_of_several_changes_are_told_change_by_change_on_the_page() -> None:
    """In the glance and in the chart as in the table, not in the words of the record."""
    plan = plans.infeasible()
    one, two = (change_of(repair) for repair in plan.repairs[:2])
    both = plan.repairs[0].model_copy(
        update={"kind": "combination", "limit": "combination", "start": "as it is", "to": "all", "changes": [one, two]}
    )
    told = plan.model_copy(
        update={"repairs": [both.model_copy(update={"number": 1, "weight": 0.5}), *plan.repairs[1:]]}
    )
    chart, glanced = ways_out(told, Places()), " ".join(holds(told, Places())[1])
    assert chart is not None
    for said in (" ".join(row[0] for row in chart.table.rows), glanced):
        assert "as it is" not in said and change_said(one, Places()) in said
