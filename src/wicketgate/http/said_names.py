"""Names that callers give themselves: never one that the gateway itself gives."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from wicketgate.base.errors import InputError

_OURS: Final = re.compile(r"(person|recipient|source|overseer|office|duty)\s*:|(gateway|admin)\s*\Z")


def said_name(text: str) -> str:
    """Return what a caller calls somebody, as it is; InputError where the gateway calls callers so itself.

    Such names are of who signed in or whose token it is. However it is written, none is taken at a caller's word.

    >>> said_name("PC 4711")
    'PC 4711'
    """
    plain = unicodedata.normalize("NFKD", text)
    plain = "".join(one for one in plain if unicodedata.category(one)[0] not in "CM").strip().casefold()
    if _OURS.match(plain):
        raise InputError(
            "a name cannot be one that the gateway gives: `person:` is for people who sign in themselves, the others "
            "for tokens"
        )
    return text
