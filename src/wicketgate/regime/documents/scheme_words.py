"""A charging scheme in words. Pure. docs/spec/scheme.md."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from wicketgate.base.clock import SECOND_US, rfc3339
from wicketgate.base.hours import DAYS
from wicketgate.base.periods import Period, describe_period
from wicketgate.regime.charter import Charter
from wicketgate.regime.documents.scheme_terms import DAY_KINDS, PaymentWindow, Scheme, Span, Tariff, Zone

_UNITS = {
    "day": "A vehicle is charged once for each day on which it is read.",
    "crossing": "A vehicle is charged for each crossing.",
}


def describe_scheme(scheme: Scheme, charter: Charter | None = None) -> list[str]:
    """Describe in sentences what a scheme charges whom, when and how; names come from the charter."""
    known = None if charter is None else charter.organisations.get(scheme.controller)
    name = scheme.controller if known is None else known.name
    return [
        f"{scheme.title} ({scheme.reference}), a charging scheme of {name}, by reads under the authority "
        f"`{scheme.authority}`.",
        f"It holds from {rfc3339(scheme.valid_from_us)} until {rfc3339(scheme.valid_until_us)}, and ends the version "
        f"before it. Its days are those of {scheme.zone_name}.",
        _UNITS[scheme.unit],
        *map(_zone, scheme.zones),
        *(f"It charges {_span(span)}." for span in scheme.hours),
        *_calendar(scheme),
        *(f"{_tariff(scheme, one)}." for one in scheme.tariffs),
        *_limits(scheme),
        *(
            f"{one.title}: {one.percent} % less{', on account alone' if one.account_only else ''}."
            for one in scheme.discounts.values()
        ),
        *(f"Exempt: {title}." for title in scheme.exemptions.values()),
        *_paying(scheme),
        *_enforcing(scheme),
    ]


def money(scheme: Scheme, amount: int) -> str:
    """Return an amount of minor units with its currency, in the currency's own hundredths.

    Every currency of the schemes that are known has hundredths; one without says its minor unit itself.
    """
    return f"{amount // 100}.{amount % 100:02} {scheme.currency}"


def _zone(zone: Zone) -> str:
    parts = [
        f"{words} {', '.join(sorted(groups))}"
        for words, groups in (("boundary", zone.boundary), ("inside", zone.inside))
        if groups
    ]
    through = ""
    if zone.through:
        within = describe_period(Period(us=zone.through_us))
        through = f" Whoever is read along {', '.join(zone.through)} within {within}, and nowhere else, pays nothing."
    return f"Zone {zone.title} (`{zone.id}`): cameras of {'; '.join(parts)}.{through}"


def _days(days: Collection[str]) -> str:
    ordered = [kind for kind in DAY_KINDS if kind in days]
    if ordered == list(DAYS[:5]):
        return "Monday to Friday"
    return "every day" if len(ordered) == len(DAY_KINDS) else ", ".join(ordered)


def _span(span: Span) -> str:
    return f"{_days(span.days)} {_clock(span.from_minute)} to {_clock(span.until_minute)}"


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _calendar(scheme: Scheme) -> Iterator[str]:
    for year, calendar in sorted(scheme.calendars.items()):
        for words, days in (("like a holiday", calendar.holidays), ("free of charge", calendar.free)):
            if days:
                yield f"{words.capitalize()} in {year}: {', '.join(day.isoformat() for day in sorted(days))}."
    for season in scheme.seasons:
        yield f"Season `{season.id}`: from {season.first} until {season.until}, that day not in it."


def _tariff(scheme: Scheme, tariff: Tariff) -> str:
    titles = ", ".join(title for id_, title in scheme.classes.items() if id_ in tariff.classes)
    parts = [f"{titles}: {money(scheme, tariff.amount)}, {_span(tariff.span)}"]
    if len(tariff.zones) < len(scheme.zones):
        parts.append(f"in {', '.join(sorted(tariff.zones))}")
    if len(tariff.seasons) <= len(scheme.seasons):
        parts.append(f"season {', '.join(sorted(tariff.seasons))}")
    return ", ".join(parts)


def _limits(scheme: Scheme) -> Iterator[str]:
    yield f"A vehicle of which no register says a class counts as: {scheme.classes[scheme.default_class]}."
    for cap in scheme.caps:
        seasons = f", season {', '.join(sorted(cap.seasons))}" if scheme.seasons else ""
        yield f"At most {money(scheme, cap.amount)} a day{seasons}."
    if scheme.single_us:
        within = describe_period(Period(us=scheme.single_us))
        yield f"Of crossings within {within} of the first the dearest alone is charged."


def _paying(scheme: Scheme) -> Iterator[str]:
    yield f"It can be paid from {scheme.advance_days} days before."
    for window in scheme.windows:
        more = f", {money(scheme, window.surcharge)} more" if window.surcharge else ""
        yield f"Paid until {_clock(window.until_minute)} {_deadline(window)}{more}."


def _deadline(window: PaymentWindow) -> str:
    if not window.days:
        return "on the day"
    kind = "charging day" if window.counting == "charging" else "day"
    return f"on {kind} {window.days} after it"


def _enforcing(scheme: Scheme) -> Iterator[str]:
    evidence, penalty = scheme.evidence, scheme.penalty
    yield (
        f"A penalty, and a charge to an account, need reads of two cameras, each at least "
        f"{evidence.least_confidence} % sure, or a person."
    )
    if evidence.crossing_us:
        yield f"Reads at most {evidence.crossing_us // SECOND_US} s apart are of one crossing."
    yield (
        f"The penalty for each charge that is not paid: {money(scheme, penalty.amount)}; "
        f"{money(scheme, penalty.discounted)} within {penalty.discount_days} days, {money(scheme, penalty.increased)} "
        f"after {penalty.pay_days}. It is issued within {penalty.issue_days} days of the day. Representations within "
        f"{penalty.representation_days} days, an appeal within {penalty.appeal_days}."
    )
