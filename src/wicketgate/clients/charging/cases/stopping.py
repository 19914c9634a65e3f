"""Whether an authority lets anything new be charged, as the register shows it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def is_stopped(register: Mapping[str, Any], authority: str) -> bool:
    """Return whether no version of an authority is in force: then nothing new is charged under it.

    A register in another form than expected stops as well.
    """
    shown = register.get("authorities")
    if not isinstance(shown, list):
        return True
    return not any(
        isinstance(one, dict) and one.get("name") == authority and one.get("status") == "in-force"
        for one in shown
    )
