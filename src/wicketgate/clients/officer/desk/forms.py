"""The forms of an officer's page: fields and one file, within bounds. Pure."""

from __future__ import annotations

from urllib.parse import parse_qsl

from wicketgate.base.errors import InputError
from wicketgate.base.multipart import FORM, FormReader

_MOST_FIELDS = 8
_URLENCODED = "application/x-www-form-urlencoded"


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
    elif kind == FORM:
        form = FormReader(content_type, most=_MOST_FIELDS)
        form.feed(body)
        pairs = [(part.name, part.body) for part in form.end()]
    else:
        raise InputError("no form of this page")
    if len(dict(pairs)) < len(pairs):
        raise InputError("a form with one field twice")
    return dict(pairs)
