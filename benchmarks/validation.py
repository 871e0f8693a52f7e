"""How fast a measured table is validated: read, checked and priced, from the carried sample many times over."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.figure import Figure, least_s, under

ROWS = 1849
SAMPLE = Path(__file__).parents[1] / "tests" / "physics" / "silicon_sample.csv"


def tiled(rows: int) -> str:
    """A table of so many rows, out of the sample."""
    header, *lines = (line for line in SAMPLE.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    return "\n".join([header, *(lines[k % len(lines)] for k in range(rows))]) + "\n"


def figures(rows: int = ROWS) -> list[Figure]:
    """Processor seconds beyond imports."""
    import scenarios
    from optimizer.validate import validate
    from scenarios import measured

    catalog = scenarios.load_catalog()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "measured.csv"
        path.write_text(tiled(rows), encoding="utf-8")
        seconds = least_s(lambda: validate(measured.read(path, catalog), catalog), repeats=3)
    return [under(f"validate {rows:,} measured points", seconds, 1.0)]
