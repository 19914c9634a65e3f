"""Plain words and marks for a hit.

They say how two plates differ, how long is left, what was listed and what was seen. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from wicketgate.base.clock import DAY_US, HOUR_US, MINUTE_US
from wicketgate.commits.errata import HitCorrected
from wicketgate.commits.transactions import HitRaised
from wicketgate.hotlists.hits import Hit
from wicketgate.hotlists.vehicle_names import COMPARED, agree

STANDING: Mapping[str, str] = {
    "open": "Nobody has looked at it yet",
    "confirmed": "Confirmed: say what was done",
    "ended": "Ended",
    "unanswered": "Ended by the gateway: nobody answered",
}
"""How a hit stands."""
OUTCOMES: Mapping[str, str] = {
    "confirmed": "Confirmed",
    "misread": "Misread",
    "acted": "Acted on",
    "not-acted": "Not acted on",
    "unanswered": "Unanswered: nobody recorded an outcome in time",
}
REFUSED: Mapping[str, str] = {
    "needs-image": "It cannot be confirmed yet: a possible match is confirmed against its image, or an exact read of "
    "the listed plate within half an hour that make, model and colour bear out, and there is neither.",
    "needs-look": "Nothing was recorded: open the image of the plate or of the scene first.",
    "seen-missing": "Write the plate as you see it in the image.",
    "seen-differs": "The plate that you wrote is not the one on the list. Look again; if it is right, say that it is "
    "misread.",
    "already-ended": "An outcome was recorded already, perhaps by a colleague just now. It is shown below.",
    "not-confirmed": "Only a confirmed hit can be acted on. Compare it first, then confirm it.",
    "reason-missing": "Write why nothing was done.",
    "unknown-hit": "There is no such hit, or it is past its term.",
}
"""What an officer reads where an outcome is refused, by code."""
_ENTRY = {
    "markers": "Warnings",
    "reason": "Reason",
    "action": "What to do",
    "instructions": "Instructions",
    "information": "Information",
    "force_area": "Force or area",
    "source_reference": "Reference of the list’s source",
}
_DIRECTIONS = {"towards": "towards the camera", "away": "away from the camera"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Letters:
    """A plate letter by letter, compared with another.

    Each letter comes with whether it differs from the other plate's at its place.
    """

    text: str
    letters: tuple[tuple[str, bool], ...]


def compare(read: str, listed: str) -> tuple[Letters, Letters, str]:
    """Return two plates with their differences marked, and in words.

    >>> compare("AB12CDE", "A812CDE")[2]
    'They differ in 1 character: at place 2, B was read and 8 is listed.'
    >>> compare("AB12CDE", "AB12CDE")[2], compare("AB12", "AB123")[2]
    ('The same 7 characters.', 'They differ in length: 4 characters were read and 5 are listed.')
    """
    length = max(len(read), len(listed))
    differs = [read[place : place + 1] != listed[place : place + 1] for place in range(length)]
    marked = (
        Letters(text=read, letters=tuple(zip(read, differs, strict=False))),
        Letters(text=listed, letters=tuple(zip(listed, differs, strict=False))),
    )
    places = [place for place, different in enumerate(differs) if different]
    if not places:
        words = f"The same {len(read)} characters."
    elif len(read) != len(listed):
        words = f"They differ in length: {len(read)} characters were read and {len(listed)} are listed."
    else:
        each = "; ".join(
            f"at place {place + 1}, {read[place]} was read and {listed[place]} is listed" for place in places
        )
        words = f"They differ in {len(places)} character{'' if len(places) == 1 else 's'}: {each}."
    return *marked, words


def how_long(us: int) -> str:
    """Return a length of time in its two largest units.

    It is what is left of a deadline, or how far it is past.

    >>> how_long(30_000_000), how_long(840_000_000), how_long(7_260_000_000), how_long(90_000_000_000)
    ('less than a minute', '14 minutes', '2 hours 1 minute', '1 day 1 hour')
    """
    for large_us, large, small_us, small in (
        (DAY_US, "day", HOUR_US, "hour"),
        (HOUR_US, "hour", MINUTE_US, "minute"),
    ):
        if us >= large_us:
            rest = us % large_us // small_us
            return _counted(us // large_us, large) + (f" {_counted(rest, small)}" if rest else "")
    return _counted(us // MINUTE_US, "minute") if us >= MINUTE_US else "less than a minute"


def _counted(n: int, unit: str) -> str:
    return f"{n} {unit}{'' if n == 1 else 's'}"


def time_left(due_us: int, now_us: int) -> str:
    """Return the state of a deadline in words.

    docs/spec/hits.md has the deadlines.

    >>> time_left(840_000_000, 0), time_left(0, 840_000_000)
    ('14 minutes left', 'Overdue by 14 minutes')
    """
    away_us = due_us - now_us
    return f"{how_long(away_us)} left".capitalize() if away_us > 0 else f"Overdue by {how_long(-away_us)}"


def said_of_entry(entry: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the list's words on a vehicle beside its looks.

    They stand in the order in which an officer needs them.
    """
    known = [(words, entry[member]) for member, words in _ENTRY.items() if entry.get(member)]
    others = [
        (member.replace("_", " ").capitalize(), text)
        for member, text in entry.items()
        if text and member not in _ENTRY and member not in COMPARED
    ]
    return known + others


def looks(entry: Mapping[str, str], vehicle: str | None) -> list[dict[str, str | bool]]:
    """Return make, model and colour as listed and as seen.

    Those that neither says are left out.

    `differs` stands only where both say something: a camera that is silent contradicts nothing.
    """
    seen = read_vehicle(vehicle)
    rows: list[dict[str, str | bool]] = []
    for member in COMPARED:
        listed, was_seen = entry.get(member, ""), seen.get(member, "")
        if listed or was_seen:
            differs = bool(listed and was_seen) and not agree(member, listed, was_seen)
            rows.append({"what": member.capitalize(), "listed": listed, "seen": was_seen, "differs": differs})
    return rows


def erratum(one: HitCorrected, at: str) -> str:
    """Return what a correction says of a hit, in words; `at` is when it came."""
    right = f" The plate was {one.plate}." if one.plate else ""
    return (
        f"{WRONG[one.ground]} This was established at {at}.{right} What the camera read is shown as it was."
    )


WRONG = {
    "misread": "The camera misread the plate.",
    "no-plate": "There was no such plate.",
    "wrong-time": "The time of this read is wrong.",
    "wrong-place": "The place of this read is wrong.",
}
"""What was wrong with a read, in words, by the ground of an erratum."""


def differences(plates: str, hit: HitRaised, looked: Sequence[Mapping[str, str | bool]]) -> list[str]:
    """Return the differences between what is listed and what the camera saw, a sentence each."""
    said = [plates] if plates and hit.plate != hit.listed else []
    for row in looked:
        if row["differs"]:
            said.append(f"{row['what']}: {row['listed']} is listed, and the camera saw {row['seen']}.")
    return said


def read_vehicle(vehicle: str | None) -> dict[str, str]:
    """Return a camera's words on the vehicle, by name.

    There are none where they are not readable.
    """
    said = read_json(vehicle)
    return {key: str(value) for key, value in said.items() if value} if isinstance(said, dict) else {}


def read_json(text: str | None) -> Any:
    """Return the value of a JSON text, or None.

    None stands for no text and for what is not JSON.
    """
    try:
        return None if text is None else msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def where(hit: Hit) -> str:
    """Return the camera of a hit in words: `Waterloo Bridge (tfl camera ccz-0001), lane 2, towards the camera`.

    The text is empty where the camera is not known.
    """
    if hit.camera is None:
        return ""
    camera = f"{hit.source} camera {hit.camera}" if hit.source else f"camera {hit.camera}"
    named = hit.camera_name is not None and hit.camera_name != hit.camera
    words = [f"{hit.camera_name} ({camera})" if named else camera]
    number = read_json(hit.lane)
    if number is not None:
        words.append(f"lane {number}")
    heading = read_json(hit.direction)
    if isinstance(heading, str):
        words.append(_DIRECTIONS.get(heading, heading))
    return ", ".join(words)
