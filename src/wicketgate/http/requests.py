"""The common work of handlers: read a body within bounds, answer with JSON."""

from __future__ import annotations

import json
import re
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

import msgspec
from msgspec.json import Decoder
from starlette.requests import Request
from starlette.responses import Response

from wicketgate.base.errors import InputError
from wicketgate.http.underway import SMALL_BODY, hold_body

NDJSON = "application/x-ndjson"
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
_T = TypeVar("_T")
MAX_NAME = 4 * 1024
"""Bytes of a body that holds a name."""
MAX_MEMBERS = 16 * 1024
"""Bytes of a body that holds a few members."""
MAX_RESPONSE = 160 * 1024
"""Bytes of a response to a consultation: a character can take twelve, in JSON as well as in a form."""
MOST_PAIRS = 40
"""Fields of a form."""
_MOST_DIGITS = 15


def media_type_of(request: Request) -> str:
    """Return the media type of the body in lower case.

    It comes without its parameters, and is empty where none is named.
    """
    return request.headers.get("content-type", "").split(";")[0].strip().lower()


def declared_length(request: Request) -> int | None:
    """Return the length of the body as it was declared, or None where it was not."""
    return number_in(request.headers.get("content-length", ""))


def number_in(text: str) -> int | None:
    """Return the number that a client's text is, or None where it is none of at most 15 digits.

    >>> number_in("12"), number_in("²"), number_in("9" * 5000), number_in("")
    (12, None, None, None)
    """
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None


async def read_body(request: Request, most: int) -> bytes:
    """Return the whole body.

    Raises
    ------
    InputError
        With the code `too-large`, once it is known to be longer than `most` bytes; the rest is not read. With the code
        `too-much-at-once`, where the caller has as much under way as it may have.
    StreamError
        With the code `busy`, where all callers together have.
    """
    length = declared_length(request) or 0
    if length > most:
        raise _too_large(most)
    held = SMALL_BODY
    if length > held:
        hold_body(request, length)  # before anything is read
        held = length
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > most:
            raise _too_large(most)
        if size > held:  # its length was not said
            hold_body(request, size - held)
            held = size
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _too_large(most: int) -> InputError:
    return InputError(f"at most {size_words(most)} in one request; nothing of it was taken", code="too-large")


def size_words(size: int) -> str:
    """Return a number of bytes in words, such as `8 MiB`."""
    return f"{size >> 20} MiB" if size >= 1 << 20 else f"{size >> 10} KiB"


def decoded(decoder: Decoder[_T], body: bytes, wrong: str) -> _T:
    """Decode a body in JSON as the handler's type.

    Parameters
    ----------
    wrong : str
        What to say of a body that is none.

    Raises
    ------
    InputError
        With `wrong` and the place, never with what stands there: a value, or an unknown member's name, is the
        caller's own and may be a plate.
    """
    try:
        found = decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        place = re.search(r"at `\$[^`]*`", str(error))
        raise InputError(f"{wrong}: look {place[0]}" if place else wrong) from error
    demand_once_each(body)
    return found


def demand_few(body: bytes, most: int) -> None:
    """Refuse a body in JSON that could make more values than `most`, before any of them is made.

    Raises
    ------
    InputError
        With the code `too-large`.
    """
    # Each value but the first stands behind one of these; in a text they count too.
    if sum(body.count(one) for one in (b",", b":", b"[", b"{")) > most:
        raise InputError(f"at most {most} values in one request; nothing of it was taken", code="too-large")


def demand_once_each(body: bytes) -> None:
    """Demand that no object of a body in JSON has a member twice: readers differ on which of the two counts.

    Raises
    ------
    InputError
        If one has, or if the body is none.
    """
    try:
        json.loads(body, object_pairs_hook=_once_each)
    except (ValueError, RecursionError) as error:
        raise InputError("a member stands there twice, or the body is no JSON") from error


def _once_each(pairs: list[tuple[str, Any]]) -> None:
    if len(pairs) > 1 and len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a member stands there twice")


def is_from_elsewhere(request: Request) -> bool:
    """Return whether a browser says that a page of another site sends this.

    Whoever says nothing is no browser, or an old one: what needs more than that has a session and its form's key.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site not in {"same-origin", "none"}
    origin = request.headers.get("origin")
    return origin is not None and host_in(origin) != request.headers.get("host", "").lower()


def host_in(origin: str) -> str:
    """Return the host and port of an `Origin` in lower case; empty where it names none."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def json_answer(value: Any, status: int = 200) -> Response:
    """Return a value as an answer in JSON."""
    return Response(msgspec.json.encode(value), status_code=status, media_type=JSON)


def private_answer(value: Any) -> Response:
    """Return a value as a JSON answer, never cached on the way.

    Nobody on the way may keep it.
    """
    answer = json_answer(value)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def form_pairs(body: bytes, most: int = MOST_PAIRS) -> list[tuple[str, str]]:
    """Return the names and values of a page's form, in its order.

    InputError for anything else, and for more than `most` fields.
    """
    try:
        return parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=most)
    except ValueError as error:
        raise InputError("this is no form of these pages") from error
