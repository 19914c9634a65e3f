"""The NDJSON form: a line an entry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from operator import attrgetter
from typing import Annotated, Final

import msgspec

from wicketgate.base.clock import parse_rfc3339, rfc3339
from wicketgate.base.errors import HotlistRefused, InputError
from wicketgate.base.shapes import Time, about, shape
from wicketgate.hotlists import MAX_TEXT, TEXTS, Entry
from wicketgate.hotlists.forms.rows import Faults, FormRow, needed, plate_of, text_of, texts_of, whole_seconds
from wicketgate.reads.cuts import array_pieces

MAX_LINE: Final = 64 * 1024
"""Bytes of one line."""

PRIORITIES: Final = {"critical": 1, "high": 2, "medium": 3, "normal": 3, "low": 4}
"""Words for priorities."""


Text = Annotated[str, shape(maxLength=MAX_TEXT)]


class HotlistLine(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, gc=False):
    """A vehicle of interest.

    docs/spec/hotlist.md says what each member means.
    """

    plate: Annotated[str, about("Case and separators do not matter.")]
    remove: Annotated[bool, about("In a change: the plate is taken off the list.")] = False
    id: Annotated[Text | None, about("The unit's own; drawn where there is none.")] = None
    kind: Annotated[Text | None, about("One that the authority's `[match]` names.")] = None
    priority: Annotated[
        int | str | None, about(f"1 to 4, or {', '.join(PRIORITIES)}: how soon a hit must be answered.")
    ] = None
    reason: Annotated[Text | None, about("Why it is listed; the duty officer reads it.")] = None
    expires_at: Annotated[
        Time | None,
        about("Not beyond what the authority allows, which is also what stands where it is left out."),
    ] = None
    review_at: Annotated[
        Time | None, about("Until then it must be reviewed and listed again; otherwise it lapses.")
    ] = None
    # A list that was got can be put.
    listed_at: Annotated[str | None, about("As `GET` shows it; not read.")] = None
    make: Text | None = None
    model: Text | None = None
    colour: Text | None = None
    action: Text | None = None
    markers: Text | None = None
    nim: Text | None = None
    information: Text | None = None
    force_area: Text | None = None
    pnc_id: Text | None = None
    marking: Text | None = None
    cad: Text | None = None
    instructions: Text | None = None
    source_reference: Text | None = None


_BLANKS: Final = 1_000
_line = msgspec.json.Decoder(HotlistLine)
_elements = msgspec.json.Decoder(list[msgspec.Raw])
_encode = msgspec.json.Encoder().encode
_texts = attrgetter(*TEXTS)
_shown_time = lru_cache(maxsize=4096)(rfc3339)  # many entries share few times


def body_lines(body: bytes, most: int) -> Iterator[bytes]:
    """Yield the lines of a body, the beginning of one that is too long.

    Raises
    ------
    HotlistRefused
        `too-many-entries` behind so many lines as a list with a blank one behind each could have.
    """
    start, number = 0, 0
    while start < len(body):
        end = body.find(b"\n", start)
        end = len(body) if end < 0 else end
        number += 1
        if number > 2 * most + _BLANKS:
            raise _too_many(most)
        yield body[start : min(end, start + MAX_LINE + 1)]
        start = end + 1


def array_lines(body: bytes, most: int) -> Iterator[bytes]:
    """Yield the elements of a JSON array, each on a line.

    Raises
    ------
    HotlistRefused
        `malformed` if it is no array, `too-many-entries` behind so many elements.
    """
    number = 0
    try:
        for piece in array_pieces(body):
            for element in _elements.decode(piece):
                number += 1
                if number > most:
                    raise _too_many(most)
                text = bytes(element)
                # A line break inside an element would make two lines of it.
                yield text if b"\n" not in text else msgspec.json.format(text, indent=-1)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, InputError) as error:
        if isinstance(error, HotlistRefused):
            raise
        raise HotlistRefused("the body is not a JSON array of entries", code="malformed") from error


def _too_many(most: int) -> HotlistRefused:
    return HotlistRefused(
        f"more than {most} lines: the authority allows so many entries, or twice as many changes",
        code="too-many-entries",
    )


def json_rows(lines: Iterable[bytes], faults: Faults, *, whole: bool) -> Iterator[FormRow]:
    """Yield the row of each good line.

    What is wrong with the others goes to `faults`. Blank lines are passed over.
    """
    for number, text in enumerate(lines, 1):
        if not text.strip():
            continue
        try:
            yield _row(text, number, whole=whole)
        except InputError as error:
            faults.add(number, error.code, error.detail)


def _row(text: bytes, number: int, *, whole: bool) -> FormRow:
    if len(text) > MAX_LINE:
        raise InputError(f"a line of more than {MAX_LINE} bytes")
    try:
        line = _line.decode(text)
    except msgspec.ValidationError as error:
        # What the library says may hold a name or a value that was sent, and so a plate.
        raise InputError("a member that is missing, unknown or of another type than it must be") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError("not a JSON object") from error
    plate = plate_of(line.plate)
    if line.remove:
        if whole:
            raise InputError("`remove` in a whole list: leave the line out")
        if line != HotlistLine(plate=line.plate, remove=True):
            raise InputError("a line that removes a plate says nothing else")
        return FormRow(
            line=number, plate=plate, kind="", priority=4, reason="", expires_us=None, review_us=None, voi=None,
            texts={},
        )  # fmt: skip
    return FormRow(
        line=number,
        plate=plate,
        kind=needed("kind", line.kind),
        priority=_priority(line.priority),
        reason=needed("reason", line.reason),
        expires_us=_time("expires_at", line.expires_at),
        review_us=_time("review_at", line.review_at),
        voi=text_of("id", line.id),
        texts=texts_of(zip(TEXTS, _texts(line), strict=True)),
    )


def _priority(value: int | str | None) -> int:
    if isinstance(value, str):
        value = PRIORITIES.get(value.strip().lower())
    if value is None or not 1 <= value <= 4:
        raise InputError(f"`priority` is 1, 2, 3 or 4, or one of {', '.join(PRIORITIES)}")
    return value


def _time(name: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return _parsed_time(text)
    except InputError as error:
        raise InputError(f"`{name}` is not an RFC 3339 time with a zone") from error


@lru_cache(maxsize=4096)
def _parsed_time(text: str) -> int:
    return whole_seconds(parse_rfc3339(text))


def hotlist_lines(entries: Iterable[Entry]) -> Iterator[bytes]:
    """Yield each entry as a line of NDJSON, with its LF.

    `parse_hotlist` takes such lines.
    """
    for entry in entries:
        line: dict[str, str | int] = {
            "id": entry.voi,
            "plate": entry.plate,
            "kind": entry.kind,
            "priority": entry.priority,
            "reason": entry.reason,
            "listed_at": _shown_time(entry.listed_us),
            "expires_at": _shown_time(entry.expires_us),
        }
        if entry.review_us is not None:
            line["review_at"] = _shown_time(entry.review_us)
        line |= {name: text for name, text in zip(TEXTS, _texts(entry), strict=True) if text is not None}
        yield _encode(line) + b"\n"
