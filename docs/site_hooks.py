"""What mkdocs has to be told about these pages; a code host reads them as they are."""

from __future__ import annotations

import re
from typing import Any

_NAMED = re.compile(r"^```(\w+) ([\w./-]+)$", re.M)
# What the theme asks another host for, so that pages opened from a folder can be searched.
_REMOTE = re.compile(r'<script src="https://unpkg\.com/iframe-worker/shim"></script>')
_ASKED = re.compile(r'<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)="?(https?://[^">\s]+)')


def on_page_markdown(markdown: str, **_: Any) -> str:
    """A block that writes out a file, such as ```yaml mine.yaml, has the file's name for its title."""
    return _NAMED.sub(r'```\1 title="\2"', markdown)


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """No page loads anything from another host."""
    script = "../" * page.url.count("/") + "assets/search-from-a-folder.js"
    output = _REMOTE.sub(f'<script src="{script}"></script>', output)
    asked = _ASKED.findall(output)
    if asked:
        raise RuntimeError(f"{page.url} would load {', '.join(asked)}")
    return output


def on_post_template(output_content: str, template_name: str, **_: Any) -> str:
    """The same for pages without a Markdown source, such as the one for addresses that do not exist."""
    return _REMOTE.sub("", output_content)
