"""The one way in which a command prints words: whatever is in them of somebody else's stays text."""

from __future__ import annotations

import sys
from typing import TextIO

from wicketgate.base.shown_text import on_lines


def say(text: object = "", *, end: str = "\n", file: TextIO | None = None, flush: bool = False) -> None:
    """Print words.

    An answer of a gateway, or a document that somebody drafted, moves no cursor, hides nothing that stands around it,
    and begins no line: what has several lines is set in from the second on.
    """
    print(on_lines(str(text)), end=end, file=sys.stdout if file is None else file, flush=flush)
