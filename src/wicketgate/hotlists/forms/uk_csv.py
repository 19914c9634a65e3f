"""The UK 16-field CSV of vehicles of interest.

One back office exports it so for another.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Final

from wicketgate.base.clock import from_datetime, parse_rfc3339
from wicketgate.base.errors import HotlistRefused, InputError
from wicketgate.base.hours import load_zone
from wicketgate.hotlists import TEXTS
from wicketgate.hotlists.forms.rows import Faults, FormRow, needed, plate_of, texts_of, whole_seconds

ACTIONS: Final = (
    ("do not stop", 4),
    ("no stop", 4),
    ("stop", 2),
    ("assess", 3),
    ("silent", 4),
    ("information", 4),
    ("intelligence", 4),
)
"""How an action of the UK form begins, and the priority that follows; any other action has 3."""

UK_FIELDS: Final = (
    "vrm",
    "make",
    "model",
    "colour",
    "action",
    "markers",
    "reason",
    "nim",
    "information",
    "force_area",
    "weed_date",
    "pnc_id",
    "marking",
    "cad",
    "instructions",
    "source_reference",
)
"""The 16 fields of a UK vehicle-of-interest row, in order."""

_OTHER_PRIORITY: Final = 3
_MAX_LINE: Final = 256 * 1024
_BLANKS: Final = 1_000
_VRM_HEADS: Final = frozenset({"vrm", "vrn", "plate", "registration", "registration mark"})
_LOCAL_TIME = re.compile(
    r"(?:(?P<iso>\d{4}-\d\d-\d\d)|(?P<day>\d\d)/(?P<month>\d\d)/(?P<year>\d{4}))"
    r"(?:[T ](?P<clock>\d\d:\d\d(?::\d\d)?))?",
    re.ASCII,
)


def csv_rows(body: bytes, kind: str, faults: Faults, most: int) -> Iterator[FormRow]:
    """Yield each good row, all of one kind.

    What is wrong with the others goes to `faults`. More than `most` blank rows, and some, are refused.
    """
    blank = 0
    records = csv.reader(_lines(body), strict=True)
    number = 1
    while True:
        try:
            fields = next(records, None)
        except csv.Error as error:
            # Where quotes went wrong nothing says where the next row begins.
            faults.add(number, "malformed", "not CSV as RFC 4180 has it")
            raise faults.refusal() from error
        if fields is None:
            return
        first = number == 1
        line, number = number, records.line_num + 1
        if not any(fields) or (first and _is_header(fields)):
            blank += 1
            if blank > most + _BLANKS:
                raise HotlistRefused("more blank lines than entries are allowed", code="malformed")
            continue
        try:
            yield _row(fields, line, kind)
        except InputError as error:
            faults.add(line, error.code, error.detail)


def _lines(body: bytes) -> Iterator[str]:
    """Yield the lines of a body with their ends, some decoded at a time: never is all of it there as text.

    Raises
    ------
    HotlistRefused
        `malformed` for a line longer than any row, and for what is not UTF-8.
    """
    start = len(codecs.BOM_UTF8) if body.startswith(codecs.BOM_UTF8) else 0
    while start < len(body):
        end = len(body)
        if end - start > _MAX_LINE:
            # A carriage return alone ends a line too, but not where a line feed may follow.
            end = body.rfind(b"\n", start, start + _MAX_LINE) + 1 or body.rfind(
                b"\r", start, start + _MAX_LINE
            )
            if end <= start:
                raise HotlistRefused(f"a line of more than {_MAX_LINE} bytes", code="malformed")
        try:
            text = body[start:end].decode()
        except UnicodeDecodeError as error:
            line = body.count(b"\n", 0, start + error.start) + 1
            raise HotlistRefused("the list is not UTF-8", code="malformed", lines=(line,)) from error
        yield from io.StringIO(text, newline="")
        start = end


def _is_header(fields: Sequence[str]) -> bool:
    return len(fields) == len(UK_FIELDS) and fields[0].strip().lower() in _VRM_HEADS


def _row(fields: Sequence[str], line: int, kind: str) -> FormRow:
    if len(fields) != len(UK_FIELDS):
        raise InputError(f"a row has {len(UK_FIELDS)} fields")
    row = dict(zip(UK_FIELDS, fields, strict=True))
    texts = texts_of((name, row[name]) for name in TEXTS)
    return FormRow(
        line=line,
        plate=plate_of(row["vrm"]),
        kind=kind,
        priority=_action_priority(texts.get("action", "")),
        reason=needed("reason", row["reason"]),
        expires_us=_weed_us(row["weed_date"].strip()),
        review_us=None,
        voi=None,
        texts=texts,
    )


def _action_priority(action: str) -> int:
    words = " ".join(action.lower().replace("-", " ").split())
    return next((priority for begin, priority in ACTIONS if words.startswith(begin)), _OTHER_PRIORITY)


def _weed_us(text: str) -> int | None:
    """Return a row's time of weeding.

    A day ends at its end in London, and a time without a zone is London's.
    """
    if not text:
        return None
    match = _LOCAL_TIME.fullmatch(text)
    try:
        if match is None:
            return whole_seconds(parse_rfc3339(text))
        day = match["iso"] or f"{match['year']}-{match['month']}-{match['day']}"
        local = datetime.fromisoformat(day)
        if match["clock"] is None:
            local += timedelta(days=1)
        else:
            local = datetime.combine(local, time.fromisoformat(match["clock"]))
        return from_datetime(local.replace(tzinfo=_london()).astimezone(UTC))
    except (InputError, ValueError, OverflowError) as error:
        raise InputError(
            "`weed date` is none of `dd/mm/yyyy`, `yyyy-mm-dd`, either with a time, and RFC 3339"
        ) from error


@lru_cache(maxsize=1)
def _london() -> tzinfo:
    return load_zone("Europe/London")
