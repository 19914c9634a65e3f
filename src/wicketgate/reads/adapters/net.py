"""The net below the adapters: what they could not read is kept, and no sign of life hides a plate.

Pure. It finds nothing to release: what is caught goes to the quarantine, where its source sees it.
"""

from __future__ import annotations

import re
import zlib
from typing import Final

from wicketgate.base.errors import InputError
from wicketgate.reads.observations import Payload, Unreadable

MAX_PAYLOAD: Final = 8 * 1024 * 1024
_KEPT: Final = 4_096
_LOOKED_AT: Final = 256 * 1024
_GZIP: Final = b"\x1f\x8b\x08"
_MOST_TIMES: Final = 400
"""How much larger a packed body may become: XML with a fleet's blanks in it is packed to a hundredth at most."""

_NAMES: Final = frozenset(
    {
        *(
            "bestplatenumber",
            "carno",
            "carnumber",
            "carplate",
            "kennzeichen",
            "kenteken",
            "licence",
            "license",
        ),
        *(
            "licencenumber",
            "licenceplate",
            "licenceplatenumber",
            "licenseno",
            "licensenumber",
            "licenseplate",
        ),
        *("licenseplatenumber", "licenseplatetext", "lpn", "lpr", "lprnumber", "lprtext", "matricula"),
        *("numberplate", "ocr", "ocrtext", "originallicenseplate", "placa", "plate", "plateascii", "plateno"),
        *("platenumber", "platestring", "platetext", "plateunicode", "plateutf", "platevalue"),
        *("recognizedlicenseplate", "recognisedlicenceplate", "regno", "registration", "registrationnumber"),
        *("registrationmark", "targa", "vehicleplate", "vrm", "vrn"),
    }
)
"""What makers call a plate, in small letters without anything between: no list of what they call everything else."""

_MEMBERS: Final = tuple(
    re.compile(form)
    for form in (
        rb'"([A-Za-z0-9_ .-]{3,40})"\s{0,8}:\s{0,8}"([^"\\]{2,32})"',
        rb"<([A-Za-z0-9_:.-]{3,60})(?:\s[^<>]{0,200})?>\s{0,8}(?:<!\[CDATA\[)?([^<>\]]{2,32})",
        rb"(?:^|[?&\r\n])([A-Za-z0-9_.-]{3,40})=([^&=\s]{2,32})(?=[&\s]|$)",
        rb'\bname="([A-Za-z0-9_ .-]{3,40})"[^\r\n]{0,80}(?:\r?\n[^\r\n]{1,80}){0,3}(?:\r?\n){2}([^\r\n]{2,32})\r?\n',
    )
)


def unpacked(body: bytes) -> bytes:
    """Return a body as it was before it was packed: by gzip or deflate, whatever a header says of it.

    Raises
    ------
    InputError
        If it is cut off or damaged, or becomes larger than `MAX_PAYLOAD` or far larger than any device's.
    """
    is_deflate = body[:1] == b"x" and len(body) > 6 and int.from_bytes(body[:2], "big") % 31 == 0
    if not body.startswith(_GZIP) and not (is_deflate and not body[:2].isalnum()):
        return body
    most = min(MAX_PAYLOAD, _MOST_TIMES * len(body))
    packed = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        plain = packed.decompress(body, most)
    except zlib.error as error:
        raise InputError("the packed body is damaged") from error
    if not packed.eof:
        raise InputError("the packed body is cut off, or too large")
    return plain


def whole(payload: Payload, fault: InputError) -> Unreadable:
    """Return the record of a payload that its adapter cannot read, with its beginning."""
    body = payload.body
    kept: dict[str, str | int] = {"bytes": len(body), "payload": _text(body[:_KEPT])}
    for name, value in (
        ("type", payload.content_type),
        ("topic", payload.topic),
        ("query", _text(payload.query)),
    ):
        if value:
            kept[name] = value[:256]
    return Unreadable(cameras=(), code=fault.code, detail=fault.detail, kept=kept)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")


def holds_plate(payload: Payload) -> bool:
    """Return whether a member of a payload that makers call a plate has what could be one: letters and digits.

    O(n), and no more than the first 256 KiB are looked at.
    """
    return any(
        _is_name(found[1]) and _is_plate(found[2])
        for data in (payload.query[:_LOOKED_AT], payload.body[:_LOOKED_AT])
        for form in _MEMBERS
        for found in form.finditer(data)
    )


def _is_name(name: bytes) -> bool:
    local = name.rpartition(b":")[2].decode().lower()
    return "".join(filter(str.isalpha, local)) in _NAMES


def _is_plate(value: bytes) -> bool:
    text = "".join(character for character in value.decode(errors="replace") if character.isalnum())
    return 3 <= len(text) <= 12 and any(map(str.isdigit, text)) and not text.isdigit()
