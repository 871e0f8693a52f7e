"""The page of a report: what stands in it, that names stay text, that its bytes are the same, how its colours read."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
from collections import Counter
from datetime import date
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise
from types import SimpleNamespace

import pytest

import scenarios
from optimizer.plan import Loss, Plan
from optimizer.plan_binding import Swing
from reports import charts, charts_load, cli, map
from reports.charts import DARK, LIGHT, SERIES
from reports.content import Table
from reports.dossier import dossier
from reports.html import html
from reports.markdown_file import markdown_file
from reports.report import report
from tests.reports import plans

TODAY = date(2026, 11, 24)
HOSTILE = "</script></title><img src=x onerror=alert(1)>\"'${{7*7}}$x_1^2$<b>&amp;"
BASE = SimpleNamespace(catalog=scenarios.load_catalog(), origins={})


class Page(HTMLParser):
    """Elements of a page with their attributes, and the text of each script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.words: list[str] = []
        self._in_script = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._in_script = tag == "script"

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False

    def handle_data(self, data: str) -> None:
        (self.scripts if self._in_script else self.words).append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [found for name, found in self.elements if name == tag]


def page_of(plan: Plan, scenario: object = BASE) -> str:
    return html(dossier(plan, scenario, today=TODAY))


@cache
def drawn(kind: str) -> str:
    """The page of a plan written by hand, drawn once."""
    return page_of(plans.EVERY[kind]())


def hostile_everywhere(plan: Plan) -> Plan:
    """The same plan with every free text hostile: names, sources, reasons."""
    kept = {"status", "stopped_by", "account", "what", "sense", "kind", "procurement", "basis", "schema_version"}
    kept |= {"scenario_sha256", "catalog_sha256", "unit", "percentile"}

    def turn(value: object, key: str) -> object:
        if isinstance(value, dict):
            if key in ("accounts", "by_slot", "requests_per_s"):
                return {(HOSTILE + name if key != "accounts" else name): one for name, one in value.items()}
            return {name: turn(one, name) for name, one in value.items()}
        if isinstance(value, list):
            return [turn(one, key if isinstance(one, str) else "") for one in value]
        return HOSTILE + value if isinstance(value, str) and key not in kept else value

    return Plan.model_validate(turn(json.loads(plan.model_dump_json()), ""))


@pytest.mark.parametrize("kind", plans.EVERY)
def test_the_first_words_are_the_answer_and_all_sections_are_there(kind: str) -> None:
    plan = plans.EVERY[kind]()
    content = report(plan, BASE)
    words = [text.strip() for text in Page(drawn(kind).partition("<body>")[2]).words if text.strip()]
    assert words[:2] == ["Skip to the answer", content.headline]
    for section in content.sections:
        assert section.title in words


@pytest.mark.parametrize("kind", ["optimal", "infeasible"])
def test_the_same_plan_gives_the_same_bytes(kind: str) -> None:
    assert drawn(kind) == page_of(Plan.model_validate_json(plans.EVERY[kind]().model_dump_json()))


@pytest.mark.parametrize("kind", ["optimal", "infeasible", "no_candidate"])
def test_hostile_names_stay_text(kind: str) -> None:
    text = page_of(hostile_everywhere(plans.EVERY[kind]()))
    page = Page(text)
    assert not page.all("img") and not page.all("b")
    assert len(page.scripts) == len(page.all("script")) == 2
    assert not [found for _, found in page.elements if any(name.startswith("on") for name in found)]
    assert "{{7*7}}" in text, "a template does not read what a name says"
    assert Plan.model_validate_json(page.scripts[0]) == hostile_everywhere(plans.EVERY[kind]())
    assert "<img" not in markdown_file(dossier(hostile_everywhere(plans.EVERY[kind]()), BASE, today=TODAY))


def test_nothing_is_loaded_and_only_its_own_script_may_run() -> None:
    text = drawn("optimal")
    page = Page(text)
    (policy,) = (one["content"] for one in page.all("meta") if one.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None and "default-src 'none'" in policy
    digest = base64.b64encode(hashlib.sha256(page.scripts[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    places = {value for _, found in page.elements for name, value in found.items() if name in ("src", "href", "action")}
    assert {value for value in places if value and not value.startswith("#")} == {"data:,"}
    assert not re.search(r"@import|url\((?!#)", text)
    for _, found in page.elements:
        assert "http" not in str(found.get("href", "")) and found.get("target") is None


@pytest.mark.parametrize("kind", plans.EVERY)
def test_readers_of_every_kind_find_their_way(kind: str) -> None:
    page = Page(drawn(kind))
    ids = [found["id"] for _, found in page.elements if found.get("id")]
    assert not [name for name, times in Counter(ids).items() if times > 1]
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert {"header", "main", "nav", "footer"} <= {tag for tag, _ in page.elements}
    assert page.all("html")[0]["lang"] == "en"
    for one in page.all("svg"):
        assert one["role"] == "img" and set((one["aria-labelledby"] or "").split()) <= set(ids)
    assert len(page.all("caption")) == len(page.all("table"))
    assert all(one.get("scope") in ("col", "row") for one in page.all("th"))
    labelled = {one["for"] for one in page.all("label")}
    assert {one["id"] for one in page.all("input")} == labelled
    links = {(one["href"] or "").removeprefix("#") for one in page.all("a")}
    assert links <= set(ids)


def test_every_chart_says_its_figures_in_a_table() -> None:
    found = dossier(plans.feasible(), BASE, today=TODAY)
    every = [chart for one in found.charts.values() for chart in one]
    assert {one.key for one in every} >= {"map", "devices", "bill", "co2e", "load-0", "room", "moves"}
    text = drawn("optimal")
    assert text.count("<figure>") == text.count("<svg ") == text.count("<details>") == len(every)
    for chart in every:
        assert chart.table.rows and chart.says.endswith(".")
        assert f'id="{chart.key}-says"' in text


def test_charts_say_the_figures_of_the_plan() -> None:
    found = dossier(plans.feasible(), BASE, today=TODAY)
    bill = found.charts["money"][0].table
    assert bill.total == ("all", "$3.41M", "100 %") and bill.rows[0][:2] == ("purchase", "$2.867M")
    load = {row[0]: row[1] for row in found.charts["load"][0].table.rows}
    assert load["worst node lost"] == "810/s" and load["must be left after a node loss"] == "800/s"
    moves = found.charts["binding"][0].table.rows
    assert moves[0][0].startswith("the demand of chat") and "$" in moves[0][1]
    assert found.tiles[0].value == "$3.41M" and found.badge == "within 0.08 % of the optimum"
    assert found.holds and "would save" in found.holds[0]


def test_inputs_that_were_moved_are_a_tornado_of_their_own() -> None:
    def swing(factor: float, low: float, high: float) -> Swing:
        return Swing(
            input="purchase price of b200-sxm",
            kind="purchase",
            wall="capital",
            factor=factor,
            start=40_000.0,
            to=40_000.0 * factor,
            unit="USD",
            usd_per_year_change=(low, high),
            kg_co2e_per_year_change=(0.0, 0.0),
            resolved=True,
            fleet_stays=True,
            seconds=0.1,
        )

    plan = plans.feasible(sensitivity=[swing(0.8, -90e3, -88e3), swing(1.2, 70e3, 75e3)])
    (chart,) = dossier(plan, BASE, today=TODAY).charts["sensitivity"]
    assert [row[0] for row in chart.table.rows] == [
        "purchase price of b200-sxm: $40k -> $32k",
        "purchase price of b200-sxm: $40k -> $48k",
    ]
    assert "40k" in chart.says and "<svg" in charts.svg(chart)


def test_slots_know_what_the_worst_node_loss_leaves() -> None:
    slots = ["night", "day"]
    flows = [
        plans._flow("virginia", plans.VIRGINIA, rate, slot) for slot, rate in zip(slots, (300.0, 900.0), strict=True)
    ]
    lost = [
        Loss(
            what="node",
            where=where,
            workload="chat",
            slot="day",
            served_requests_per_s=left["day"],
            served_share=left["day"] / 900,
            required_share=0.8,
            by_slot=left,
        )
        for where, left in (("a", {"night": 300.0, "day": 750.0}), ("b", {"night": 280.0, "day": 800.0}))
    ]
    found = charts_load.loads(plans.feasible(flows=flows, losses=lost))["chat"]
    assert [(one.slot, one.load, one.after_node_loss, one.required) for one in found] == [
        ("night", 300.0, 280.0, 240.0),
        ("day", 900.0, 750.0, 720.0),
    ]


def test_a_map_needs_every_region_and_crosses_the_pacific() -> None:
    places = report(plans.feasible(), BASE) and map.Places(BASE)
    assert map.chart(plans.feasible(), places, BASE) is not None
    assert map.chart(plans.feasible(), places, None) is None
    unknown = plans.feasible(flows=[plans._flow("virginia", "mars/olympus", 600.0)])
    assert map.chart(unknown, places, BASE) is None
    spots = [map.Place(139.7, 35.7, "Tokyo"), map.Place(-122.7, 45.5, "Portland")]
    map._turn(spots)
    assert abs(spots[0].longitude_deg - spots[1].longitude_deg) == pytest.approx(97.6)
    west, east, south, north, _ = map.window(spots, 1.5)
    assert all(west < one.longitude_deg < east and south < one.latitude_deg < north for one in spots)


def test_flows_between_places_are_arcs() -> None:
    scenario = scenarios.load("capstone")
    flows = [
        plans._flow("virginia", plans.VIRGINIA, 500.0),
        plans._flow("virginia", plans.QUEBEC, 100.0),
        plans._flow("montreal", plans.QUEBEC, 400.0),
    ]
    found = map._placed(plans.feasible(flows=flows), scenario, "year")
    assert found is not None
    spots, arcs = found
    assert [(spot.city, spot.serves_per_s) for spot in spots] == [
        ("Ashburn (N. Virginia)", 500.0),
        ("Montreal (Quebec)", 500.0),
    ]
    assert [(arc.start.city, arc.end.city, arc.requests_per_s) for arc in arcs] == [
        ("Ashburn (N. Virginia)", "Montreal (Quebec)", 100.0)
    ]


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio of WCAG 2."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_every_colour_that_carries_words_can_be_read(palette: dict[str, str]) -> None:
    assert LIGHT.keys() == DARK.keys()
    for ground in ("bg", "panel"):
        for name in ("ink", "soft", *SERIES):
            assert contrast(palette[name], palette[ground]) >= 4.5, (name, ground)
    assert contrast(palette["ink"], palette["land"]) >= 4.5
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


def test_pictures_know_colours_by_name_only_and_share_no_ids() -> None:
    pictures = re.findall(r"<svg .*?</svg>", drawn("optimal"), re.S)
    assert len(pictures) >= 7
    for picture in pictures:
        assert not re.search(r"#[0-9a-f]{6}\b", picture), "a colour that a dark page cannot change"
        assert "DejaVu" not in picture and "<metadata" not in picture
    names = [name for picture in pictures for name in re.findall(r' id="([^"]+)"', picture)]
    assert len(names) == len(set(names))
    used = {name for picture in pictures for name in re.findall(r"url\(#([^)]+)\)|href=\"#([^\"]+)\"", picture)}
    assert {name for pair in used for name in pair if name} <= set(names)


def test_assumptions_tell_their_ages() -> None:
    table = next(
        one for one in dossier(plans.feasible(), BASE, today=TODAY).content.sections if one.key == "assumptions"
    )
    first = table.parts[0]
    assert isinstance(first, Table)
    assert [row[-1] for row in first.rows] == ["2026-10: 1 month", "2024: 2 years"]


def test_markdown_says_the_same_with_long_parts_folded() -> None:
    found = dossier(plans.feasible(), BASE, today=TODAY)
    text = markdown_file(found)
    assert text.startswith("**Buy ")
    for section in found.content.sections:
        assert f"## {section.title}" in text or f"<summary>{section.title}</summary>" in text
    assert text.count("<details>") == text.count("</details>") > 5
    assert "The bill by part" in text and "$2.867M" in text


def test_the_command_writes_both_and_is_small(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    plan, page, text = tmp_path / "plan.json", tmp_path / "plan.html", tmp_path / "plan.md"
    plan.write_text(plans.infeasible().model_dump_json(), encoding="utf-8")
    words = ["report", str(plan), "--html", str(page), "--markdown", str(text), "--as-of", "2026-11-24"]
    assert cli.run(words) == 3
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("No fleet holds every limit") and str(page) in said[1] and str(text) in said[2]
    first = page.read_bytes()
    assert b"2026-11-24" in first and len(first) < 500_000
    assert cli.run(words) == 3 and page.read_bytes() == first


@pytest.mark.parametrize(
    "words, says",
    [
        ((), "nothing is asked for"),
        (("--html", "."), "is a folder"),
        (("--html", "x.html", "--as-of", "yesterday"), "is not a date"),
        (("--html", "x.html", "--frontier", "1"), "is not a number of points"),
        (("--html", "x.html", "--frontier", "nowhere.jsonl"), "cannot be read"),
        (("--html", "x.html", "--frontier", "plan.json"), "holds no frontier"),
    ],
)
def test_wrong_flags_are_refused(words, says, tmp_path, monkeypatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    known = scenarios.load("capstone")
    lock = plans.LOCK.model_copy(update={"scenario_sha256": known.digest})
    (tmp_path / "plan.json").write_text(plans.feasible(lock=lock).model_dump_json(), encoding="utf-8")
    assert cli.run(["report", "plan.json", *words]) == 1
    assert says in capsys.readouterr().err
    assert not (tmp_path / "x.html").exists()


def test_what_is_not_installed_is_said(tmp_path, monkeypatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setattr("reports.extras.find_spec", lambda name: None if name == "matplotlib" else object())
    assert cli.run(["report", "capstone", "--html", str(tmp_path / "x.html")]) == 1
    assert "pip install 'argosy[report]'" in capsys.readouterr().err
