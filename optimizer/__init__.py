"""What to choose: candidates, the program, its solution, its independent check and its reasons.

    import optimizer, scenarios
    plan = optimizer.solve(scenarios.load("capstone"))

The only folder that knows HiGHS and Pyomo.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optimizer.alternatives import alternatives
    from optimizer.frontier import frontier
    from optimizer.holding import holding
    from optimizer.milp import Progress, SolverError
    from optimizer.plan import Plan
    from optimizer.robust import robust
    from optimizer.solve import VerificationError, solve
    from optimizer.what_if import compare, whatif
    from optimizer.why_not import whynot

# Loaded on first use: NumPy and HiGHS are not needed to print a help text.
_HOMES = {
    "Plan": "optimizer.plan",
    "Progress": "optimizer.milp",
    "SolverError": "optimizer.milp",
    "VerificationError": "optimizer.solve",
    "alternatives": "optimizer.alternatives",
    "compare": "optimizer.what_if",
    "frontier": "optimizer.frontier",
    "holding": "optimizer.holding",
    "robust": "optimizer.robust",
    "solve": "optimizer.solve",
    "whatif": "optimizer.what_if",
    "whynot": "optimizer.why_not",
}
__all__ = [
    "Plan",
    "Progress",
    "SolverError",
    "VerificationError",
    "alternatives",
    "compare",
    "frontier",
    "holding",
    "robust",
    "solve",
    "whatif",
    "whynot",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class _Package(ModuleType):
    """Importing the module `optimizer.solve` must not hide the function of that name; so with others of one name."""

    def __setattr__(self, name: str, value: Any) -> None:
        hides = isinstance(value, ModuleType) and _HOMES.get(name) == value.__name__
        super().__setattr__(name, getattr(value, name) if hides else value)


sys.modules[__name__].__class__ = _Package
