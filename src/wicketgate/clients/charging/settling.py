"""Settle a vehicle's day: what its passages cost, what was paid in time, what is owed. Pure.

docs/spec/scheme.md, section 4. The same passages, payments and documents come to the same, in whatever order they came.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal, NamedTuple

from wicketgate.base.clock import DAY_US
from wicketgate.clients.charging.passages import Passage, two_best
from wicketgate.regime.documents.scheme_terms import Scheme
from wicketgate.regime.documents.waiver import Waiver

Outcome = Literal["nothing", "exempt", "account", "paid", "open", "penalty", "review", "closed"]
_NEEDED: Final = 2
"""Reads by as many cameras are needed for a penalty, or a charge to an account, where no person looked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargedVehicle:
    """What registers say of a vehicle on a day.

    Attributes
    ----------
    class_ : str or None
        None where no register says one.
    confirmed : bool
        Whether a person has looked at the reads, and found them to be of this vehicle.
    """

    class_: str | None = None
    discounts: frozenset[str] = frozenset()
    exemptions: frozenset[str] = frozenset()
    on_account: bool = False
    confirmed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """Money for a vehicle's day.

    Attributes
    ----------
    received_us : int
        When it was received, whenever it was imported.
    """

    number: str
    received_us: int
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What a vehicle's day comes to.

    Attributes
    ----------
    charges : tuple of int
        What each charge is, in the order of time, without surcharges and without those of nothing.
    paid : int
        How many of them, the first ones, are paid.
    owed : int
        What is owed now: on account, in a window that is open, or as penalties.
        Where a person must look first, it is what is owed if they find it so.
    penalties, reviews : int
        How many charges may have a penalty now, and how many have one if a person finds the reads to be of the vehicle.
    """

    day: date
    outcome: Outcome
    charges: tuple[int, ...] = ()
    paid: int = 0
    owed: int = 0
    penalties: int = 0
    reviews: int = 0


def settle(
    scheme: Scheme,
    passages: Iterable[Passage],
    payments: Iterable[Payment],
    waivers: Collection[Waiver],
    vehicle: ChargedVehicle,
    *,
    day: date,
    at_us: int,
    lost_through: bool = False,
) -> Settled:
    """Settle one day of one vehicle.

    Parameters
    ----------
    passages : iterable of Passage
        The vehicle's (`passages.reduce_sightings`); those of other days are left aside.
    payments : iterable of Payment
        For this vehicle and day, in any order; one that stands there twice counts once, by its number.
    at_us : int
        Now: what was received later is not known yet.
    lost_through : bool
        Whether a passage along a road through a zone was not seen whole (`passages.went_through`): alone, it is looked
        at by a person, and never charged by itself.
    """
    of_day = sorted((one for one in passages if one.day == day), key=lambda one: (one.first_us, one.zone))
    if vehicle.exemptions & scheme.exemptions.keys():
        return Settled(day=day, outcome="exempt" if of_day else "nothing")
    if not of_day:
        return Settled(day=day, outcome="review" if lost_through else "nothing")
    found = [one for one in charges_of(scheme, of_day, waivers, vehicle, day) if one.amount]
    charges = tuple(one.amount for one in found)
    if not charges:
        return Settled(day=day, outcome="nothing")
    if vehicle.on_account:
        reviews = _unproved(scheme, found, vehicle)
        outcome: Outcome = "review" if reviews else "account"
        return Settled(day=day, outcome=outcome, charges=charges, owed=sum(charges), reviews=reviews)
    ends = _ends(scheme, of_day, waivers, day)
    paid, left, number = _pay(scheme, charges, _received(scheme, payments, day, at_us), ends, at_us)
    unpaid = charges[paid:]
    if not unpaid:
        return Settled(day=day, outcome="paid", charges=charges, paid=paid)
    if at_us >= scheme.instant(day + timedelta(days=scheme.penalty.issue_days + 1)):
        return Settled(day=day, outcome="closed", charges=charges, paid=paid)
    if number < len(ends):
        owed = sum(unpaid) + len(unpaid) * scheme.windows[number].surcharge - left
        return Settled(day=day, outcome="open", charges=charges, paid=paid, owed=max(0, owed))
    reviews = _unproved(scheme, found[paid:], vehicle)
    return Settled(
        day=day,
        outcome="penalty" if reviews < len(unpaid) else "review",
        charges=charges,
        paid=paid,
        owed=len(unpaid) * scheme.penalty.amount,
        penalties=len(unpaid) - reviews,
        reviews=reviews,
    )


def count_paid(
    scheme: Scheme,
    charges: Sequence[int],
    payments: Iterable[Payment],
    *,
    day: date,
    at_us: int,
    extra_days: int = 0,
) -> int:
    """Return how many charges of a day, the first ones, were paid in time, as `settle` has it of the same charges.

    Of a day of which the reads are gone: a payment that was received in time counts whenever it is imported.
    """
    ends = _moved(scheme, day, extra_days)
    return _pay(scheme, tuple(charges), _received(scheme, payments, day, at_us), ends, at_us)[0]


# --- what it costs ------------------------------------------------------------------------------------------


class Charge(NamedTuple):
    """What is charged, and for what: each of `seen` must be proved."""

    amount: int
    seen: tuple[tuple[Passage, ...], ...]


def charges_of(
    scheme: Scheme,
    passages: Sequence[Passage],
    waivers: Collection[Waiver],
    vehicle: ChargedVehicle,
    day: date,
) -> list[Charge]:
    """Return the charges of a day, in the order of time.

    Notes
    -----
    A passage that is waived costs nothing and keeps its place: taken out, it would begin the period of a single charge
    later, and less of one charge could make more of another. Where a day has a cap it is one charge, for the same
    reason: what the cap cut off one crossing would else come back on others.
    """
    priced = [(_amount(scheme, one, waivers, vehicle), one) for one in passages]
    if scheme.unit == "day":
        amount = max((amount for amount, _ in priced), default=0)
        return [Charge(amount, (tuple(one for costs, one in priced if costs),))]
    found: list[Charge] = []
    begun_us: int | None = None
    for amount, one in priced:
        if not scheme.charged_at(one.first_us):
            continue
        if begun_us is not None and one.first_us - begun_us < scheme.single_us:
            if amount > found[-1].amount:
                found[-1] = Charge(amount, ((one,),))
        else:
            found.append(Charge(amount, ((one,),)))
            begun_us = one.first_us
    cap = scheme.cap(day)
    if cap is None:
        return found
    seen = tuple(part for charge in found if charge.amount for part in charge.seen)
    return [Charge(min(cap, sum(charge.amount for charge in found)), seen)]


def _amount(scheme: Scheme, passage: Passage, waivers: Collection[Waiver], vehicle: ChargedVehicle) -> int:
    class_ = vehicle.class_ if vehicle.class_ in scheme.classes else scheme.default_class
    assert class_ is not None
    amount = scheme.tariff(passage.first_us, passage.zone, class_)
    less = [
        one.percent
        for one in scheme.discounts.values()
        if one.id in vehicle.discounts and (vehicle.on_account or not one.account_only)
    ]
    amount = amount * (100 - max(less, default=0)) // 100
    # A day's reads are waived where the first and the last are: one before or after was charged anyway.
    waived = [
        one.percent
        for one in waivers
        if one.concerns(scheme.name, passage.zone, passage.first_us)
        and one.concerns(scheme.name, passage.zone, passage.last_us)
    ]
    return amount * (100 - max(waived, default=0)) // 100


def _unproved(scheme: Scheme, charges: Iterable[Charge], vehicle: ChargedVehicle) -> int:
    """Return how many charges nobody may be held to before a person has looked."""
    if vehicle.confirmed:
        return 0
    return sum(not all(_is_proved(scheme, part) for part in one.seen) for one in charges)


def _is_proved(scheme: Scheme, passages: tuple[Passage, ...]) -> bool:
    """Return whether two cameras saw it, each surely enough: two reads by one camera are not independent."""
    best = two_best(one for passage in passages for one in passage.best)
    return sum(one.confidence >= scheme.evidence.least_confidence for one in best) >= _NEEDED


# --- what was paid ------------------------------------------------------------------------------------------


def _ends(scheme: Scheme, passages: Iterable[Passage], waivers: Collection[Waiver], day: date) -> list[int]:
    """Return when the payment windows of a day end, as much later as a waiver of one of its passages lets it."""
    days = max(
        (
            waiver.extra_days
            for one in passages
            for waiver in waivers
            if waiver.concerns(scheme.name, one.zone, one.first_us)
        ),
        default=0,
    )
    return _moved(scheme, day, days)


def _moved(scheme: Scheme, day: date, days: int) -> list[int]:
    ends = list(scheme.deadlines(day))
    if not days:
        return ends
    local = map(scheme.local, ends)
    return [scheme.instant(last + timedelta(days=days), minute) for last, minute in local]


def _received(scheme: Scheme, payments: Iterable[Payment], day: date, at_us: int) -> list[tuple[int, int]]:
    """Return when what was received, of what counts for a day: no earlier than may be paid, and not yet to come."""
    earliest_us = scheme.instant(day) - scheme.advance_days * DAY_US
    known = {one.number: one for one in payments}
    return sorted(
        (one.received_us, one.amount) for one in known.values() if earliest_us <= one.received_us <= at_us
    )


def _pay(
    scheme: Scheme,
    charges: tuple[int, ...],
    received: list[tuple[int, int]],
    ends: list[int],
    at_us: int,
) -> tuple[int, int, int]:
    """Pay charges in the order of time, each at the surcharge of the window in which there is enough for it.

    Returns
    -------
    paid, left, number : int
        How many charges are paid, what is left of the money, and the window that is open; their number when none is.
    """
    paid, left, taken = 0, 0, 0
    for number, end_us in enumerate(ends):
        while taken < len(received) and received[taken][0] < end_us:
            left += received[taken][1]
            taken += 1
        surcharge = scheme.windows[number].surcharge
        while paid < len(charges) and left >= charges[paid] + surcharge:
            left -= charges[paid] + surcharge
            paid += 1
        if at_us < end_us:
            return paid, left, number
    return paid, left, len(ends)
