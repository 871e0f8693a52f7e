"""Options of the test run, and shipped scenarios that are solved once for all tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from optimizer.plan import Plan

Shipped = Callable[[str], Plan]


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update-golden` writes golden files anew instead of comparing with them; read the difference."""
    parser.addoption("--update-golden", action="store_true", help="write the golden files of the program anew")


@pytest.fixture
def update_golden(pytestconfig: pytest.Config) -> bool:
    """Whether golden files are written anew."""
    return bool(pytestconfig.getoption("--update-golden", default=False))


@pytest.fixture(scope="session")
def shipped_plan(tmp_path_factory: pytest.TempPathFactory) -> Shipped:
    """The plan of a shipped scenario without bindings, solved in this run: once, whichever process asks first."""
    import optimizer
    import scenarios

    base = tmp_path_factory.getbasetemp()
    folder = base.parent if base.name.startswith("popen-") else base  # processes of one run share what is above theirs
    known: dict[str, Plan] = {}

    def plan_of(name: str) -> Plan:
        if name not in known:
            file = folder / f"shipped-{name}.json"
            with _alone(file.with_suffix(".lock")):
                if file.exists():
                    known[name] = Plan.model_validate_json(file.read_text(encoding="utf-8"))
                else:
                    known[name] = optimizer.solve(scenarios.load(name), binding=False)
                    file.write_text(known[name].model_dump_json(), encoding="utf-8")
        return known[name]

    return plan_of


@pytest.fixture
def solved_once(monkeypatch: pytest.MonkeyPatch, shipped_plan: Shipped) -> None:
    """A shipped scenario that another test has solved is not solved again, where the answer is the same."""
    import optimizer
    import scenarios

    solve = optimizer.solve

    def known(scenario: Any, binding: bool = True, **asked: Any) -> Plan:
        ways = asked.get("ways")  # the plan known has none of them
        if not ways and scenario.name in scenarios.names() and scenario == scenarios.load(scenario.name):
            with monkeypatch.context() as real:
                real.setattr(optimizer, "solve", solve)
                plan = shipped_plan(scenario.name)
            if not binding or plan.fleet is None:
                return plan
        return solve(scenario, binding=binding, **asked)

    monkeypatch.setattr(optimizer, "solve", known)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Holds a lock on a file, which the system gives back however the process ends; without locks all go on at once."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
