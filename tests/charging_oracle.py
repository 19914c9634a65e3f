"""An independent, slow account of what five schemes charge, written from their rules and not from any document.

It shares nothing with `clients.charging`: minutes are counted one by one, reads are looked through again and again.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

Read = tuple[datetime, str, int, str]
"""When (with a zone), by which camera, how sure in percent, in which zone."""
Paid = tuple[datetime, int]

LONDON = ZoneInfo("Europe/London")
STOCKHOLM = ZoneInfo("Europe/Stockholm")

LONDON_HOLIDAYS = {
    date(2026, 8, 31),
    date(2027, 3, 26),
    date(2027, 3, 29),
}


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the beginning of a day."""
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def between_years(day: date) -> bool:
    """Return whether a day lies from Christmas Day to New Year's."""
    return (day.month, day.day) >= (12, 25) or (day.month, day.day) == (1, 1)


def london_hours(day: date) -> tuple[int, int] | None:
    """Return the first and last hour of today's charge, or None for a day without."""
    if between_years(day):
        return None
    return (12, 18) if day.weekday() >= 5 or day in LONDON_HOLIDAYS else (7, 18)


def london_today(reads: list[Read], day: date) -> list[int]:
    """Return the charges of a day: 18 pounds once, or none."""
    hours = london_hours(day)
    for at, *_ in reads:
        local = at.astimezone(LONDON)
        if local.date() == day and hours and hours[0] <= local.hour < hours[1]:
            return [1800]
    return []


def london_2003(reads: list[Read], day: date) -> list[int]:
    """Return the charges of a day: 5 pounds from 7 to half past six, Monday to Friday."""
    closed = day.weekday() >= 5 or between_years(day) or day in LONDON_HOLIDAYS
    for at, *_ in reads:
        local = at.astimezone(LONDON)
        if local.date() == day and not closed and "07:00" <= f"{local:%H:%M}" < "18:30":
            return [500]
    return []


def low_emission(reads: list[Read], day: date) -> list[int]:
    """Return the charges of a day for a vehicle that fails: 12.50 on any day but Christmas."""
    seen = any(at.astimezone(LONDON).date() == day for at, *_ in reads)
    return [1250] if seen and (day.month, day.day) != (12, 25) else []


def grouped(reads: list[Read]) -> list[list[Read]]:
    """Return reads of one zone by crossing: each is at most 30 s after another of its crossing."""
    groups = [[one] for one in set(reads)]
    joined = True
    while joined:
        joined = False
        for a in groups:
            for b in groups:
                near = any(x[3] == y[3] and abs((x[0] - y[0]).total_seconds()) <= 30 for x in a for y in b)
                if a is not b and near:
                    a.extend(b)
                    groups.remove(b)
                    joined = True
                    break
            if joined:
                break
    return groups


def bridge(reads: list[Read], day: date) -> list[int]:
    """Return the charges of a day for a car: 3.50 for each crossing from six to ten."""
    firsts = [min(one)[0].astimezone(LONDON) for one in grouped(reads)]
    return [350 for at in firsts if at.date() == day and 6 <= at.hour < 22]


HALF_HOURS = (
    ("06:00", 15, 15, 15, 15),
    ("06:30", 30, 25, 27, 22),
    ("07:00", 45, 35, 40, 30),
    ("08:30", 30, 25, 27, 22),
    ("09:00", 20, 15, 20, 15),
    ("09:30", 11, 11, 11, 11),
    ("15:00", 20, 15, 20, 15),
    ("15:30", 30, 25, 27, 22),
    ("16:00", 45, 35, 40, 30),
    ("17:30", 30, 25, 27, 22),
    ("18:00", 20, 15, 20, 15),
    ("18:30", 0, 0, 0, 0),
)
"""From when; the inner city in and out of season; Essingeleden in and out of it."""


ALL_SAINTS_EVE = date(2026, 10, 30)
"""The one day before a holiday from August to October 2026; such days are free in Stockholm."""


def stockholm(reads: list[Read], day: date) -> list[int]:
    """Return the tax of a day in 2026 from August to October: each crossing, and a cap."""
    peak = day >= date(2026, 8, 15)
    total = 0
    for crossing in grouped(reads):
        at = min(crossing)[0].astimezone(STOCKHOLM)
        if at.date() != day or day.weekday() >= 5 or day == ALL_SAINTS_EVE:
            continue
        column = (1 if peak else 2) + (2 if crossing[0][3] == "essingeleden" else 0)
        amount = 0
        for row in HALF_HOURS:
            if f"{at:%H:%M}" >= str(row[0]):
                amount = int(row[column])
        total += amount
    capped = min(total, 135 if peak else 105) * 100
    return [capped] if capped else []


def window_ends(name: str, day: date) -> list[tuple[datetime, int]]:
    """Return until when a day may be paid, each with its surcharge."""
    zone = STOCKHOLM if name == "stockholm" else LONDON
    if name == "london-2003":
        ten = datetime(day.year, day.month, day.day, 22, tzinfo=zone)
        return [(ten, 0), (midnight(day + timedelta(days=1), zone), 500)]
    if name == "scheme":
        third, left = day, 3
        while left:
            third += timedelta(days=1)
            left -= london_hours(third) is not None
        return [
            (midnight(day + timedelta(days=1), zone), 0),
            (midnight(third + timedelta(days=1), zone), 300),
        ]
    days = {"london-ulez": 3, "bridge": 1, "stockholm": 60}[name]
    return [(midnight(day + timedelta(days=days + 1), zone), 0)]


def unpaid(name: str, charges: list[int], payments: list[Paid], day: date, now: datetime) -> int:
    """Return how many charges are not paid, by trying for each number of them when the money was there."""
    spent = paid = 0
    for end, surcharge in window_ends(name, day):
        money = sum(amount for at, amount in payments if at < end and at <= now)
        while paid < len(charges) and money - spent >= charges[paid] + surcharge:
            spent += charges[paid] + surcharge
            paid += 1
        if now < end:
            break
    return len(charges) - paid


CHARGES = {
    "scheme": london_today,
    "london-2003": london_2003,
    "london-ulez": low_emission,
    "bridge": bridge,
    "stockholm": stockholm,
}
