"""The pages say what their commands say, hang together, and are all on the site."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import scenarios
from docs import generate, wall_pages
from optimizer.plan import Plan
from tests.same_text import same

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
TEXTS = {path: path.read_text(encoding="utf-8") for path in (*generate.PAGES, *sorted((DOCS / "walls").glob("*.md")))}
QUOTES = [(path.name, quote) for path, text in TEXTS.items() for quote in generate.quotes(text)]


@pytest.mark.usefixtures("solved_once")
@pytest.mark.parametrize("about", sorted({quote.about for _, quote in QUOTES}))
def test_what_a_command_prints(about: str) -> None:
    for _, quote in QUOTES:
        if quote.about == about:
            same(quote.output.removesuffix("```\n"), quote.made())


@pytest.mark.parametrize("name", scenarios.names())
def test_shipped_scenarios(name: str, shipped_plan: Callable[[str], Plan]) -> None:
    tables = [block for text in TEXTS.values() for _, block, _ in generate.SHIPPED.findall(text)]
    assert tables
    for table in tables:
        (written,) = (line for line in table.splitlines() if line.startswith(f"| `{name}` |"))
        same(written, generate.row(name, shipped_plan(name)))


def test_walls_are_what_the_code_says() -> None:
    written = {path.name: path.read_text(encoding="utf-8") for path in (DOCS / "walls").glob("*.md")}
    assert written == wall_pages.pages(), "run `make pages`"


LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} (.+)$", re.M)
FENCED = re.compile(r"^```.*?^```$|`[^`\n]+`", re.M | re.S)


def anchors(text: str) -> set[str]:
    """What a code host and the site make of a page's headings: words and hyphens, small."""
    titles = HEADING.findall(re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S))
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    for target in LINK.findall(FENCED.sub("", TEXTS[path])):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        there = (path.parent / name).resolve() if name else path
        assert there.exists(), target
        assert path == ROOT / "README.md" or DOCS in there.parents, f"{target}: the site has no such page"
        if anchor:
            assert anchor in anchors(there.read_text(encoding="utf-8")), target


def test_every_page_is_on_the_site_and_on_the_list_of_pages() -> None:
    listed = re.findall(r"[\w/-]+\.md$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.M)
    pages = {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")}
    assert sorted(listed) == sorted(pages)
    linked = {target.partition("#")[0] for target in LINK.findall(TEXTS[DOCS / "index.md"])}
    walls = {page for page in pages if page.startswith("walls/") and page != "walls/index.md"}
    assert pages - walls - {"index.md"} <= linked
