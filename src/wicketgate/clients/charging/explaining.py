"""Explain a vehicle's day rule by rule: what was kept of it and dropped, what it costs, and why. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from wicketgate.base.clock import rfc3339, to_datetime
from wicketgate.base.hours import load_zone
from wicketgate.clients.charging.passages import Passage
from wicketgate.clients.charging.payers import Payer
from wicketgate.clients.charging.settling import Settled, charges_of
from wicketgate.clients.charging.terms import ChargingTerms
from wicketgate.regime.documents.scheme_terms import Scheme
from wicketgate.regime.documents.waiver import Waiver

_OUTCOMES: Final = {
    "nothing": "Nothing is charged.",
    "exempt": "The vehicle is exempt: nothing is charged.",
    "account": "It goes on the vehicle's account.",
    "paid": "It is paid.",
    "open": "It may still be paid.",
    "penalty": "Nobody can pay it any more, and it is proved: a person may issue a penalty.",
    "review": "A person must look at the reads before anybody is asked for it.",
    "closed": "The time in which it could be asked for is over.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeRule:
    """A rule that was applied, and what it came to. `amount` is in minor units, where it has one."""

    rule: str
    words: str
    amount: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedDay:
    """What is known of a vehicle's day.

    Attributes
    ----------
    passages : sequence of Passage
        What is kept of its reads, without those that were withdrawn.
    withdrawn : int
        How many passages lost a row that they were kept by.
    """

    passages: Sequence[Passage]
    payer: Payer
    settled: Settled
    withdrawn: int = 0


def explain_day(
    terms: ChargingTerms, scheme: Scheme, explained: ExplainedDay, day: date, at_us: int
) -> list[ChargeRule]:
    """Return the rules that a vehicle's day comes to what it does by, in the order in which they are applied.

    Parameters
    ----------
    scheme : Scheme
        The version of the day.
    at_us : int
        Now.
    """
    settled, payer = explained.settled, explained.payer
    rules = [_version(scheme), _hours(scheme, day), *_reads(scheme, explained)]
    passages = [one for one in explained.passages if one.day == day]
    rules += _vehicle(scheme, payer)
    waivers = [one for one in terms.waived_on(day) if one.scheme == scheme.name]
    rules += [ChargeRule(rule="waiver", words=_waiver_words(one)) for one in waivers]
    if passages and settled.outcome != "exempt":
        rules += _charges(scheme, passages, waivers, payer, day)
        rules += _payments(scheme, payer, settled, day, at_us)
    rules.append(ChargeRule(rule=settled.outcome, words=_OUTCOMES[settled.outcome], amount=settled.owed))
    if settled.reviews:
        rules.append(
            ChargeRule(
                rule="evidence",
                words=(
                    f"{_times(settled.reviews, 'charge')} not proved: two cameras must have read it, each with a "
                    f"confidence of at least {scheme.evidence.least_confidence} %."
                ),
            )
        )
    return rules


def _version(scheme: Scheme) -> ChargeRule:
    return ChargeRule(
        rule="scheme", words=f"{scheme.title}, `{scheme.reference}`, charges by the {scheme.unit}."
    )


def _hours(scheme: Scheme, day: date) -> ChargeRule:
    kind = scheme.day_kind(day)
    spans = [one for one in scheme.hours if kind in one.days]
    if not spans:
        return ChargeRule(rule="hours", words=f"{day.isoformat()} is a day without charge.")
    hours = ", ".join(f"{_clock(one.from_minute)} to {_clock(one.until_minute)}" for one in spans)
    return ChargeRule(
        rule="hours", words=f"{day.isoformat()} ({kind}) is charged {hours} ({scheme.zone_name})."
    )


def _reads(scheme: Scheme, explained: ExplainedDay) -> list[ChargeRule]:
    if not explained.passages:
        words = (
            "Nothing is kept of this vehicle on this day: it was not read where and when the scheme charges, or it "
            "was settled and forgotten. Which of the two, nobody can tell from here."
        )
        return [ChargeRule(rule="kept", words=words)]
    rules = []
    for one in explained.passages:
        best = ", ".join(
            f"{_time(scheme, read.at_us)} by {read.camera} at {read.confidence} %" for read in one.best
        )
        dropped = one.count - len(one.best)
        words = f"In zone `{one.zone}` from {_time(scheme, one.first_us)} to {_time(scheme, one.last_us)}: "
        words += f"{_counted(one.count, 'read')}; kept {best}; dropped {dropped}."
        rules.append(ChargeRule(rule="kept", words=words))
    if explained.withdrawn:
        rules.append(
            ChargeRule(
                rule="withdrawn",
                words=f"Rows of {_counted(explained.withdrawn, 'passage')} were wrong: a person looks at what is left.",
            )
        )
    return rules


def _vehicle(scheme: Scheme, payer: Payer) -> list[ChargeRule]:
    vehicle = payer.vehicle
    known = vehicle.class_ if vehicle.class_ in scheme.classes else None
    words = f"Class `{known or scheme.default_class}`" + ("." if known else ", for no register says another.")
    rules = [ChargeRule(rule="class", words=words)]
    for id_ in sorted(vehicle.exemptions & scheme.exemptions.keys()):
        rules.append(ChargeRule(rule="exemption", words=f"{scheme.exemptions[id_]}."))
    for id_ in sorted(vehicle.discounts & scheme.discounts.keys()):
        one = scheme.discounts[id_]
        if vehicle.on_account or not one.account_only:
            rules.append(ChargeRule(rule="discount", words=f"{one.title}: {one.percent} % less."))
        else:
            rules.append(ChargeRule(rule="discount", words=f"{one.title}: on account alone, so not here."))
    return rules


def _charges(
    scheme: Scheme, passages: Sequence[Passage], waivers: Collection[Waiver], payer: Payer, day: date
) -> list[ChargeRule]:
    ordered = sorted(passages, key=lambda one: (one.first_us, one.zone))
    rules = []
    for one in ordered:
        alone = charges_of(scheme, [one], waivers, payer.vehicle, day)
        rules.append(
            ChargeRule(
                rule="tariff",
                words=f"The read at {_time(scheme, one.first_us)} in `{one.zone}`, by itself.",
                amount=sum(charge.amount for charge in alone),
            )
        )
    total = sum(charge.amount for charge in charges_of(scheme, ordered, waivers, payer.vehicle, day))
    if scheme.unit == "day":
        rules.append(
            ChargeRule(rule="once-a-day", words="A day is charged once, at its dearest.", amount=total)
        )
    else:
        if scheme.single_us:
            minutes = scheme.single_us // 60_000_000
            rules.append(
                ChargeRule(
                    rule="single-charge", words=f"Within {minutes} minutes the dearest crossing counts alone."
                )
            )
        if scheme.cap(day) is not None:
            rules.append(
                ChargeRule(rule="cap", words="A day costs this at the most.", amount=scheme.cap(day))
            )
        rules.append(ChargeRule(rule="crossings", words="The crossings of the day together.", amount=total))
    return rules


def _payments(scheme: Scheme, payer: Payer, settled: Settled, day: date, at_us: int) -> list[ChargeRule]:
    if payer.vehicle.on_account:
        return []
    rules = [
        ChargeRule(rule="payment", words=f"Received {rfc3339(one.received_us)}.", amount=one.amount)
        for one in sorted(payer.payments, key=lambda one: (one.received_us, one.number))
    ]
    for window, end_us in zip(scheme.windows, scheme.deadlines(day), strict=True):
        state = "open until" if at_us < end_us else "closed at"
        rules.append(
            ChargeRule(
                rule="window",
                words=f"To pay with this surcharge: {state} {rfc3339(end_us)}.",
                amount=window.surcharge,
            )
        )
    if settled.charges:
        words = f"{settled.paid} of {_counted(len(settled.charges), 'charge')} paid in time."
        rules.append(ChargeRule(rule="paid-in-time", words=words))
    return rules


def _waiver_words(one: Waiver) -> str:
    parts = [f"{one.percent} % less"] if one.percent else []
    parts += [f"{one.extra_days} days more to pay"] if one.extra_days else []
    return f"Waiver `{one.id}`: {', '.join(parts)} for captures from {rfc3339(one.from_us)} to {rfc3339(one.until_us)}."


def _time(scheme: Scheme, at_us: int) -> str:
    return to_datetime(at_us).astimezone(load_zone(scheme.zone_name)).strftime("%H:%M:%S")


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _times(number: int, noun: str) -> str:
    return f"{_counted(number, noun)} {'is' if number == 1 else 'are'}"
