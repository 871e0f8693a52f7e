"""The wheel holds the four packages with all their data and nothing else, and runs from another directory."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("scenarios", "physics", "optimizer", "reports")
LEFT_OUT = {".pyc"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built by the back-end itself, without a network."""
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = out.glob("argosy-*.whl")
    return built


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What an installer would put on the path."""
    home = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(home)
    return home


def files(folder: Path) -> set[str]:
    """Files of the packages under a folder, without what Python leaves behind."""
    return {
        str(path.relative_to(folder))
        for package in PACKAGES
        for path in (folder / package).rglob("*")
        if path.is_file() and path.suffix not in LEFT_OUT and not path.name.startswith(".")
    }


def test_the_packages_are_whole(unpacked: Path) -> None:
    assert files(unpacked) == files(ROOT)
    for ending in (".toml", ".yaml", ".json"):
        assert any(name.endswith(ending) for name in files(unpacked)), ending


def test_nothing_else_is_in_it(unpacked: Path) -> None:
    top = {path.name for path in unpacked.iterdir()}
    (info,) = (name for name in top if name.endswith(".dist-info"))
    assert top == {*PACKAGES, info}
    assert (unpacked / info / "licenses" / "LICENSE").is_file()
    assert "argosy = reports.cli:main" in (unpacked / info / "entry_points.txt").read_text(encoding="utf-8")


def run(unpacked: Path, directory: Path, *words: str) -> str:
    """The console entry, with the unpacked wheel first on the path and the repository out of sight."""
    code = (
        f"import sys; sys.path.insert(0, {str(unpacked)!r}); import reports.cli; "
        f"assert reports.__file__.startswith({str(unpacked)!r}), reports.__file__; reports.cli.main()"
    )
    environment = {**os.environ, "PYTHONPATH": "", "NO_COLOR": "1"}
    command = [sys.executable, "-P", "-c", code, *words]
    done = subprocess.run(command, cwd=directory, env=environment, check=True, capture_output=True, text=True)
    return done.stdout


def test_it_runs_from_another_directory(unpacked: Path, tmp_path: Path) -> None:
    # Folders of the same names in the user's directory must not be taken for ours.
    for package in PACKAGES:
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("raise RuntimeError('the wrong package')\n", encoding="utf-8")
    assert "tail_latency" in run(unpacked, tmp_path, "walls").replace("tail latency", "tail_latency")
    assert "h100-sxm" in run(unpacked, tmp_path, "catalog", "accelerators")
    assert '"$schema"' in run(unpacked, tmp_path, "schema")
