"""Plain words for the register: codes, counts, times and spans.

Pure.

Each function that is given something it does not know returns it as it stands, so that a page never hides
what a document says.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping

from markupsafe import Markup, escape

from wicketgate.base.clock import DAY_US, HOUR_US, MINUTE_US, SECOND_US, parse_rfc3339, to_datetime
from wicketgate.base.errors import InputError
from wicketgate.base.hours import describe_hours, parse_hours
from wicketgate.base.periods import describe_period, parse_period

MONTHS = (  # not strftime: its names depend on the machine's locale
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)

CONSULTATIONS: Mapping[str, tuple[str, str, str]] = {
    "announced": ("Not open yet", "blue", "It is announced. Nobody can respond yet."),
    "open": ("Open", "green", "Anybody can respond."),
    "closed": (
        "Closed",
        "yellow",
        "It has closed, and is not decided yet. It covers nothing before it is.",
    ),
    "approved": (
        "Approved",
        "purple",
        "An authority may rest on what the decision covers, as long as it does.",
    ),
    "rejected": ("Rejected", "grey", "The proposal was turned down. It covers nothing."),
    "coverage-ended": (
        "Cover has ended",
        "grey",
        "It was approved, and what it covered has run out: whoever wants the same again must consult again.",
    ),
    "quashed": ("Quashed", "red", "A court ended what it covered: nothing can rest on it any more."),
    "void": ("Void", "red", "A key had signed its decision that did not count any more: it covers nothing."),
}
MODES: Mapping[str, tuple[str, str]] = {
    "bulk": (
        "every read in scope",
        "Every vehicle that passes, whether or not anybody is looking for it (bulk).",
    ),
    "match": (
        "reads of listed vehicles, and of plates that look like a listed one",
        "Vehicles on the recipient’s list, and those whose plate looks like a listed one to a camera (match).",
    ),
    "unlisted": (
        "every read in scope of vehicles on none of the recipient’s lists",
        "Every vehicle that passes, but for those on the recipient’s lists (unlisted). It counts as bulk.",
    ),
    "search": ("answers to approved questions", "Only answers to questions that were approved (search)."),
}
FIELDS: Mapping[str, str] = {
    "plate": "number plate",
    "time": "date and time",
    "place": "place (the camera, with its name and position)",
    "vehicle": "make, model, colour and kind of vehicle",
    "patch-image": "picture of the number plate",
    "overview-image": "picture of the vehicle and what is around it",
    "keeper": "registered keeper",
}
PLACE_BY_ID = "place (the camera, by its id alone)"
"""The field `place` of an authority of version 0.3, which names no log."""
INSTRUMENTS: Mapping[str, str] = {
    "ministerial-certificate": "Certificate signed by a minister",
    "own-purpose": "The controller’s own purpose",
    "designation-notice": "Designation notice",
    "data-sharing-agreement": "Data sharing agreement",
    "statute": "Act or regulation",
    "court-order": "Court order",
}
REASONS: Mapping[str, str] = {
    "out-of-scope": "Camera or hour outside the scope",
    "not-listed": "Plate neither on the recipient’s list nor like one on it",
    "listed": "Plate on one of the recipient’s lists",
    "before-validity": "Captured before the authority began",
    "not-in-force-yet": "Authority not in force yet",
    "expired": "Authority expired",
    "revoked": "Authority revoked",
    "suspended": "Authority suspended",
    "review-overdue": "Review of the authority overdue",
    "consultation-overdue": "Consultation on the authority overdue",
    "unwitnessed": "Too few witnesses cosigned the log",
    "feed-full": "The recipient’s feed was full",
    "error": "Error while deciding (any error is a refusal)",
}
UNLISTED: Mapping[str, str] = {
    "released": "left, on none of its lists",
    "withheld": "stayed, on one of its lists",
}
ACTS: Mapping[str, str] = {
    "review": "Reviewed and continued",
    "revocation": "Revoked",
    "suspension": "Suspended",
    "resumption": "Suspension lifted",
    "challenge": "Challenged in court",
    "quashed": "Quashed by a court",
    "objection": "Objected to",
}

OUTCOMES: Mapping[str, str] = {
    "confirmed": "confirmed",
    "misread": "misread by the camera",
    "acted": "acted on",
    "not-acted": "not acted on",
    "unanswered": "never answered",
}
VEHICLES: Mapping[str, str] = {
    "vehicles": "vehicles with a hit",
    "exact": "with an exact hit",
    "possible": "with a possible hit",
    "late": "with a late read",
    "clone": "perhaps with a cloned plate",
}
"""What is counted of the hits of a month."""
ERRATA: Mapping[str, str] = {
    "vehicles": "vehicles with a correction",
    "corrected": "with the right plate in it",
}
TAKEN: Mapping[str, str] = {
    "hour": "vehicles within an hour",
    "day": "vehicles within a day",
    "later": "vehicles later",
}
"""What is counted of the corrections of a month, and of those that recipients took."""
CUSTODY: Mapping[str, str] = {
    "looked": "Rows that people looked at",
    "rows": "Rows of answers: what mode search would have released",
    "listed": "Of these, what mode match would have released, had each plate been listed when it was first named",
}
"""What is counted of the answers of a month out of a recipient's custody."""
HITS: Mapping[str, str] = {
    "exact": "exact",
    "possible": "possible",
    "late": "of those, of late reads",
    "clone": "of those, perhaps cloned plates",
}


def sentence_case(value: object) -> str:
    """Return text with its first letter as a capital."""
    text = str(value)
    return text[:1].upper() + text[1:]


def number(value: object) -> str:
    """Return a count with thousands separators.

    Anything else stays as it is.

    >>> number(1234567), number("many")
    ('1,234,567', 'many')
    """
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def count(value: object, small_cells: int) -> str:
    """Return a published count in words.

    None is a suppressed small cell.

    >>> count(None, 10), count(12, 10)
    ('fewer than 10', '12')
    """
    return f"fewer than {small_cells}" if value is None else number(value)


def per_million(value: object) -> str:
    """Return a share of a million in per cent.

    Where there is no share, it says that nothing was decided.

    >>> per_million(500_000), per_million(12), per_million(0), per_million(None)
    ('50%', '0.0012%', '0%', 'no read was decided')
    """
    if not isinstance(value, int):
        return "no read was decided"
    return f"{value / 10_000:.4f}".rstrip("0").rstrip(".") + "%"


def area(value: object) -> str:
    """Return an area of a scope in words.

    Anything else stays as it is.

    >>> area({"south": 51.4, "west": -0.2, "north": 51.6, "east": 0.1})
    'from 51.4 to 51.6 degrees north, and from -0.2 to 0.1 degrees east'
    """
    if not isinstance(value, Mapping) or set(value) != {"south", "west", "north", "east"}:
        return plain(value)
    south, west, north, east = (value[side] for side in ("south", "west", "north", "east"))
    return f"from {south} to {north} degrees north, and from {west} to {east} degrees east"


def total(values: Iterable[object], small_cells: int) -> str:
    """Return the sum of published counts in words.

    It says so where some were suppressed.

    >>> total([1200, None], 10), total([None, None], 10), total([], 10)
    ('at least 1,200', 'fewer than 20', '0')
    """
    cells = list(values)
    known = sum(value for value in cells if isinstance(value, int))
    hidden = sum(value is None for value in cells)
    if not hidden:
        return number(known)
    return f"at least {known:,}" if known else f"fewer than {hidden * small_cells:,}"


def at_us_of(value: object) -> int | None:
    if isinstance(value, int):
        return value
    try:
        return parse_rfc3339(value) if isinstance(value, str) else None
    except InputError:
        return None


def day(value: object) -> str:
    """Return the UTC date of a time: `4 July 2026`.

    The time is RFC 3339 or microseconds. Other values stay as they are.
    """
    at_us = at_us_of(value)
    if at_us is None:
        return str(value)
    at = to_datetime(at_us)
    return f"{at.day} {MONTHS[at.month - 1]} {at.year}"


def moment(value: object, *, seconds: bool = False) -> str:
    """Return a time as `4 July 2026, 16:20 UTC`.

    Anything else stays as it is.
    """
    at_us = at_us_of(value)
    if at_us is None:
        return str(value)
    return f"{day(at_us)}, {to_datetime(at_us):{'%H:%M:%S' if seconds else '%H:%M'}} UTC"


def span(start: object, end: object) -> str:
    """Return an interval as `4 July 2026, 13:00 to 14:00`.

    It has both dates where it is not of one day.
    """
    start_us, end_us = at_us_of(start), at_us_of(end)
    if start_us is None or end_us is None:
        return f"{start} to {end}"
    first, last = to_datetime(start_us), to_datetime(end_us)
    one_day = start_us < end_us and start_us // DAY_US == (end_us - 1) // DAY_US
    return f"{day(start_us)}, {first:%H:%M} to {'' if one_day else f'{day(end_us)}, '}{last:%H:%M}"


def duration(value: object) -> str:
    """Return an ISO 8601 period in words.

    Anything else stays as it is.

    >>> duration("P3M"), duration("P28D"), duration("soon")
    ('3 months', '28 days', 'soon')
    """
    try:
        return describe_period(parse_period(str(value)))
    except InputError:
        return str(value)


def hours_of(value: object) -> str:
    """Return one window of a scope's hours in words.

    Anything else stays as it is.
    """
    if not isinstance(value, Mapping) or set(value) != {"zone", "days", "from", "until"}:
        return plain(value)
    try:
        days = [str(day) for day in value["days"]] if isinstance(value["days"], list) else []
        return describe_hours(parse_hours(str(value["zone"]), days, str(value["from"]), str(value["until"])))
    except InputError:
        return plain(value)


def plain(value: object) -> str:
    """Return a member of a document as written: text as it is, else JSON."""
    return value if isinstance(value, str) else as_json(value)


def as_json(value: object, *, indent: int | None = None) -> str:
    """Return a value of a document as JSON for people.

    Read-only mappings count as objects.
    """
    return json.dumps(value, ensure_ascii=False, indent=indent, default=_thawed)


def _thawed(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else str(value)


def distance(at: object, now_us: int) -> str:
    """Return the distance of a time from now: `in 22 days`, `3 hours ago`, `now`.

    It is given in its largest whole unit.
    """
    at_us = at_us_of(at)
    if at_us is None:
        return ""
    away_us = at_us - now_us
    for unit_us, unit in ((DAY_US, "day"), (HOUR_US, "hour"), (MINUTE_US, "minute"), (SECOND_US, "second")):
        n = abs(away_us) // unit_us
        if n:
            words = f"{n:,} {unit}{'' if n == 1 else 's'}"
            return f"in {words}" if away_us > 0 else f"{words} ago"
    return "now"


def inline(value: object) -> Markup:
    """Return escaped text, with backticks made code."""
    marked = re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(value)))
    return Markup(marked)  # noqa: S704 # escaped in the line above


def prose(value: object) -> Markup:
    """Return text as escaped paragraphs, split at empty lines."""
    paragraphs = [part.strip() for part in re.split(r"\n\s*\n", str(value)) if part.strip()]
    return Markup("").join(Markup('<p class="govuk-body">{}</p>').format(inline(part)) for part in paragraphs)


def web_address(value: object) -> str:
    """Return `value` if it is a web address, else an empty text.

    Only `http` and `https` become a link.
    """
    return value if isinstance(value, str) and re.match(r"https?://[^\s/]", value, re.ASCII) else ""


def entry_place(index: object) -> str:
    """Return the place of a ledger entry in the tiles.

    It is like number 17 in the file `…/x001/234`.

    The encoding is that of C2SP tlog-tiles: 256 entries a bundle, its number in groups of three digits.
    """
    if not isinstance(index, int) or index < 0:
        return ""
    bundle, offset = divmod(index, 256)
    groups = [f"{bundle % 1000:03d}"]
    while bundle >= 1000:
        bundle //= 1000
        groups.insert(0, f"x{bundle % 1000:03d}")
    return f"number {offset} (the first is 0) in the file `/log/tile/entries/{'/'.join(groups)}`"
