"""Members of the log's entries: a second's form, times, counts and documents."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from wicketgate.base.clock import parse_rfc3339, rfc3339
from wicketgate.base.errors import InputError
from wicketgate.base.signing import canonical
from wicketgate.regime.documents.document import SignedDocument, open_document

SECOND = re.compile(rb'\{"at":"([0-9T:Z-]{20})","kind":"second","root":"[0-9a-f]{64}"\}')
"""The form of an entry that every second has."""
_END_US = parse_rfc3339("9000-01-01T00:00:00Z")
"""No log goes on so long; times have no words beyond the year 9999."""


def is_second(entry: bytes) -> bool:
    """Return whether an entry is one that every second has."""
    return SECOND.fullmatch(entry) is not None


def open_logged(body: Mapping[str, Any]) -> SignedDocument:
    """Return the document of an entry, opened; InputError or DocumentRefused where it is none."""
    return open_document(canonical(body.get("envelope")))


def parse_time(body: Mapping[str, Any], name: str) -> int:
    """Return a time of an entry, microseconds; InputError unless it is written as times are in the log."""
    text = body.get(name)
    if not isinstance(text, str):
        raise InputError(f"no time `{name}`")
    at_us = parse_rfc3339(text)
    if rfc3339(at_us) != text:
        raise InputError(f"`{name}` is not written as times are in the log")
    if at_us >= _END_US:
        raise InputError(f"`{name}` is of the year {text[:4]}")
    return at_us


def is_count(value: object) -> bool:
    """Return whether a value of JSON is a number of things."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
