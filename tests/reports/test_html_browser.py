"""Every shipped scenario's report in headless Chromium: no request, no error, no overflow; tables sort and filter.

Where Chromium and its driver are not installed, these tests do not run; `.ci/run` says so.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import scenarios
from reports.charts import DARK, LIGHT
from reports.dossier import dossier
from reports.html import html
from tests.conftest import Shipped
from tests.reports import plans
from tests.reports.test_html import hostile_everywhere

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
DRIVER = shutil.which("chromedriver") or ""
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="Chromium and chromedriver are not installed")
QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
)
TODAY = date(2026, 11, 24)
NAMES = scenarios.names()

# What an accessibility checker asks first; each line is one rule and the elements that break it.
RULES = """
const broken = {};
const rule = (name, elements) => {
  if (elements.length) broken[name] = elements.map((one) => one.outerHTML.slice(0, 160));
};
const all = (selector) => [...document.querySelectorAll(selector)];
const named = (one) => (one.textContent || "").trim() || one.getAttribute("aria-label");
rule("one id twice", all("[id]").filter((one) => document.querySelectorAll("#" + CSS.escape(one.id)).length > 1));
rule("a button or link without a name", all("button, a[href], summary").filter((one) => !named(one)));
rule("an input without a label", all("input").filter((one) => !one.labels.length));
rule("a table without a caption", all("table").filter((one) => !one.caption || !one.caption.textContent.trim()));
rule("a heading cell without scope", all("th:not([scope])"));
rule("a reference to nothing", all("[aria-labelledby]").filter((one) =>
  one.getAttribute("aria-labelledby").split(/\\s+/).some((name) => !document.getElementById(name))));
rule("a picture without a table behind it", all("figure").filter((one) => !one.querySelector("svg[role=img] > title")
  || !one.querySelector("svg > desc") || !one.querySelector("details table tbody tr")));
rule("what scrolls but takes no focus", all(".scroll").filter((one) =>
  one.tabIndex !== 0 || !one.getAttribute("aria-label")));
rule("text outside of a landmark", [...document.body.children].filter((one) =>
  !["HEADER", "MAIN", "FOOTER", "SCRIPT"].includes(one.tagName) && !one.classList.contains("skip")));
return broken;
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Chromium with a profile of its own and a log of everything that it asks for."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*QUIET, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


def wide(browser: Any, pixels: int, touch: bool = False) -> None:
    size = {"width": pixels, "height": 800, "deviceScaleFactor": 1, "mobile": touch}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def asked_for(browser: Any, path: Path) -> set[str]:
    """Open a page from a file; everything that it asks for."""
    for log in ("browser", "performance"):
        browser.get_log(log)
    browser.get(path.as_uri())
    places: set[str] = set()
    until = time.monotonic() + 5.0
    while path.as_uri() not in places and time.monotonic() < until:
        for line in browser.get_log("performance"):
            message = json.loads(line["message"])["message"]
            if message["method"] == "Network.requestWillBeSent" and message["params"]["documentURL"] == path.as_uri():
                places.add(message["params"]["request"]["url"])
    return places


def opened(browser: Any, text: str, path: Path) -> None:
    """Open a page from a file; nothing may be asked for but that file, and nothing may go wrong."""
    path.write_text(text, encoding="utf-8")
    assert {place for place in asked_for(browser, path) if not place.startswith("data:")} == {path.as_uri()}
    assert not browser.get_log("browser")


def test_what_a_page_asks_for_is_seen(browser: Any, tmp_path: Path) -> None:
    """The control: the same eyes see a page that does ask, and complains."""
    path = tmp_path / "asks.html"
    path.write_text("<!DOCTYPE html><img src='http://127.0.0.1:9/x.png'><script>oh.no</script>", encoding="utf-8")
    assert "http://127.0.0.1:9/x.png" in asked_for(browser, path)
    assert browser.get_log("browser")


@pytest.mark.parametrize("name", NAMES)
def test_the_report_of_a_shipped_scenario(
    name: str, browser: Any, shipped_plan: Shipped, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = shipped_plan(name)
    found = dossier(plan, scenarios.load(name), today=TODAY)
    text = html(found)
    assert len(text.encode()) < 500_000
    wide(browser, 1200)
    opened(browser, text, tmp_path / "report.html")
    assert browser.execute_script("return document.querySelector('h1').textContent") == found.content.headline
    assert browser.execute_script(RULES) == {}
    assert browser.execute_script("return document.querySelectorAll('figure').length") == sum(
        map(len, found.charts.values())
    )
    for pixels in (1200, 375):
        wide(browser, pixels, pixels < 500)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= pixels
        browser.execute_script("for (const one of document.querySelectorAll('details')) one.open = true")
        assert browser.execute_script("return document.documentElement.scrollWidth") <= pixels
    _sorts(browser)
    _filters(browser)


def _rows(browser: Any, table: Any, column: int) -> list[str]:
    script = """return [...arguments[0].tBodies[0].rows].map((row) => row.cells[arguments[1]])
        .map((cell) => cell.dataset.key ?? cell.textContent)"""
    return browser.execute_script(script, table, column)


def _sorts(browser: Any) -> None:
    """By click and by key, up and down: every table that can be sorted, by its first column or its second."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    tables = browser.find_elements(By.CSS_SELECTOR, "main section > .table table[data-sortable]")
    for number, table in enumerate(tables):
        heads = table.find_elements(By.CSS_SELECTOR, "thead th")
        for head in heads[number % 2 :][:1]:
            column = browser.execute_script("return arguments[0].cellIndex", head)
            before = _rows(browser, table, column)
            button = head.find_element(By.TAG_NAME, "button")
            if number % 2:
                button.send_keys(Keys.ENTER)
            else:
                browser.execute_script("arguments[0].click()", button)
            up = _rows(browser, table, column)
            assert head.get_attribute("aria-sort") == "ascending" and sorted(up) == sorted(before)
            numbers = [float(one) for one in up if _number(one)]
            assert numbers == sorted(numbers)
            button.send_keys(Keys.SPACE)
            assert head.get_attribute("aria-sort") == "descending"
            assert _rows(browser, table, column) == up[::-1]
            assert browser.execute_script("return arguments[0].querySelectorAll('[aria-sort]').length", table) == 1


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _filters(browser: Any) -> None:
    """Words leave the rows that hold them all; without words every row is back."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    for field in browser.find_elements(By.CSS_SELECTOR, "main section > .table input[type=search]"):
        table = browser.find_element(By.ID, field.get_attribute("data-table"))
        script = "return [...arguments[0].tBodies[0].rows].filter((row) => !row.hidden).map((row) => row.textContent)"
        rows = browser.execute_script(script, table)
        word = next(word for word in rows[-1].lower().split() if len(word) > 3)
        field.send_keys(word.upper())
        left = browser.execute_script(script, table)
        assert left == [row for row in rows if word in row.lower()]
        told = browser.find_element(By.CSS_SELECTOR, f"output[for='{field.get_attribute('id')}']").text
        assert told == f"{len(left)} of {len(rows)} rows"
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(Keys.DELETE)
        assert browser.execute_script(script, table) == rows


@pytest.mark.parametrize("kind", ["optimal", "infeasible"])
def test_hostile_names_do_nothing_in_a_browser(kind: str, browser: Any, tmp_path: Path) -> None:
    base = SimpleNamespace(catalog=scenarios.load_catalog(), origins={})
    plan = hostile_everywhere(plans.EVERY[kind]())
    wide(browser, 375, True)
    opened(browser, html(dossier(plan, base, today=TODAY)), tmp_path / "hostile.html")
    assert browser.execute_script("return document.querySelectorAll('img, b, main script, [onerror]').length") == 0
    assert browser.execute_script("return document.querySelectorAll('script').length") == 2
    assert json.loads(browser.execute_script("return document.getElementById('plan').textContent")) == json.loads(
        plan.model_dump_json()
    )
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 375


def test_dark_and_paper_have_their_own_colours(browser: Any, tmp_path: Path) -> None:
    wide(browser, 1200)
    opened(browser, html(dossier(plans.infeasible(), None, today=TODAY)), tmp_path / "page.html")
    ground = "return getComputedStyle(document.body).backgroundColor"
    hidden = "return getComputedStyle(document.querySelector('nav')).display"

    def media(kind: str, scheme: str) -> None:
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": kind, "features": features})

    for kind, scheme, palette in (("screen", "light", LIGHT), ("screen", "dark", DARK), ("print", "dark", LIGHT)):
        media(kind, scheme)
        red, green, blue = (int(palette["bg"][place : place + 2], 16) for place in (1, 3, 5))
        assert browser.execute_script(ground) == f"rgb({red}, {green}, {blue})"
        assert (browser.execute_script(hidden) == "none") == (kind == "print")
    media("", "light")


def test_the_plan_is_saved_by_its_button(browser: Any, tmp_path: Path) -> None:
    """Only the link that the button makes is looked at: nothing is written."""
    plan = plans.infeasible()
    opened(browser, html(dossier(plan, None, today=TODAY)), tmp_path / "page.html")
    script = """
    const done = arguments[0];
    HTMLAnchorElement.prototype.click = function () { fetched = { name: this.download, link: this.href.slice(0, 5) }; };
    const made = URL.createObjectURL;
    let fetched = null;
    URL.createObjectURL = (blob) => { blob.text().then((text) => done({ ...fetched, text })); return made(blob); };
    document.getElementById("save").click();
    """
    found = browser.execute_async_script(script)
    assert found["name"] == "capstone.json" and found["link"] == "blob:"
    assert json.loads(found["text"]) == json.loads(plan.model_dump_json())
