"""The shape of the house: who imports whom, what every wall has, and what no file may hold."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from physics import WALLS

ROOT = Path(__file__).parents[1]
PIPELINE = ("scenarios", "physics", "optimizer", "reports")
# Import names of the core install, by the name they are installed under.
CORE = {
    "numpy": "numpy",
    "pydantic": "pydantic",
    "pydantic_core": "pydantic",
    "highspy": "highspy",
    "pyomo": "pyomo",
    "ruamel": "ruamel.yaml",
    "typer": "typer",
    "click": "typer",
    "rich": "rich",
}
SOURCES = sorted(path for folder in PIPELINE for path in (ROOT / folder).rglob("*.py"))
PYTHON = [
    *SOURCES,
    *sorted(path for folder in ("tests", "benchmarks", "docs") for path in (ROOT / folder).rglob("*.py")),
]


def tracked() -> list[Path]:
    """Every text file of the repository, as git knows it; without git, everything but what tools leave behind."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode == 0 and listed.stdout:
        return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]
    return [path for path in ROOT.rglob("*") if path.is_file() and not any(p.startswith(".") for p in path.parts)]


def imports(path: Path, everywhere: bool = True) -> set[str]:
    """Top-level names that a file imports; with `everywhere` also inside functions and for the type checker."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: set[str] = set()
    for node in ast.walk(tree) if everywhere else tree.body:
        if isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("folder", PIPELINE)
def test_a_folder_imports_only_to_its_left(folder: str) -> None:
    allowed = set(PIPELINE[: PIPELINE.index(folder) + 1])
    wrong = {
        name(path): sorted(imports(path) & set(PIPELINE) - allowed)
        for path in (ROOT / folder).rglob("*.py")
        if imports(path) & set(PIPELINE) - allowed
    }
    assert not wrong


def test_only_the_optimizer_knows_solvers() -> None:
    solvers = {"highspy", "pyomo", "pyscipopt"}
    knows = {path.relative_to(ROOT).parts[0] for path in SOURCES if imports(path) & solvers}
    assert knows == {"optimizer"}


def test_no_import_from_the_place_of_a_file() -> None:
    relative = [
        name(path)
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert not relative


def test_the_core_install_is_enough_to_import() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {re.split(r"[<>=\[ ]", line)[0] for line in project["dependencies"]}
    for path in SOURCES:
        foreign = imports(path, everywhere=False) - set(PIPELINE) - set(sys.stdlib_module_names)
        assert foreign <= CORE.keys(), f"{name(path)} needs more than the core install: {foreign - CORE.keys()}"
        assert {CORE[found] for found in foreign} <= declared, name(path)


@pytest.mark.parametrize("wall", WALLS, ids=lambda wall: wall.name)
def test_a_wall_says_how_it_acts(wall) -> None:
    assert ("charge" in wall.acts) == (wall.charges is not None)
    assert ("rows" in wall.acts) == (wall.rows is not None)


def test_wall_files_hold_no_other_walls() -> None:
    homes = [
        path.stem
        for path in (ROOT / "physics").glob("*.py")
        if re.search(r"^WALL = Wall\(", path.read_text(encoding="utf-8"), re.M)
    ]
    assert sorted(homes) == sorted(wall.name for wall in WALLS)


def test_files_stay_short() -> None:
    long = {name(path): lines for path in PYTHON if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 400}
    assert not long


def test_nothing_is_left_open() -> None:
    # Written so that this file does not find itself.
    unfinished = re.compile(
        "TO" + "DO|FIX" + "ME|XX" + "X|NotImplemented" + "Error|assert Tr" + "ue|xf" + "ail|ski" + r"p\("
    )
    found = [
        f"{name(path)}:{number}: {line.strip()}"
        for path in PYTHON
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if unfinished.search(line)
    ]
    assert not found


def test_no_machine_and_no_registry_is_named() -> None:
    places = re.compile(
        r"py[p]i[.]o|python[h]osted|registry[.]n[p]m|deb[.]d[e]bian|/w[o]rk/|/t[m]p/|/r[o]ot/|/h[o]me/\w|[.][.]/sh[a]red"
    )
    found = []
    for path in tracked():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{name(path)}: {match.group()}" for match in places.finditer(text)]
    assert not found


def test_pins_are_names_and_versions_and_cover_what_is_installed() -> None:
    pins = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line), line
            pinned, version = line.split("==")
            pins[re.sub(r"[-_.]+", "-", pinned).lower()] = version
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *(need for extra in project["optional-dependencies"].values() for need in extra)]
    names = {re.sub(r"[-_.]+", "-", re.split(r"[<>=\[ ]", need)[0]).lower() for need in asked}
    assert names <= pins.keys()


def test_readme_shows_the_two_commands() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in ("capstone", "test"):
        assert f"make {target}" in readme
        assert re.search(rf"^{target}:", makefile, re.M)
    assert "make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


HEAVY = ("numpy", "pydantic", "pyomo", "highspy", "ruamel", "pandas", "scipy")


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from reports.cli import main\n"
        "sys.argv = ['argosy', '--help']\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        f"print('loaded:', [name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "loaded: []"
    assert "solve" in done.stdout
