"""Runs docs/notebooks/capstone.ipynb and stores what its cells print and draw: `make notebook`. A test compares.

A notebook is JSON; its code runs here in one namespace, top to bottom, without a kernel.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import io
import json
from pathlib import Path
from typing import Any

NOTEBOOK = Path(__file__).parent / "notebooks" / "capstone.ipynb"
_INCHES, _DOTS = (6.4, 3.4), 90


def read(path: Path = NOTEBOOK) -> dict[str, Any]:
    """The notebook as it is stored."""
    return json.loads(path.read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def run(notebook: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """The outputs of each code cell, in order; a cell that raises ends the run."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    names: dict[str, Any] = {"__name__": "notebook"}
    with matplotlib.rc_context({"figure.figsize": _INCHES, "figure.dpi": _DOTS, "svg.hashsalt": "argosy"}):
        pyplot.close("all")
        cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
        return [_cell("".join(cell["source"]), number, names) for number, cell in enumerate(cells, 1)]


def _cell(source: str, number: int, names: dict[str, Any]) -> list[dict[str, Any]]:
    """What one cell prints, draws, and ends with."""
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed, value = io.StringIO(), None
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, f"cell {number}", "exec"), names)
        if last is not None:
            value = eval(compile(ast.Expression(last.value), f"cell {number}", "eval"), names)  # type: ignore[attr-defined]
    outputs: list[dict[str, Any]] = []
    if printed.getvalue():
        outputs.append({"output_type": "stream", "name": "stdout", "text": _lines(printed.getvalue())})
    outputs += [{"output_type": "display_data", "metadata": {}, "data": data} for data in _figures()]
    if value is not None and not source.rstrip().endswith(";"):
        shown = {"execution_count": number, "metadata": {}, "data": _shown(value)}
        outputs.append({"output_type": "execute_result", **shown})
    return outputs


def _figures() -> list[dict[str, Any]]:
    """The figures that a cell left open, as pictures; then they are closed."""
    from matplotlib import pyplot

    found = []
    for number in pyplot.get_fignums():
        picture = io.BytesIO()
        pyplot.figure(number).savefig(picture, format="png", bbox_inches="tight", metadata={"Software": None})
        found.append({"image/png": base64.b64encode(picture.getvalue()).decode(), "text/plain": ["a chart"]})
    pyplot.close("all")
    return found


def _shown(value: Any) -> dict[str, list[str]]:
    """A value as a notebook shows it."""
    if hasattr(value, "_repr_html_"):
        return {"text/html": _lines(value._repr_html_()), "text/plain": _lines(value._repr_markdown_())}
    return {"text/plain": _lines(repr(value))}


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def text_of(outputs: list[dict[str, Any]]) -> str:
    """What a reader of text sees of a cell's outputs."""
    return "".join("".join(one.get("text") or one["data"]["text/plain"]) for one in outputs)


def write(path: Path = NOTEBOOK) -> None:
    """Run the notebook and store its outputs."""
    notebook = read(path)
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for number, (cell, outputs) in enumerate(zip(cells, run(notebook), strict=True), 1):
        cell["execution_count"], cell["outputs"] = number, outputs
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
