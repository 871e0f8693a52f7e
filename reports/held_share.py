"""`argosy robust --fail-under 90%`: whether a plan holds in at least that share of the draws, for policies in CI."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reports.thresholds import BROKEN
from reports.words import count, percent

if TYPE_CHECKING:
    from optimizer.robust import Robust

FLAG = "--fail-under"
_TINY = 1e-9


@dataclass(frozen=True)
class Shared:
    """What the flag says of a run; `broken` is None where the draws that are missing decide."""

    text: str
    broken: bool | None
    says: str

    @property
    def verdict(self) -> str:
        """For the first line of the report, which goes on with the share; empty where it holds."""
        return "" if self.broken is False else f"{self.text}: {'broken' if self.broken else 'not known'}"

    def exit_code(self, otherwise: int) -> int:
        """3 where it is broken, and a line on standard error; else that of the run."""
        if self.broken is not False:
            print(f"threshold: {self.says}", file=sys.stderr)
        return BROKEN if self.broken else otherwise

    def as_data(self) -> list[dict[str, Any]]:
        """As `compare --fail-if` has it in JSON."""
        return [{"threshold": self.text, "broken": self.broken, "says": self.says}]


def judged(found: Robust, share: float) -> Shared:
    """Broken where so many draws failed that the share cannot be reached any more, whatever is still to be held."""
    text = f"{FLAG} {percent(share, 4)}"
    if not found.draws:
        return Shared(text, None, f"{text}: not known, no draw was held")
    failed, least = found.drawn - found.held, share * found.asked - _TINY
    says = f"it holds in {found.held} of {count(found.drawn, 'draw')} ({percent(found.held / found.drawn, 4)})"
    if found.asked - failed < least:
        return Shared(text, True, f"{text}: broken, {says}")
    if found.held < least:
        return Shared(text, None, f"{text}: not known, {says} and {found.asked - found.drawn} are left")
    return Shared(text, False, f"{text}: holds, {says}")
