"""`import optimizer` gives the functions, whatever was imported before."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "before",
    [
        "import optimizer",
        "import optimizer; optimizer.VerificationError",
        "from optimizer import VerificationError; import optimizer",
        "from optimizer.solve import checked; import optimizer",
        "import optimizer.solve",
    ],
)
def test_solve_is_the_function_whatever_was_imported_before(before: str) -> None:
    """A module of the same name takes the function's place when it is imported; here it must not."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); {before}; "
    code += "from optimizer import solve; print(optimizer.solve is solve, type(solve).__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "function"]


def test_unknown_names_are_no_attributes() -> None:
    import optimizer

    with pytest.raises(AttributeError, match="no attribute 'solv'"):
        _ = optimizer.solv
