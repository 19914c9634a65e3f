"""Text of somebody else's, made fit for a terminal: nothing in it moves a cursor, hides, or begins a line. Pure."""

from __future__ import annotations

import unicodedata
from typing import Final

_FURTHER: Final = "\n    "


def on_one_line(text: str) -> str:
    r"""Return a text as one line, in which every character can be seen.

    Blanks are blanks; whatever else does not print stands there as it is written in Python.

    >>> on_one_line("a\x1b[2J\nVerified.")
    'a\\x1b[2J\\nVerified.'
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else _seen(one) for one in text)


def on_lines(text: str) -> str:
    r"""Return a text of several lines, of which each further one is set in: none of them passes for a line of ours.

    >>> on_lines("It is necessary.\nVerified.")
    'It is necessary.\n    Verified.'
    """
    return _FURTHER.join(on_one_line(line) for line in text.split("\n"))


def _seen(one: str) -> str:
    if one == "\t" or unicodedata.category(one) == "Zs":
        return " "
    return one.encode("unicode_escape").decode("ascii")
