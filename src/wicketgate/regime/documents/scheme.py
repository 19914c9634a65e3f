"""A charging scheme: the document `scheme`, its shape and what must fit in it. Pure. docs/spec/scheme.md.

What one can say of it without looking at anything else is said here: that its calendar reaches as far as it does, that
it begins and ends with a day, that each of its hours has one tariff and no more.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from functools import partial
from itertools import pairwise
from typing import Any, Final

from wicketgate.base.clock import DAY_US, MINUTE_US
from wicketgate.base.errors import DocumentRefused, InputError
from wicketgate.base.hours import load_zone, parse_minute
from wicketgate.base.periods import Period, parse_period
from wicketgate.regime.charter import NAME
from wicketgate.regime.documents.scheme_terms import (
    DAY_KINDS,
    NO_SEASON,
    Calendar,
    Cap,
    Discount,
    EvidenceRule,
    PaymentWindow,
    PenaltyTerms,
    Scheme,
    Season,
    Span,
    Tariff,
    Zone,
)
from wicketgate.regime.members import Members

MOST_MINOR: Final = 1_000_000_000
"""The most minor units that anything costs."""
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_URL = re.compile(r"https://[!-~]{1,390}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_MOST_CASES: Final = 200
"""Classes times seasons times zones: for each of them the tariffs are looked at while a gateway waits."""
_MOST_TARIFFS: Final = 200
_MOST_DAYS: Final = 366


def parse_scheme(document: Mapping[str, Any]) -> Scheme:
    """Return the scheme in a document.

    Neither charter nor signatures are looked at.

    Raises
    ------
    DocumentRefused
        `malformed` or `unknown-key`, naming the member; `not-at-day-edge`, `calendar-missing`, `tariff-gap` or
        `tariff-overlap`.
    """
    root = Members(document)
    members = root.table("scheme")
    members.log()
    zones = tuple(map(_zone, root.tables("zones", least=1, most=20)))
    seasons = tuple(map(_season, root.tables("seasons", most=50)))
    classes = _titles(root, "classes", least=1)
    _refuse_twice("zones", [one.id for one in zones])
    _refuse_twice("seasons", [one.id for one in seasons])
    known_seasons = (*(one.id for one in seasons), NO_SEASON)
    discounts = tuple(map(_discount, root.tables("discounts", most=50)))
    _refuse_twice("discounts", [one.id for one in discounts])
    unit = members.one_of("unit", ("day", "crossing"))
    scheme = Scheme(
        name=members.text("name", pattern=NAME),
        version=members.integer("version", least=1, most=1_000_000),
        title=members.text("title"),
        controller=members.text("controller", pattern=NAME),
        authority=members.text("authority", pattern=NAME),
        unit="day" if unit == "day" else "crossing",
        zone_name=members.parsed("zone", _zone_name),
        currency=members.text("currency", pattern=_CURRENCY),
        valid_from_us=members.time_us("valid_from"),
        valid_until_us=members.time_us("valid_until"),
        zones=zones,
        hours=tuple(_span(one, end=True) for one in root.tables("hours", least=1, most=50)),
        calendars=_calendars(root),
        seasons=seasons,
        classes=classes,
        default_class=members.one_of("default_class", classes),
        tariffs=tuple(
            _tariff(one, classes, known_seasons, [zone.id for zone in zones])
            for one in root.tables("tariffs", least=1, most=_MOST_TARIFFS)
        ),
        caps=tuple(_cap(one, known_seasons) for one in root.tables("caps", most=50)),
        single_us=_period_us(members, "single_charge", 24 * 60) if members.has("single_charge") else 0,
        advance_days=members.integer("advance_days", least=0, most=366),
        windows=tuple(map(_window, root.tables("windows", least=1, most=10))),
        discounts={one.id: one for one in discounts},
        exemptions=_titles(root, "exemptions"),
        evidence=_evidence(root.table("evidence")),
        penalty=_penalty(root.table("penalty")),
        document=document,
    )
    members.end()
    root.end()
    _check_term(scheme)
    _check_unit(scheme)
    _check_seasons(scheme)
    _check_calendars(scheme)
    _check_tariffs(scheme, known_seasons)
    _check_money(scheme)
    return scheme


# --- its tables ---------------------------------------------------------------------------------------------


def _zone(members: Members) -> Zone:
    through = members.table("through") if members.has("through") else None
    area = members.table("area")
    zone = Zone(
        id=members.text("id", pattern=NAME),
        title=members.text("title"),
        boundary=_groups(members, "boundary"),
        inside=_groups(members, "inside"),
        through=() if through is None else through.texts("groups", least=2, most=20, pattern=NAME),
        through_us=0 if through is None else _period_us(through, "within", 24 * 60),
        area_url=area.text("url", most=400, pattern=_URL),
        area_sha256=area.text("sha256", pattern=_SHA256),
    )
    for one in (through, area, members):
        if one is not None:
            one.end()
    if not zone.boundary and not zone.inside:
        raise DocumentRefused(f"`{members.path}` has neither `boundary` nor `inside`: no read is charged")
    named = [*zone.boundary, *zone.inside, *zone.through]
    if len(set(named)) < len(named):
        raise DocumentRefused(f"`{members.path}`: one group stands in two parts of it")
    return zone


def _groups(members: Members, name: str) -> frozenset[str]:
    return frozenset(members.texts(name, pattern=NAME)) if members.has(name) else frozenset()


def _season(members: Members) -> Season:
    season = Season(
        id=members.text("id", pattern=NAME),
        first=members.parsed("from", _day),
        until=members.parsed("until", _day),
    )
    members.end()
    if season.id == NO_SEASON:
        raise DocumentRefused(f"`{members.at('id')}`: `{NO_SEASON}` is what days without a season have")
    if season.until <= season.first:
        raise DocumentRefused(f"`{members.at('until')}` is not after `from`")
    return season


def _calendars(root: Members) -> dict[int, Calendar]:
    found: dict[int, Calendar] = {}
    for one in root.tables("calendar", most=20):
        year = one.integer("year", least=1970, most=8999)
        days = partial(_days, one, year)
        calendar = Calendar(year=year, holidays=days("holidays"), free=days("free"))
        one.end()
        if year in found:
            raise DocumentRefused(f"`calendar`: {year} stands twice")
        if calendar.holidays & calendar.free:
            raise DocumentRefused(f"`{one.path}`: a day is both free and like a holiday")
        found[year] = calendar
    return found


def _days(members: Members, year: int, name: str) -> frozenset[date]:
    """Return a list of days of a year; it is written out, be it empty, so that nobody forgot it."""
    try:
        days = frozenset(map(_day, members.texts(name, least=0, most=_MOST_DAYS, pattern=_DATE)))
    except InputError as error:
        raise DocumentRefused(f"`{members.at(name)}`: {error}") from error
    if any(day.year != year for day in days):
        raise DocumentRefused(f"`{members.at(name)}` has a day of another year than {year}")
    return days


def _titles(root: Members, name: str, *, least: int = 0) -> dict[str, str]:
    found = []
    for one in root.tables(name, least=least, most=50):
        found.append((one.text("id", pattern=NAME), one.text("title")))
        one.end()
    _refuse_twice(name, [id_ for id_, _ in found])
    return dict(found)


def _span(members: Members, *, end: bool) -> Span:
    days = members.texts("days", pattern=NAME)
    unknown = set(days).difference(DAY_KINDS)
    if unknown:
        raise DocumentRefused(f"`{members.at('days')}` are of {', '.join(DAY_KINDS)}")
    span = Span(
        days=frozenset(days),
        from_minute=members.parsed("from", partial(parse_minute, most=1439)),
        until_minute=members.parsed("until", partial(parse_minute, most=1440)),
    )
    if end:
        members.end()
    if span.until_minute <= span.from_minute:
        raise DocumentRefused(f"`{members.at('until')}` is not after `from`: hours end with their day")
    return span


def _tariff(
    members: Members, classes: Collection[str], seasons: Collection[str], zones: Collection[str]
) -> Tariff:
    tariff = Tariff(
        classes=_some(members, "classes", classes),
        seasons=_some(members, "seasons", seasons),
        zones=_some(members, "zones", zones),
        span=_span(members, end=False),
        amount=members.integer("amount", least=0, most=MOST_MINOR),
    )
    members.end()
    return tariff


def _some(members: Members, name: str, known: Collection[str]) -> frozenset[str]:
    """Return what is chosen of what is known; left out, it is all."""
    if not members.has(name):
        return frozenset(known)
    chosen = frozenset(members.texts(name, pattern=NAME))
    if not chosen.issubset(known):
        raise DocumentRefused(f"`{members.at(name)}` are of {', '.join(sorted(known))}")
    return chosen


def _cap(members: Members, seasons: Collection[str]) -> Cap:
    cap = Cap(
        seasons=_some(members, "seasons", seasons),
        amount=members.integer("amount", least=1, most=MOST_MINOR),
    )
    members.end()
    return cap


def _window(members: Members) -> PaymentWindow:
    window = PaymentWindow(
        days=members.integer("days", least=0, most=100),
        counting="charging"
        if members.one_of("count", ("calendar", "charging")) == "charging"
        else "calendar",
        until_minute=members.parsed("until", partial(parse_minute, most=1440)),
        surcharge=members.integer("surcharge", least=0, most=MOST_MINOR),
    )
    members.end()
    return window


def _discount(members: Members) -> Discount:
    discount = Discount(
        id=members.text("id", pattern=NAME),
        title=members.text("title"),
        percent=members.integer("percent", least=1, most=100),
        account_only=members.has("account_only") and members.boolean("account_only"),
    )
    members.end()
    return discount


def _evidence(members: Members) -> EvidenceRule:
    rule = EvidenceRule(
        least_confidence=members.integer("least_confidence", least=0, most=100),
        crossing_us=_period_us(members, "crossing", 60) if members.has("crossing") else 0,
    )
    members.end()
    return rule


def _penalty(members: Members) -> PenaltyTerms:
    days = {
        name: members.integer(name, least=1, most=1000)
        for name in ("issue_days", "pay_days", "discount_days", "representation_days", "appeal_days")
    }
    amounts = {
        name: members.integer(name, least=1, most=MOST_MINOR)
        for name in ("amount", "discounted", "increased")
    }
    penalty = PenaltyTerms(**amounts, **days)
    members.end()
    if not penalty.discounted <= penalty.amount <= penalty.increased:
        raise DocumentRefused("`penalty`: `discounted`, `amount` and `increased` do not ascend")
    if penalty.discount_days > penalty.pay_days:
        raise DocumentRefused("`penalty.discount_days` is more than `pay_days`")
    return penalty


# --- what must fit ------------------------------------------------------------------------------------------


def _check_term(scheme: Scheme) -> None:
    for name, at_us in (("valid_from", scheme.valid_from_us), ("valid_until", scheme.valid_until_us)):
        day, _ = scheme.local(at_us)
        if scheme.instant(day) != at_us:
            raise DocumentRefused(
                f"`scheme.{name}` is not the beginning of a day in {scheme.zone_name}", code="not-at-day-edge"
            )
    if scheme.valid_until_us <= scheme.valid_from_us:
        raise DocumentRefused("`scheme.valid_until` is not after `scheme.valid_from`")


def _check_unit(scheme: Scheme) -> None:
    """Refuse what only one of the units has."""
    if scheme.unit == "day":
        if scheme.single_us or scheme.caps or scheme.evidence.crossing_us:
            raise DocumentRefused(
                "a scheme by the day has no `single_charge`, no `caps` and no `evidence.crossing`"
            )
        return
    if not scheme.evidence.crossing_us:
        raise DocumentRefused("`evidence.crossing` is missing: it says which reads are of one crossing")
    for zone in scheme.zones:
        if zone.inside or zone.through:
            raise DocumentRefused(
                f"the zone `{zone.id}` of a scheme by crossing has a boundary alone", code="unsupported"
            )


def _check_seasons(scheme: Scheme) -> None:
    ordered = sorted(scheme.seasons, key=lambda one: one.first)
    for one, after in pairwise(ordered):
        if after.first < one.until:
            raise DocumentRefused(f"`seasons`: `{one.id}` and `{after.id}` have a day in common")
    said = [season for cap in scheme.caps for season in cap.seasons]
    if len(set(said)) < len(said):
        raise DocumentRefused("`caps`: one season has two")


def _check_calendars(scheme: Scheme) -> None:
    """Refuse a calendar that ends before the scheme does, or before the last deadline of its last day."""
    for year in range(scheme.first_day.year, scheme.last_day.year + 1):
        if year not in scheme.calendars:
            raise DocumentRefused(f"`calendar` has no year {year}", code="calendar-missing")
    try:
        for day in (scheme.first_day, scheme.last_day):
            deadlines = list(scheme.deadlines(day))
            surcharges = [one.surcharge for one in scheme.windows]
            if deadlines[-1] >= scheme.instant(day, 1440) + scheme.penalty.issue_days * DAY_US:
                raise DocumentRefused("`penalty.issue_days` end before the last of `windows` does")
            if deadlines != sorted(set(deadlines)) or surcharges != sorted(surcharges):
                raise DocumentRefused("`windows`: their ends and surcharges do not ascend")
    except KeyError as error:
        raise DocumentRefused(
            f"`calendar` has no year {error}: what its last day costs could be paid until then",
            code="calendar-missing",
        ) from error
    if len({one.counting for one in scheme.windows if one.days}) > 1:
        raise DocumentRefused("`windows` count their days in two ways")


def _check_tariffs(scheme: Scheme, seasons: Collection[str]) -> None:
    """Refuse an hour without a tariff, one with two, and a tariff outside the hours."""
    if len(scheme.classes) * len(seasons) * len(scheme.zones) > _MOST_CASES:
        raise DocumentRefused(f"classes times seasons times zones are more than {_MOST_CASES}")
    hours = {kind: _joined(span for span in scheme.hours if kind in span.days) for kind in DAY_KINDS}
    for class_ in scheme.classes:
        for season in seasons:
            for zone in (one.id for one in scheme.zones):
                chosen = [
                    one.span
                    for one in scheme.tariffs
                    if class_ in one.classes and season in one.seasons and zone in one.zones
                ]
                for kind, wanted in hours.items():
                    _check_day(chosen, kind, wanted, f"`{class_}` in `{zone}`, season `{season}`, {kind}")


def _check_day(spans: Iterable[Span], kind: str, wanted: list[tuple[int, int]], where: str) -> None:
    spans = sorted((one for one in spans if kind in one.days), key=lambda one: one.from_minute)
    for one, after in pairwise(spans):
        if after.from_minute < one.until_minute:
            raise DocumentRefused(
                f"two `tariffs` at {_clock(after.from_minute)}: {where}", code="tariff-overlap"
            )
    priced = _joined(spans)
    if priced == wanted:
        return
    edges = sorted({edge for one in (*priced, *wanted) for edge in one})
    for minute in edges:
        if _inside(minute, wanted) and not _inside(minute, priced):
            raise DocumentRefused(f"no `tariffs` at {_clock(minute)}: {where}", code="tariff-gap")
    raise DocumentRefused(f"`tariffs` outside the hours: {where}")


def _joined(spans: Iterable[Span]) -> list[tuple[int, int]]:
    """Return the minutes of spans as intervals, ascending and apart."""
    found: list[tuple[int, int]] = []
    for one in sorted(spans, key=lambda one: one.from_minute):
        if found and one.from_minute <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], one.until_minute)
        else:
            found.append((one.from_minute, one.until_minute))
    return found


def _inside(minute: int, intervals: list[tuple[int, int]]) -> bool:
    return any(begin <= minute < end for begin, end in intervals)


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _check_money(scheme: Scheme) -> None:
    """Refuse a penalty below what it is a penalty for: whoever pays nothing must never pay less."""
    amounts = [*(one.amount for one in scheme.tariffs), *(one.amount for one in scheme.caps)]
    most = max(amounts) + scheme.windows[-1].surcharge
    if scheme.penalty.discounted < most:
        raise DocumentRefused(f"`penalty.discounted` is less than the {most} that a charge can come to")


# --- words of a document --------------------------------------------------------------------------------------


def _period_us(members: Members, name: str, most_minutes: int) -> int:
    period: Period = members.parsed(name, parse_period)
    if period.months or not 0 < period.us <= most_minutes * MINUTE_US:
        raise DocumentRefused(f"`{members.at(name)}` is not a time of at most {most_minutes} minutes")
    return period.us


def _zone_name(text: str) -> str:
    load_zone(text)
    return text


def _day(text: str) -> date:
    if not _DATE.fullmatch(text):
        raise InputError(f"`{text[:20]}` is not a day such as `2026-12-25`")
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"`{text}` is no day of the calendar") from error
    if not 1970 <= day.year <= 8999:
        raise InputError(f"`{text}` is outside the years 1970 to 8999")
    return day


def _refuse_twice(table: str, ids: list[str]) -> None:
    if len(set(ids)) < len(ids):
        raise DocumentRefused(f"`{table}`: one `id` stands twice")
