"""The forms of an officer's page: fields and one file, within bounds. Pure."""

from __future__ import annotations

from email import policy
from email.errors import MessageError
from email.parser import BytesParser
from urllib.parse import parse_qsl

from wicketgate.base.errors import InputError

_MOST_FIELDS = 8
_URLENCODED, _MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"


def fields_of(body: bytes, content_type: str) -> dict[str, bytes]:
    """Return the fields of a form by name.

    Raises
    ------
    InputError
        If it is no form, a field comes twice, or there are more than a page of ours has.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind == _URLENCODED:
        try:
            pairs = [
                (name, value.encode())
                for name, value in parse_qsl(
                    body.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict"
                )
            ]
        except ValueError as error:
            raise InputError("no form of this page") from error
    elif kind == _MULTIPART and content_type.isascii() and content_type.isprintable():
        pairs = _parts(body, content_type)
    else:
        raise InputError("no form of this page")
    if len(dict(pairs)) < len(pairs):
        raise InputError("a form with one field twice")
    return dict(pairs)


def _parts(body: bytes, content_type: str) -> list[tuple[str, bytes]]:
    head = b"Content-Type: " + content_type.encode() + b"\r\n\r\n"
    try:
        parts = list(BytesParser(policy=policy.HTTP).parsebytes(head + body).iter_parts())
        if len(parts) > _MOST_FIELDS:
            raise InputError("more fields than a form of this page has")
        found = []
        for part in parts:
            name = part.get_param("name", header="content-disposition")
            content = part.get_payload(decode=True)
            if not isinstance(name, str) or not isinstance(content, bytes):
                raise InputError("a part without a name or a content")
            found.append((name, content))
    except (MessageError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError("no form of this page") from error
    return found
