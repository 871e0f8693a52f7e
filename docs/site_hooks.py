"""What mkdocs has to be told about these pages; a code host reads them as they are."""

from __future__ import annotations

import re
from typing import Any

_NAMED = re.compile(r"^```(\w+) ([\w./-]+)$", re.M)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """A block that writes out a file, such as ```yaml mine.yaml, has the file's name for its title."""
    return _NAMED.sub(r'```\1 title="\2"', markdown)
