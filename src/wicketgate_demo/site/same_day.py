"""One simulated day under each mode, on the page `/why-not-less`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from wicketgate.pages import phrases
from wicketgate.pages.public import FrontPart
from wicketgate.pages.story import MODE_TITLES

EXHIBIT = "exhibit.json"
"""In the gateway's folder: the same day under each mode."""
_MOST_EXHIBIT = 1 << 20
_WORDS = {
    "bulk": "Every read leaves. The recipient looks through them itself.",
    "unlisted": "What is exempt or complies with the emissions standard is on a list, and stays. Every other read "
    "leaves, and the recipient looks through them itself.",
    "match": "The gate compares. Reads of listed vehicles leave, and of plates that look like a listed one.",
    "search": "Nothing leaves by itself. Approved questions are answered, later.",
}
_LATER = "unlisted"
_COUNTS = ("reads_left", "innocent_vehicles", "noticed", "missed", "false_hits")


def ready(exhibit: object) -> dict[str, Any] | None:
    """Return the exhibit, ready for the template.

    None where it is not one.
    """
    if not isinstance(exhibit, Mapping):
        return None
    found = exhibit.get("modes")
    if not isinstance(found, Mapping):
        return None
    columns = []
    for mode in _WORDS:
        one = found.get(mode)
        if mode == _LATER and one is None:  # an exhibit of before there was this mode
            continue
        if not isinstance(one, Mapping):
            return None
        counts = {name: one.get(name) for name in _COUNTS}
        columns.append(
            {
                "id": mode,
                "title": MODE_TITLES[mode],
                "words": _WORDS[mode],
                "share": _percent(one.get("share")),
                "soon": _soon(one.get("median_notice_s")),
                "bar": _bar(one.get("share")),
                **{
                    name: "not known" if value is None else phrases.number(value)
                    for name, value in counts.items()
                },
            }
        )
    return {
        "columns": columns,
        **{name: exhibit.get(name) for name in ("reads", "wanted", "cameras", "questions", "sampling")},
    }


async def part_in(folder: Path) -> FrontPart:
    """Return the part of `/why-not-less` with a folder's exhibit."""
    return part_of(await asyncio.to_thread(_read, folder / EXHIBIT))


def part_of(exhibit: object) -> FrontPart:
    """Return the part of `/why-not-less` with an exhibit.

    Without one, the part says that there is none.
    """
    return FrontPart(template="why-not-less.html", context={"exhibit": ready(exhibit)})


def _read(path: Path) -> object:
    """Return the measurements of a file.

    None where nothing was written that can be read.
    """
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(_MOST_EXHIBIT))
    except (OSError, msgspec.DecodeError):
        return None


def _bar(value: object) -> float:
    """Return the length of a bar of 100 for a share of 1.

    Whatever is there at all is seen.
    """
    if not isinstance(value, int | float) or isinstance(value, bool) or value <= 0:
        return 0.0
    return round(min(100.0, max(0.5, 100 * value)), 2)


def _percent(value: object) -> str:
    """Return a share of 1 as per cent.

    It has as many digits as tell it from nothing.

    >>> _percent(1), _percent(0.0004), _percent(0), _percent(None)
    ('100%', '0.04%', '0%', 'not known')
    """
    if not isinstance(value, int | float) or isinstance(value, bool):
        return "not known"
    return f"{100 * value:.2g}%" if value < 0.1 else f"{100 * value:.0f}%"


def _soon(seconds: object) -> str:
    """Return a time to notice in words.

    >>> _soon(0.4), _soon(90), _soon(7200), _soon(None)
    ('less than a second', '2 minutes', '2 hours', 'never')
    """
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        return "never"
    for size, unit in ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= size:
            number = round(seconds / size)
            return f"{number} {unit}{'' if number == 1 else 's'}"
    return "less than a second"
