"""Options of the test run."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update-golden` writes golden files anew instead of comparing with them; read the difference."""
    parser.addoption("--update-golden", action="store_true", help="write the golden files of the program anew")


@pytest.fixture
def update_golden(pytestconfig: pytest.Config) -> bool:
    """Whether golden files are written anew."""
    return bool(pytestconfig.getoption("--update-golden", default=False))
