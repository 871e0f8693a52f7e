"""The students' notebook runs top to bottom, and prints what is stored in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs import notebook
from tests.same_text import same


@pytest.mark.usefixtures("solved_once")
def test_the_notebook_prints_what_it_shows() -> None:
    stored = notebook.read()
    cells = [cell for cell in stored["cells"] if cell["cell_type"] == "code"]
    for cell, outputs in zip(cells, notebook.run(stored), strict=True):
        same(notebook.text_of(cell["outputs"]), notebook.text_of(outputs))
        assert [one["output_type"] for one in cell["outputs"]] == [one["output_type"] for one in outputs]


def test_its_links_lead_somewhere() -> None:
    text = "".join("".join(cell["source"]) for cell in notebook.read()["cells"] if cell["cell_type"] == "markdown")
    targets = [part.split(")")[0] for part in text.split("](")[1:]]
    assert targets and all((notebook.NOTEBOOK.parent / Path(target)).exists() for target in targets)
