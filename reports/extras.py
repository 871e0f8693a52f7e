"""Packages of an extra of the install: what is said where they are not there."""

from __future__ import annotations

from importlib.util import find_spec

from reports.problems import wrong_flag


def need(flag: str, package: str, module: str = "", extra: str = "report") -> None:
    """Refuse with what to install, before any work, where a package is missing."""
    if find_spec(module or package) is None:
        raise wrong_flag(flag, f"needs {package}, which is not installed", f"pip install 'argosy[{extra}]'")
