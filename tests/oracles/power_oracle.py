"""Powers, one by one: slow, plain, and written from docs/spec/powers.md alone.

Sets are said in the plainest form there is: names as (members, whether all others are meant), paths as marks of which
the longest wins, numbers as pairs, minutes by zone. An authority is its document, as its officers write it.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from wicketgate.regime.powers import NOWHERE, Power, Powers

Marks = Mapping[str, bool]
"""By path; the empty path is the mark of all."""

Pairs = Sequence[tuple[int, int]]
DAY_US = 86_400_000_000
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def equivalent(one: Powers, two: Powers) -> bool:
    """Return whether two sets of powers are the same, whatever their boxes."""
    return one <= two and two <= one


# --- sets -------------------------------------------------------------------------------------------------


def name_in(members: Iterable[str], others: bool, name: str) -> bool:
    return name not in set(members) if others else name in set(members)


def path_in(marks: Marks, path: str) -> bool:
    """Return what the longest mark says that is the path or lies above it."""
    above = [mark for mark in marks if mark == "" or path == mark or path.startswith(mark + "/")]
    return marks[max(above, key=len)]


def number_in(pairs: Pairs, number: int) -> bool:
    return any(begin <= number < end for begin, end in pairs)


def minute_in(zones: Mapping[str, Pairs], elsewhere: Pairs, zone: str, minute: int) -> bool:
    return number_in(zones.get(zone, elsewhere), minute)


# --- authorities ------------------------------------------------------------------------------------------


def holds(document: Mapping[str, Any], cameras: int | None, power: Power) -> bool:
    """Return whether an authority that may use so many cameras has a power."""
    authority, scope = document["authority"], document["scope"]
    retention_us = longest_us(authority["recipient_retention"])
    own = f"{authority['recipient']}/{authority['unit']}"
    return (
        _at_or_below(power.unit, own)
        and _at_or_below(power.purpose, authority["purpose"])
        and power.source in scope["sources"]
        and (not scope["groups"] or power.group in scope["groups"])
        and ("area" not in scope or _in_area(scope["area"], power))
        and all(power.cameras <= most for most in (cameras, scope.get("max_cameras")) if most is not None)
        and power.field in scope["fields"]
        and _in_hours(scope.get("hours", []), *power.hours)
        and power.retention <= retention_us
        and (power.onward == "" or power.onward in authority.get("onward", []))
        and power.doer not in authority.get("demands", [])
        and _in_mode(document, power, retention_us)
        and _linked(document, power)
    )


def _in_mode(document: Mapping[str, Any], power: Power, retention_us: int) -> bool:
    mode = document["authority"]["mode"]
    if mode in ("bulk", "unlisted") and power.age > retention_us:
        return False
    if mode == "unlisted" and not _beyond_lists(document["unlisted"], power):
        return False
    if "search" in document:
        search = document["search"]
        breadth = search.get("breadth", {"camera_days": 0, "plates": 0})
        if mode == "search" and (
            power.mode in ("bulk", "unlisted") or not _in_hours(search.get("hours", []), *power.hours)
        ):
            return False
        if power.age > longest_us(search["max_age"]):
            return False
        if power.question not in ["", *search.get("questions", ["plate"])]:
            return False
        if power.camera_days > breadth["camera_days"] or power.plates > breadth["plates"]:
            return False
        answers = search.get("answer_retention")
        if power.answer_retention > (DAY_US // 24 if answers is None else longest_us(answers)):
            return False
        tiers = [
            (longest_us(tier["older_than"]), tier["approver"]) for tier in document["search"].get("tiers", [])
        ]
        passed = [tier for tier in tiers if power.age > tier[0]]
        return not passed or power.approval == max(passed)[1]
    if mode in ("bulk", "unlisted"):
        return True
    terms = document["match"]
    return (
        power.mode == "match"
        and power.age == 0
        and power.kind in terms["kinds"]
        and power.entries <= terms["max_entries"]
        and power.entry_life <= longest_us(terms["entry_life"])
        and power.question == ""
        and power.camera_days == power.plates == power.answer_retention == 0
    )


def _beyond_lists(terms: Mapping[str, Any], power: Power) -> bool:
    """Return whether a power is of a vehicle on no list, had while the lists are as the terms want them."""
    return (
        power.mode == "unlisted"
        and power.kind not in terms["lists"]
        and power.entries >= terms["min_entries"]
        and power.list_age <= longest_us(terms.get("stale_after", "P2D"))
        and power.shrink <= round(terms["max_shrink"] * 1_000_000)
    )


def _linked(document: Mapping[str, Any], power: Power) -> bool:
    if power.cause == "":
        return True
    terms = document.get("keeper")
    return (
        terms is not None
        and power.cause in terms["causes"]
        and power.register in terms["registers"]
        and power.links <= terms["per_day"]
        and power.linked_after >= longest_us(terms["not_before"])
    )


def _at_or_below(path: str, above: str) -> bool:
    return path == above or path.startswith(above + "/")


def _in_area(area: Mapping[str, float], power: Power) -> bool:
    if power.latitude == NOWHERE:
        return False
    south, west, north, east = (round(area[edge] * 1_000_000) for edge in ("south", "west", "north", "east"))
    return south <= power.latitude <= north and west <= power.longitude <= east


def _in_hours(hours: Sequence[Mapping[str, Any]], zone: str, minute: int) -> bool:
    inside: dict[str, set[int]] = {}
    for item in hours:
        begin, end = (int(item[edge][:2]) * 60 + int(item[edge][3:]) for edge in ("from", "until"))
        for day in item["days"]:
            minutes = range(begin, end if end > begin else end + 1440)
            inside.setdefault(item["zone"], set()).update(
                (DAYS.index(day) * 1440 + one) % 10_080 for one in minutes
            )
    if not hours or any(len(minutes) == 10_080 for minutes in inside.values()):
        return True
    return minute in inside.get(zone, set())


def longest_us(text: str) -> int:
    """Return the most that a period such as `P28D`, `P3M` or `P1Y` can last."""
    number, unit = re.fullmatch(r"P(\d+)([DMY])", text).groups()  # type: ignore[union-attr]
    if unit == "D":
        return int(number) * DAY_US
    months = int(number) * (12 if unit == "Y" else 1)
    spans = []
    for start in range(48):  # a leap year is among any four but those around 1900 and 2100
        first, last = (datetime.date(2024 + at // 12, at % 12 + 1, 1) for at in (start, start + months))
        spans.append((last - first).days)
    return max(spans) * DAY_US
