"""Whether a draft widens what consultations covered, and what the charter wants for that. Pure.

The rules: docs/spec/consultations.md; what a set of powers is: docs/spec/powers.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from wicketgate.base.clock import rfc3339
from wicketgate.base.errors import DocumentRefused, InputError
from wicketgate.base.periods import add
from wicketgate.regime.charter import Charter, ConsultationRule, Need
from wicketgate.regime.documents.authority import Authority
from wicketgate.regime.fold import Regime
from wicketgate.regime.parsed import Parsed
from wicketgate.regime.powers import NOTHING, Powers, describe, of_authority, region, under_any_name
from wicketgate.regime.standing import in_force_from, to_come

_FOOTINGS = ("covered", "notice", "marked", "within", "urgent")
"""What `Judged.need` can be, the least first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What an authority widens, and on what footing it may take effect all the same.

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


def coverage(regime: Regime, parsed: Parsed, *, until_us: int) -> dict[str, Powers]:
    """Return what closed consultations cover until a time at least, by the id of the consultation."""
    found: dict[str, Powers] = {}
    for id_, taken in regime.consultations.items():
        decision = taken.decision
        if decision is None or not decision.approved or not taken.covers:
            continue
        assert decision.until_us is not None
        if decision.until_us >= until_us and isinstance(parsed.consultation(taken).draft, Authority):
            found[id_] = parsed.covered(taken)
    return found


def grown(cameras: int, charter: Charter) -> int | None:
    """Return how many cameras may be used where `cameras` are in scope and no most is named; None is any number."""
    growth = charter.limits.camera_growth
    if growth is None or cameras == 0:
        return None
    return cameras + -(-cameras * growth // 100)


def applying(charter: Charter, authority: Authority) -> Iterator[tuple[ConsultationRule, Powers]]:
    """Yield the rules on consultations that apply to an authority, and the powers about which each is."""
    for rule in charter.consultations:
        if (
            (rule.instruments is None or authority.instrument.kind in rule.instruments)
            and (rule.modes is None or authority.mode in rule.modes)
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


def judge(
    authority: Authority,
    regime: Regime,
    parsed: Parsed,
    *,
    at_us: int,
    cameras: int,
    previous_cap: int | None,
) -> Judged:
    """Return on what footing an authority may take effect.

    Parameters
    ----------
    cameras : int
        Active cameras in its scope now.
    previous_cap : int or None
        The most cameras of the version before.

    Raises
    ------
    DocumentRefused
        `widening`, `consultation-open`, `consultation-does-not-cover`, `urgent-renewed`, with the powers in words.

    Notes
    -----
    An authority that names no most of cameras gets the highest that needs nothing more than the number in its scope
    does: as many as the charter's `camera_growth` allows, or as were covered.
    """
    charter = parsed.charter(regime)
    covered = coverage(regime, parsed, until_us=authority.valid_until_us)
    refusal: DocumentRefused | None = None
    found: list[Judged] = []
    for cap in _caps(authority, charter, cameras, previous_cap, regime):
        try:
            found.append(_judge(authority, regime, parsed, charter, covered, at_us=at_us, cap=cap))
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


def _judge(
    authority: Authority,
    regime: Regime,
    parsed: Parsed,
    charter: Charter,
    covered: dict[str, Powers],
    *,
    at_us: int,
    cap: int | None,
) -> Judged:
    powers = of_authority(authority, cap)
    wider = powers
    by = []
    for id_, some in covered.items():
        if powers & some:
            by.append(id_)
            wider = wider - some
    if not wider:
        return Judged(need="covered", wider=NOTHING, by=tuple(by), due_us=None, cap=cap)
    struck = wider & _struck(regime, parsed, authority.name)
    if authority.urgent:
        if struck:
            raise _refusal(authority, regime, struck, charter, at_us)
        _refuse_renewal(authority, wider, regime, parsed, charter, at_us)
        return Judged(need="urgent", wider=wider, by=tuple(by), due_us=None, cap=cap)
    needed: dict[Need, Powers] = {"notice": NOTHING, "marked": NOTHING, "within": NOTHING, "before": NOTHING}
    withins = []
    for rule, about in applying(charter, authority):
        needed[rule.need] = needed[rule.need] | about
        if rule.within is not None and wider & about:
            withins.append(add(max(at_us, authority.valid_from_us), rule.within))
    lenient = needed["notice"] | needed["marked"] | needed["within"]
    uncovered = (wider & needed["before"]) | (wider - lenient) | struck
    if uncovered:
        raise _refusal(authority, regime, uncovered, charter, at_us)
    need = "notice"
    if wider & needed["within"]:
        need = "within"
    elif wider & needed["marked"]:
        need = "marked"
    due_us = None
    if need == "within":
        due_us = min(withins)
        for waiting_us, again in _waiting(regime, parsed, wider & needed["within"]):
            # The time runs from when such powers first took effect: no later version or name begins it anew.
            due_us = min(due_us, waiting_us)
            if waiting_us <= at_us:
                raise _refusal(authority, regime, again, charter, at_us)
    return Judged(need=need, wider=wider, by=tuple(by), due_us=due_us, cap=cap)


def _struck(regime: Regime, parsed: Parsed, name: str) -> Powers:
    """Return the powers that a court quashed or Parliament annulled, or that a court has stayed under another name.

    Nothing but a consultation brings them back, under whatever name and for whichever unit of the recipient.
    """
    found = NOTHING
    for other, named in regime.authorities.items():
        for version in named.versions:
            if version.ended_by in ("quashed", "objection") or (named.stays and other != name):
                found = found | under_any_name(parsed.powers(version))
    return found


def _waiting(regime: Regime, parsed: Parsed, powers: Powers) -> Iterator[tuple[int, Powers]]:
    """Yield by when a consultation was to cover some of the powers, which an authority had before and none covered."""
    for named in regime.authorities.values():
        for version in named.versions:
            if version.consult_due_us is None or version.consulted_us is not None:
                continue
            again = powers & under_any_name(parsed.powers(version))
            if again:
                yield version.consult_due_us, again


def _refusal(
    authority: Authority, regime: Regime, powers: Powers, charter: Charter, at_us: int
) -> DocumentRefused:
    words, until = describe(powers, charter), rfc3339(authority.valid_until_us)
    name = authority.consultation
    if name is None:
        why = f"no closed consultation covers it until {until}, and the charter wants one before"
        return DocumentRefused.naming(why, words, code="widening")
    taken = regime.consultations.get(name)
    if taken is not None and (at_us < taken.closes_us or taken.decision is None):
        what = "is open until" if at_us < taken.closes_us else "has no decision yet; it closed at"
        why = f"the consultation `{name}` {what} {rfc3339(taken.closes_us)}"
        return DocumentRefused.naming(why, words, code="consultation-open")
    what = "is not known" if taken is None else "does not cover it"
    why = f"the consultation `{name}` {what} until {until}"
    return DocumentRefused.naming(why, words, code="consultation-does-not-cover")


def _refuse_renewal(
    authority: Authority, wider: Powers, regime: Regime, parsed: Parsed, charter: Charter, at_us: int
) -> None:
    """Refuse powers that were urgent within the charter's `again_after`, whatever name or unit they were given to."""
    assert charter.urgency is not None
    begins_us = max(at_us, authority.valid_from_us)
    for named in regime.authorities.values():
        for version in named.versions:
            before = parsed.authority(version)
            if not before.urgent or version.need != "urgent":
                continue
            since_us = in_force_from(version, before)
            try:
                again_us = add(since_us, charter.urgency.again_after)
            except InputError:
                again_us = begins_us + 1  # beyond the calendar
            again = wider & under_any_name(parsed.powers(version))
            if begins_us < again_us and again:
                raise DocumentRefused.naming(
                    f"`{before.reference}` was urgent for it from {rfc3339(since_us)}; not again before "
                    f"{rfc3339(again_us)}",
                    describe(again, charter),
                    code="urgent-renewed",
                )


def fulfilled(regime: Regime, parsed: Parsed, covered: Powers, until_us: int) -> list[str]:
    """Return the `name@version` of authorities whose consultation was due and which a decision now covers.

    Parameters
    ----------
    covered : Powers
        What the decision covers that is being taken, and is not in `coverage` yet.
    until_us : int
        Until when.
    """
    found = []
    for name, named in regime.authorities.items():
        for number, version in enumerate(named.versions, 1):
            if version.consult_due_us is None or version.consulted_us is not None:
                continue
            authority = parsed.authority(version)
            left = parsed.powers(version)
            if until_us >= authority.valid_until_us:
                left = left - covered
            for some in coverage(regime, parsed, until_us=authority.valid_until_us).values():
                left = left - some
            if not left:
                found.append(f"{name}@{number}")
    return found


def resting(regime: Regime, parsed: Parsed, consultation: str, *, at_us: int, but: str) -> Iterator[str]:
    """Yield the authorities that are not over and rest on a consultation, but for one of that name.

    They rest on it if it covers some of their powers and nothing else would let those be.
    """
    if not isinstance(parsed.consultation(regime.consultations[consultation]).draft, Authority):
        return
    gone = parsed.covered(regime.consultations[consultation])
    for name, named in regime.authorities.items():
        if name == but:
            continue
        for version in to_come(named, parsed, at_us):
            authority = parsed.authority(version)
            left = parsed.powers(version) & gone
            for id_, some in coverage(regime, parsed, until_us=authority.valid_until_us).items():
                if id_ != consultation:
                    left = left - some
            if left and consultation in (*version.by, version.consulted_by):
                yield name
                break
