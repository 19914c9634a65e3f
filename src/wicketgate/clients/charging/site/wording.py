"""What the pages and letters of charging say: amounts, times and acts in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Final

from wicketgate.base.clock import to_datetime
from wicketgate.base.hours import load_zone
from wicketgate.clients.charging.cases.casebook import CaseFile
from wicketgate.clients.charging.cases.life import (
    CANCELLED,
    GROUNDS,
    Act,
    ActKind,
    CaseStanding,
    amount_of,
    refusal,
    standing_of,
)
from wicketgate.pages.charging import CaseShown, LetterShown, PriceShown
from wicketgate.regime.documents.scheme_terms import Scheme
from wicketgate.regime.documents.scheme_words import money

ACTS: Final[Mapping[ActKind, str]] = {
    "issue": "Penalty issued",
    "pay": "Payment received",
    "pay-reversed": "Payment taken back",
    "represent": "Objection made",
    "accept": "Objection accepted",
    "reject": "Objection rejected",
    "appeal": "Appeal made",
    "appeal-allowed": "Appeal allowed",
    "appeal-dismissed": "Appeal dismissed",
    "certificate": "Charge certificate issued",
    "order": "Order for recovery",
    "declare": "Statutory declaration made: begun again",
    "warrant": "Warrant issued",
    "cancel": "Cancelled",
}
OFFERED: Final[Mapping[ActKind, str]] = {
    "accept": "Accept the objection",
    "reject": "Reject the objection",
    "appeal-allowed": "The adjudicator allowed the appeal",
    "appeal-dismissed": "The adjudicator dismissed the appeal",
    "certificate": "Issue the charge certificate",
    "order": "Note the order for recovery",
    "declare": "Note a statutory declaration",
    "warrant": "Note the warrant",
}
"""What a person at the desk may do, if the clocks let them."""
_HEADINGS: Final = {
    "issued": "Penalty charge notice",
    "represented": "Your objection has reached us",
    "rejected": "Notice of rejection",
    "appealed": "Your appeal has been made",
    "dismissed": "Your appeal was dismissed",
    "certified": "Charge certificate",
    "ordered": "Order for recovery",
    "warrant": "Warrant of control",
    "paid": "Your penalty is paid",
    "cancelled": "Your penalty is cancelled",
}


def told(scheme: Scheme, at_us: int) -> str:
    """Return a moment by the clock on the wall of the scheme's zone."""
    shown = to_datetime(at_us).astimezone(load_zone(scheme.zone_name))
    return f"{shown.day} {shown:%B %Y}, {shown:%H:%M}"


def told_end(scheme: Scheme, at_us: int) -> str:
    """Return until when something may be done, by its end: a midnight is the end of the day before."""
    day, minute = scheme.local(at_us)
    return told(scheme, at_us) if minute else f"the end of {told_day(day - timedelta(days=1))}"


def told_day(day: date) -> str:
    """Return a day in words."""
    return f"{day.day} {day:%B %Y}"


def price_of(scheme: Scheme, day: date, class_: str) -> PriceShown:
    """Return what a day would cost a class of vehicle that has no discount, by the scheme alone.

    Raises
    ------
    KeyError
        If the scheme's calendar does not have the year.
    """
    lines: list[str] = []
    for zone in scheme.zones:
        for begin, end, amount in _prices(scheme, day, zone.id, class_):
            if amount:
                each = "each crossing" if scheme.unit == "crossing" else "the day"
                hours = f"{begin // 60:02}:{begin % 60:02} to {end // 60:02}:{end % 60:02}"
                lines.append(f"{zone.title}, {hours}: {money(scheme, amount)} for {each}")
    if not lines:
        return PriceShown(day=told_day(day), lines=("Nothing is charged on this day.",), deadlines=())
    cap = scheme.cap(day)
    if cap is not None:
        lines.append(f"No more than {money(scheme, cap)} for all crossings of the day")
    deadlines = []
    for window, end_us in zip(scheme.windows, scheme.deadlines(day), strict=True):
        more = f"with {money(scheme, window.surcharge)} more" if window.surcharge else "at this price"
        deadlines.append((f"Pay until {told_end(scheme, end_us)}", more))
    return PriceShown(day=told_day(day), lines=tuple(lines), deadlines=tuple(deadlines))


def _prices(scheme: Scheme, day: date, zone: str, class_: str) -> list[tuple[int, int, int]]:
    """Return the prices of a day in a zone, each with its minutes; those beside one another that are equal as one."""
    found: list[tuple[int, int, int]] = []
    for begin, end in stretches(scheme, day):
        amount = scheme.tariff(scheme.instant(day, begin), zone, class_)
        if found and found[-1][2] == amount:
            found[-1] = (found[-1][0], end, amount)
        else:
            found.append((begin, end, amount))
    return found


def stretches(scheme: Scheme, day: date) -> list[tuple[int, int]]:
    """Return the parts of a day, in minutes, within each of which nothing of the price changes."""
    edges = sorted(
        {0, 1440, *(at for one in scheme.tariffs for at in (one.span.from_minute, one.span.until_minute))}
    )
    return list(pairwise(edges))


def shown_case(scheme: Scheme, case: CaseFile, now_us: int) -> CaseShown:
    """Return a case as its keeper sees it at a moment."""
    standing = standing_of(scheme, case.acts)
    owed = max(0, amount_of(scheme, standing, now_us) - standing.paid)
    return CaseShown(
        number=case.number,
        plate=case.plate,
        day=told_day(case.day),
        state=standing.state,
        owed=money(scheme, owed) if owed else "",
        paid=money(scheme, standing.paid),
        clocks=_clocks(scheme, standing, now_us),
        acts=[(told(scheme, one.at_us), _act(scheme, one)) for one in case.acts],
        may_object=standing.state == "issued" and now_us < standing.object_us,
        may_appeal=standing.state == "rejected" and now_us < standing.appeal_us,
    )


def offered(
    scheme: Scheme, case: CaseFile, person: str, now_us: int, *, stopped: bool
) -> list[tuple[str, str]]:
    """Return the acts that a person may do in a case now, with their words."""
    return [
        (kind, words)
        for kind, words in OFFERED.items()
        if refusal(scheme, case.acts, Act(kind=kind, at_us=now_us, by=person), stopped=stopped) is None
    ]


def letter_of(scheme: Scheme, case: CaseFile, now_us: int) -> LetterShown:
    """Return the letter that says how a case stands; it is to the keeper of the day of the event."""
    shown = shown_case(scheme, case, now_us)
    keeper = case.keeper
    return LetterShown(
        case=shown,
        name="The keeper" if keeper is None else keeper.name,
        address=() if keeper is None else tuple(keeper.address),
        written=told_day(scheme.local(now_us)[0]),
        heading=_HEADINGS[shown.state],
        paragraphs=_paragraphs(scheme, case, shown),
        grounds=tuple(GROUNDS.values()) if shown.may_object else (),
    )


def _clocks(scheme: Scheme, standing: CaseStanding, now_us: int) -> list[tuple[str, str]]:
    terms, found = scheme.penalty, []
    if standing.is_live and not standing.frozen and now_us < standing.discount_us:
        found.append(
            (f"{money(scheme, terms.discounted)} is enough until", told_end(scheme, standing.discount_us))
        )
    if now_us < standing.deadline_us:
        found.append(("To be paid until", told_end(scheme, standing.deadline_us)))
    if standing.state == "issued" and now_us < standing.object_us:
        found.append(("Object until", told_end(scheme, standing.object_us)))
    if standing.state == "rejected" and now_us < standing.appeal_us:
        found.append(("Appeal until", told_end(scheme, standing.appeal_us)))
    return found


def _act(scheme: Scheme, act: Act) -> str:
    words = ACTS[act.kind]
    if act.amount:
        words += f": {money(scheme, act.amount)}"
    if act.kind == "represent":
        words += f": {GROUNDS[act.ground]}"  # type: ignore[index]
    if act.kind == "cancel":
        words += f": {CANCELLED[act.ground]}"  # type: ignore[index]
    return words


def _paragraphs(scheme: Scheme, case: CaseFile, shown: CaseShown) -> Sequence[str]:
    terms = scheme.penalty
    if shown.state == "issued":
        return (
            f"Cameras read the number plate {case.plate} in the zone on {shown.day}, and the charge was not paid in "
            "time. A person has looked at the images before this penalty was issued.",
            f"The penalty is {money(scheme, terms.amount)}. {money(scheme, terms.discounted)} is enough if we receive "
            f"it within {terms.discount_days} days. You may object within {terms.representation_days} days, on one of "
            "the grounds below; as long as your objection waits for an answer, no more is asked.",
            "The register named you as the keeper of the vehicle on that day. The keeper need not have driven it.",
            f"If you do neither, the penalty becomes {money(scheme, terms.increased)}, and a court can recover it.",
        )
    if shown.state == "cancelled":
        return ("Nothing is owed. What you paid for it is given back to you.",)
    if shown.state == "rejected":
        return (
            f"We have read what you wrote, and do not accept it. You may pay, or appeal to an independent adjudicator "
            f"within {terms.appeal_days} days; then no more is asked until they have decided.",
        )
    if shown.state in ("certified", "ordered", "warrant"):
        return (f"The penalty was neither paid nor objected to in time. {shown.owed} is owed now.",)
    return (f"This is how your penalty stands. {shown.owed or 'Nothing'} is to be paid now.",)
