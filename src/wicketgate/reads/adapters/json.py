"""The JSON of devices.

Names of members are taken in small letters, because firmwares differ in capitals.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from wicketgate.base.errors import InputError

_MAX_DEPTH = 24
_MAX_MEMBERS = 20_000
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
_decode = msgspec.json.Decoder().decode


def looks_like_json(data: bytes) -> bool:
    """Return whether bytes begin as a JSON object or array."""
    return data[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")


def read_json(data: bytes) -> Any:
    """Return the value of a JSON text.

    Raises
    ------
    InputError
        If it is none, or has far more members than any device's.
    """
    # No sign of these stands in an image in base64. A text may have some.
    if sum(data.count(sign) for sign in (b",", b"{", b"[")) > _MAX_MEMBERS:
        raise InputError("the JSON has too many members")
    data = data.removeprefix(b"\xef\xbb\xbf").rstrip(b"\0")
    try:
        return _decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        pass
    try:
        # A name in another encoding, or with a control character in it, does not lose the read: U+FFFD is in no plate.
        return _decode(_CONTROL.sub("", data.decode(errors="replace")).encode())
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise InputError("the body is not JSON") from error


def small_names(value: Any, depth: int = 0) -> Any:
    """Return a value with its members' names in small letters.

    Of two that become one, the first stays.

    Raises
    ------
    InputError
        If it is deeper than any device's.
    """
    if depth > _MAX_DEPTH:
        raise InputError("the JSON is too deep")
    if isinstance(value, dict):
        small: dict[str, Any] = {}
        for name, member in value.items():
            small.setdefault(name.lower(), small_names(member, depth + 1))
        return small
    if isinstance(value, list):
        return [small_names(member, depth + 1) for member in value]
    return value
