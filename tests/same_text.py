"""Compares what a page shows with what its command prints now."""

from __future__ import annotations

import re

import pytest

NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?(?:e-?\d+)?")
# Two machines round differently in the last digit; within the solver's gap the fleet may then differ a little.
TOLERANCE = 0.02
AGAIN = "run `make pages` and `make notebook`"


def same(written: str, made: str) -> None:
    """The same words, and numbers that differ by rounding only; how closely a gap was proven may vary."""
    written, made = (
        re.sub(r"within [\d.e-]+ % of the", "within # of the", " ".join(text.split())) for text in (written, made)
    )
    assert NUMBER.sub("#", written) == NUMBER.sub("#", made), AGAIN
    for old, new in zip(NUMBER.findall(written), NUMBER.findall(made), strict=True):
        assert float(new.replace(",", "")) == pytest.approx(float(old.replace(",", "")), rel=TOLERANCE), AGAIN
