"""Writes the figures of README.md by running what they say: `make readme`. A test holds the page to them.

Text between `<!-- begin: NAME -->` and `<!-- end: NAME -->` is made here; everything else is written by hand.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import optimizer
import scenarios
from optimizer.plan import Plan
from reports.names import Places
from reports.words import listed

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
BLOCK = re.compile(r"(<!-- begin: ([\w-]+) -->\n)(.*?)(<!-- end: \2 -->)", re.S)
ASKED_IN_FLAGS = (
    "argosy cheapest --model llama-3.1-8b --isl 512 --osl 256 --qps 200 --ttft 1s --itl 30ms "
    "--region aws/us-east-1 --on-demand"
)


def argosy(command: str) -> str:
    """What a command prints, 100 characters wide and without colours."""
    code = "from reports.cli import main; main()"
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1"}
    words = [sys.executable, "-c", code, *shlex.split(command)[1:], "-q"]
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"$ {command}\n{done.stderr}")
    return done.stdout


def sections(text: str) -> list[tuple[str, str]]:
    """(title, body) of a text report; the head, which holds the answer, has no title."""
    parts = re.split(r"^([A-Z][A-Z ,()]+)\n", text, flags=re.M)
    return [("", parts[0]), *zip(parts[1::2], parts[2::2], strict=True)]


def quoted(text: str) -> str:
    """As a code block."""
    return f"```text\n{text.strip()}\n```\n"


def capstone() -> str:
    """The answer, the fleet, and which limits change it."""
    found = dict(sections(argosy("argosy solve capstone")))
    binds = next(body for title, body in found.items() if title.startswith("WHAT BINDS"))
    resolved = re.split(r"^  (?:Not resolved|Moving these)", binds, flags=re.M)[0]
    return quoted(
        f"{found['']}THE FLEET BY REGION\n{found['THE FLEET BY REGION']}WHAT BINDS, FOUND BY SOLVING AGAIN\n{resolved}"
    )


def cheapest() -> str:
    """A question in flags, and the first words of its answer."""
    command = ASKED_IN_FLAGS.replace(" --ttft", " \\\n    --ttft")
    answer = argosy(ASKED_IN_FLAGS + " --no-binding").split("\n\n")[0]
    return f"```console\n$ {command}\n{answer.strip()}\n```\n"


def row(name: str) -> str:
    """One shipped scenario: what it asks, and what comes out."""
    scenario = scenarios.load(name)
    plan = optimizer.solve(scenario, binding=False)
    return f"| `{name}` | {scenario.title} | {_answer(plan, Places(scenario))} |"


def _answer(plan: Plan, places: Places) -> str:
    if plan.fleet is None:
        return f"impossible: {listed(places.limit(member.limit) for member in plan.conflict)} | | "
    devices: dict[str, int] = {}
    for node in plan.nodes:
        devices[node.accelerator] = devices.get(node.accelerator, 0) + node.nodes * node.devices_per_node
    fleet = ", ".join(f"{count} {name}" for name, count in sorted(devices.items(), key=lambda item: -item[1]))
    accounts = plan.accounts
    return f"{fleet} | {accounts['usd_per_year'] / 1e6:.2f} | {accounts['kg_co2e_per_year'] / 1e3:.1f}"


def shipped() -> str:
    """The table of shipped scenarios."""
    head = "| scenario | asks | answer | $M/yr | t CO2e/yr |\n|---|---|---|---:|---:|\n"
    return head + "".join(row(name) + "\n" for name in scenarios.names())


BLOCKS = {"capstone": capstone, "cheapest": cheapest, "shipped": shipped}


def blocks(text: str) -> dict[str, str]:
    """The generated blocks of a page."""
    return {name: body for _, name, body, _ in BLOCK.findall(text)}


def main() -> None:
    """Write every block again."""
    text = README.read_text(encoding="utf-8")
    missing = BLOCKS.keys() ^ blocks(text).keys()
    if missing:
        raise SystemExit(f"README.md and docs/generate.py do not have the same blocks: {', '.join(sorted(missing))}")
    README.write_text(BLOCK.sub(lambda match: f"{match[1]}{BLOCKS[match[2]]()}{match[4]}", text), encoding="utf-8")


if __name__ == "__main__":
    main()
