"""Cells of CSV, made harmless: whoever wrote a text does not calculate in the spreadsheet that opens it. Pure."""

from __future__ import annotations

from typing import Any, Final

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a spreadsheet takes for the beginning of a formula, in full width too."""


def harmless(cell: Any) -> Any:
    """Return a cell, with an apostrophe before a text that a spreadsheet would take for a formula; None is empty.

    >>> harmless("=1+1"), harmless("AB12CDE"), harmless(-0.1), harmless(None)
    ("'=1+1", 'AB12CDE', -0.1, '')
    """
    if cell is None:
        return ""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
