"""Widenings: a draft beside the powers covered by consultations.

The draft is compared with what consultations covered, and what the charter wants for that is judged. Pure.

The rules: docs/spec/consultations.md; what a set of powers is: docs/spec/powers.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from wicketgate.base.clock import rfc3339
from wicketgate.base.errors import DocumentRefused, InputError
from wicketgate.base.periods import Period, add
from wicketgate.regime.charter import Charter, ConsultationRule, Need, named_by
from wicketgate.regime.documents.authority import Authority
from wicketgate.regime.fold import Regime
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.powers import (
    NOTHING,
    Powers,
    describe,
    in_bulk_together,
    of_authority,
    region,
    under_any_name,
)
from wicketgate.regime.standing import in_force_from

_FOOTINGS = ("covered", "notice", "marked", "within", "urgent")
"""What `Judged.need` can be, the least first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """An authority's widening, and its footing.

    On this footing it may take effect all the same.

    Attributes
    ----------
    need : str
        `covered`, `urgent`, or the strictest of `charter.Need` that it met.
    wider : Powers
        What no consultation covers.
    by : tuple of str
        The consultations that cover some of it.
    due_us : int or None
        With the need `within`: by when one must cover it.
    cap : int or None
        The most cameras that it may use at a time; None is any number.
    """

    need: str
    wider: Powers
    by: tuple[str, ...]
    due_us: int | None
    cap: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UrgentBefore:
    """Powers urgent before.

    Attributes
    ----------
    reference : str
        In which version, as `name@version`.
    since_us : int
        Since when, microseconds.
    again_us : int or None
        From when on they may be urgent again; None where that is beyond the calendar.
    """

    reference: str
    since_us: int
    again_us: int | None
    powers: Powers


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """An authority's powers, with so many cameras, beside all that took effect before.

    The clock has no part in it.

    Attributes
    ----------
    cap : int or None
        The most cameras that it may use at a time; None is any number.
    wider : Powers
        What no consultation covers.
    by : tuple of str
        The consultations that cover some of it.
    barred : Powers
        What of `wider` must have been consulted on before.
    within : Powers
        What of `wider` must be consulted on within a time.
    periods : tuple of Period
        Within which times, one for each rule of the charter.
    waiting : tuple of (int, Powers)
        What of `within` was to be covered before, and by when, microseconds.
    marked : bool
        Some of `wider` is to be marked.
    urgent_before : tuple of UrgentBefore
        Of an urgent authority: what of `wider` was urgent before.
    """

    cap: int | None
    wider: Powers
    by: tuple[str, ...]
    barred: Powers = NOTHING
    within: Powers = NOTHING
    periods: tuple[Period, ...] = ()
    waiting: tuple[tuple[int, Powers], ...] = ()
    marked: bool = False
    urgent_before: tuple[UrgentBefore, ...] = ()


def coverage(moment: RegimeAt, *, until_us: int) -> dict[str, Powers]:
    """Return the powers covered by closed consultations until a time, by consultation id.

    They are covered until that time at least.
    """
    found: dict[str, Powers] = {}
    for id_, taken in moment.regime.consultations.items():
        decision = taken.decision
        if decision is None or not decision.approved or not taken.covers:
            continue
        assert decision.until_us is not None
        if decision.until_us >= until_us and isinstance(moment.consultation(taken).draft, Authority):
            found[id_] = moment.parsed.covered(taken)
    return found


def grown(cameras: int, charter: Charter) -> int | None:
    """Return how many cameras may be used where no most is named.

    `cameras` are in scope. None is any number.
    """
    growth = charter.limits.camera_growth
    if growth is None or cameras == 0:
        return None
    return cameras + -(-cameras * growth // 100)


_BESIDE = {"match": "unlisted", "unlisted": "match"}
"""The mode that, beside an authority of a mode and on the same cameras, makes it bulk."""


def together(authority: Authority, moment: RegimeAt, powers: Powers) -> Powers:
    """Return what an authority's recipient has in bulk by it together with its other authorities, if it has `powers`.

    Match beside unlisted lets every read go. Those of all units of the recipient count, whatever their purpose, whose
    validity meets that of the authority. Versions of one name follow one another, and are never had together. The
    moment's time has no part in it.
    """
    found, beside = NOTHING, _BESIDE.get(authority.mode)
    for name, named in moment.regime.authorities.items():
        for number, version in enumerate(named.versions):
            other = moment.authority(version)
            if name == authority.name or other.mode != beside or other.recipient != authority.recipient:
                continue
            later = [in_force_from(one, moment.authority(one)) for one in named.versions[number + 1 :]]
            begins_us, ends_us = in_force_from(version, other), min([other.valid_until_us, *later])
            if (
                version.revoked_us is None
                and begins_us < authority.valid_until_us
                and ends_us > authority.valid_from_us
            ):
                found = found | in_bulk_together(powers, moment.powers(version))
    return found


def applying(
    charter: Charter, authority: Authority, mode: str | None = None
) -> Iterator[tuple[ConsultationRule, Powers]]:
    """Yield the rules on consultations for an authority, each with its powers.

    The rules apply to the authority, in its own mode or as if it were of another. The powers are those about which the
    rule is.
    """
    names = named_by(mode or authority.mode)
    for rule in charter.consultations:
        if (
            (rule.instruments is None or authority.instrument.kind in rule.instruments)
            and (rule.modes is None or not rule.modes.isdisjoint(names))
            and (rule.controllers is None or authority.controller in rule.controllers)
        ):
            yield (
                rule,
                region(
                    units=rule.units,
                    purposes=rule.purposes,
                    sources=rule.sources,
                    groups=rule.groups,
                    fields=rule.fields,
                    cameras=rule.max_cameras,
                    retention=rule.longest_retention,
                    onward=rule.onward if rule.onward is not None or rule.need == "before" else (),
                ),
            )


def compare_powers(
    authority: Authority, moment: RegimeAt, *, cameras: int, previous_cap: int | None
) -> tuple[Compared, ...]:
    """Compare an authority's powers, by number of cameras, with all in effect before.

    They are returned beside all that took effect before, for each number of cameras that it could get.

    Parameters
    ----------
    cameras : int
        Active cameras in its scope now.
    previous_cap : int or None
        The most cameras of the version before.

    Returns
    -------
    tuple of Compared
        At least one; the most cameras first.

    Notes
    -----
    This is what is costly of an admission. The moment's time has no part in it, so it stands until another document or
    other cameras take effect.
    """
    charter = moment.charter
    covered = coverage(moment, until_us=authority.valid_until_us)
    return tuple(
        _compare(authority, moment, charter, covered, cap)
        for cap in _caps(authority, charter, cameras, previous_cap, moment.regime)
    )


def judge(compared: Iterable[Compared], authority: Authority, moment: RegimeAt) -> Judged:
    """Return an authority's footing for taking effect.

    Parameters
    ----------
    compared : iterable of Compared
        As `compare_powers` returns them.

    Raises
    ------
    DocumentRefused
        `widening`, `consultation-open`, `consultation-does-not-cover`, `urgent-renewed`, with the powers in words.

    Notes
    -----
    An authority that names no most of cameras gets the highest that needs nothing more than the number in its scope
    does: as many as the charter's `camera_growth` allows, or as were covered.
    """
    charter = moment.charter
    refusal: DocumentRefused | None = None
    found: list[Judged] = []
    for one in compared:
        try:
            found.append(_judge(one, authority, moment, charter))
        except DocumentRefused as error:
            refusal = error  # the last is of the fewest cameras, and so names the fewest powers
    if found:
        return min(
            found, key=lambda judged: _FOOTINGS.index(judged.need)
        )  # of equals the first: the most cameras
    assert refusal is not None
    raise refusal


def _caps(
    authority: Authority, charter: Charter, cameras: int, previous_cap: int | None, regime: Regime
) -> list[int | None]:
    most = authority.scope.max_cameras
    if most is not None:
        return [most]
    highest = grown(cameras, charter)
    known = {previous_cap, *(taken.cap for taken in regime.consultations.values())}
    known |= {rule.max_cameras for rule in charter.consultations}
    lower = sorted(
        (cap for cap in known if cap is not None and cap >= cameras and (highest is None or cap < highest)),
        reverse=True,
    )
    return [highest, *lower, *([cameras] if cameras else [])]


def _compare(
    authority: Authority,
    moment: RegimeAt,
    charter: Charter,
    covered: dict[str, Powers],
    cap: int | None,
) -> Compared:
    own = of_authority(authority, cap)
    bulk = together(authority, moment, own)
    wider = powers = own | bulk
    by = []
    for id_, some in covered.items():
        if powers & some:
            by.append(id_)
            wider = wider - some
    if not wider:
        return Compared(cap=cap, wider=NOTHING, by=tuple(by))
    struck = wider & _struck(moment, authority.name)
    if authority.urgent:
        before = () if struck else tuple(_urgent_before(moment, charter, wider))
        return Compared(cap=cap, wider=wider, by=tuple(by), barred=struck, urgent_before=before)
    needed: dict[Need, Powers] = {"notice": NOTHING, "marked": NOTHING, "within": NOTHING, "before": NOTHING}
    periods = []
    # What it is in bulk only together with another is judged by the rules for bulk, and by them alone.
    for mode, part in ((authority.mode, wider - bulk), ("bulk", wider & bulk)):
        for rule, about in applying(charter, authority, mode) if part else ():
            needed[rule.need] = needed[rule.need] | (about & part)
            if rule.within is not None and part & about:
                periods.append(rule.within)
    lenient = needed["notice"] | needed["marked"] | needed["within"]
    barred = (wider & needed["before"]) | (wider - lenient) | struck
    within = wider & needed["within"]
    return Compared(
        cap=cap,
        wider=wider,
        by=tuple(by),
        barred=barred,
        within=within,
        periods=tuple(periods),
        waiting=() if barred or not within else tuple(_waiting(moment, within)),
        marked=bool(wider & needed["marked"]),
    )


def _judge(compared: Compared, authority: Authority, moment: RegimeAt, charter: Charter) -> Judged:
    begins_us = max(moment.at_us, authority.valid_from_us)
    dues = [add(begins_us, period) for period in compared.periods]
    if compared.barred:
        raise _refusal(authority, moment, compared.barred, charter)
    _refuse_renewal(compared.urgent_before, charter, begins_us)
    need, due_us = "notice", None
    if not compared.wider:
        need = "covered"
    elif authority.urgent:
        need = "urgent"
    elif compared.within:
        need, due_us = "within", min(dues)
        for waiting_us, again in compared.waiting:
            # The time runs from when such powers first took effect: no later version or name begins it anew.
            due_us = min(due_us, waiting_us)
            if waiting_us <= moment.at_us:
                raise _refusal(authority, moment, again, charter)
    elif compared.marked:
        need = "marked"
    return Judged(need=need, wider=compared.wider, by=compared.by, due_us=due_us, cap=compared.cap)


def _struck(moment: RegimeAt, name: str) -> Powers:
    """Return the powers quashed, annulled, or stayed under another name.

    A court quashes and stays, and Parliament annuls.

    Nothing but a consultation brings them back, under whatever name and for whichever unit of the recipient.
    """
    found = NOTHING
    for other, named in moment.regime.authorities.items():
        for version in named.versions:
            if version.ended_by in ("quashed", "objection") or (named.stays and other != name):
                found = found | under_any_name(moment.powers(version))
    return found


def _waiting(moment: RegimeAt, powers: Powers) -> Iterator[tuple[int, Powers]]:
    """Yield when a consultation was to cover some powers already held without one.

    An authority had them before and no consultation covered them.
    """
    for named in moment.regime.authorities.values():
        for version in named.versions:
            if version.consult_due_us is None or version.consulted_us is not None:
                continue
            again = powers & under_any_name(moment.powers(version))
            if again:
                yield version.consult_due_us, again


def _refusal(authority: Authority, moment: RegimeAt, powers: Powers, charter: Charter) -> DocumentRefused:
    words, until = describe(powers, charter), rfc3339(authority.valid_until_us)
    name = authority.consultation
    if name is None:
        why = f"no closed consultation covers it until {until}, and the charter wants one before"
        return DocumentRefused.naming(why, words, code="widening")
    taken = moment.regime.consultations.get(name)
    if taken is not None and (moment.at_us < taken.closes_us or taken.decision is None):
        what = "is open until" if moment.at_us < taken.closes_us else "has no decision yet; it closed at"
        why = f"the consultation `{name}` {what} {rfc3339(taken.closes_us)}"
        return DocumentRefused.naming(why, words, code="consultation-open")
    what = "is not known" if taken is None else "does not cover it"
    why = f"the consultation `{name}` {what} until {until}"
    return DocumentRefused.naming(why, words, code="consultation-does-not-cover")


def _urgent_before(moment: RegimeAt, charter: Charter, wider: Powers) -> Iterator[UrgentBefore]:
    """Yield the powers once urgent, to whatever name or unit they were given."""
    assert charter.urgency is not None
    for named in moment.regime.authorities.values():
        for version in named.versions:
            before = moment.authority(version)
            if not before.urgent or version.need != "urgent":
                continue
            again = wider & under_any_name(moment.powers(version))
            if not again:
                continue
            since_us = in_force_from(version, before)
            try:
                again_us: int | None = add(since_us, charter.urgency.again_after)
            except InputError:
                again_us = None  # beyond the calendar
            yield UrgentBefore(reference=before.reference, since_us=since_us, again_us=again_us, powers=again)


def _refuse_renewal(urgent_before: Iterable[UrgentBefore], charter: Charter, begins_us: int) -> None:
    """Refuse powers urgent before, within the charter's `again_after`."""
    for one in urgent_before:
        again_us = begins_us + 1 if one.again_us is None else one.again_us
        if begins_us < again_us:
            raise DocumentRefused.naming(
                f"`{one.reference}` was urgent for it from {rfc3339(one.since_us)}; not again before "
                f"{rfc3339(again_us)}",
                describe(one.powers, charter),
                code="urgent-renewed",
            )


def fulfilled(moment: RegimeAt, covered: Powers, until_us: int) -> list[str]:
    """Return the `name@version` of authorities due for a consultation and now covered by a decision.

    Parameters
    ----------
    covered : Powers
        What the decision covers that is being taken, and is not in `coverage` yet.
    until_us : int
        Until when.
    """
    found = []
    for name, named in moment.regime.authorities.items():
        for number, version in enumerate(named.versions, 1):
            if version.consult_due_us is None or version.consulted_us is not None:
                continue
            authority = moment.authority(version)
            left = moment.powers(version)
            left = left | together(authority, moment, left)
            if until_us >= authority.valid_until_us:
                left = left - covered
            for some in coverage(moment, until_us=authority.valid_until_us).values():
                left = left - some
            if not left:
                found.append(f"{name}@{number}")
    return found


def resting(moment: RegimeAt, consultation: str, *, but: str) -> Iterator[str]:
    """Yield the authorities not over and resting on a consultation, `but` left aside.

    They rest on it if it covers some of their powers and nothing else would let those be.
    """
    if not isinstance(moment.consultation(moment.regime.consultations[consultation]).draft, Authority):
        return
    gone = moment.parsed.covered(moment.regime.consultations[consultation])
    for name, named in moment.regime.authorities.items():
        if name == but:
            continue
        for version in moment.to_come(named):
            authority = moment.authority(version)
            held = moment.powers(version)
            left = (held | together(authority, moment, held)) & gone
            for id_, some in coverage(moment, until_us=authority.valid_until_us).items():
                if id_ != consultation:
                    left = left - some
            if left and consultation in (*version.by, version.consulted_by):
                yield name
                break
