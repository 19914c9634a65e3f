"""The stance of a version: its phase, what stops it, its end and its footing.

One value for each version at each moment, from which every sentence about it is chosen (`pages.sentences`), so that
no two of them can contradict one another. Pure.

How a version stands is `moment.RegimeAt.status`, one word that the gate's dates are held to. The stance says why, all
of it: a version can be suspended, overdue and expired at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from wicketgate.base.clock import rfc3339
from wicketgate.regime.admission.widening import coverage
from wicketgate.regime.documents.authority import Authority
from wicketgate.regime.fold import Named, Version
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.parsed import Parsed, act_of
from wicketgate.regime.standing import consultation_due, in_force_from, review_due

Phase = Literal["pending", "running", "over"]
"""Before it takes effect, from then on whether or not it is stopped, and after its end."""

Stop = Literal[
    "suspension",
    "stay",
    "quashed-consultation",
    "key-ended",
    "review-overdue",
    "consultation-overdue",
    "unwitnessed",
]
"""What keeps a version from letting anything go until it is lifted: an office's suspension, a court's stay, a court's
order on the consultation that it rests on, a charter that ended a signer's key, the two that come by the clock, and a
log that too few cosign."""

End = Literal["expired", "superseded", "revocation", "quashed", "objection"]
"""What ended a version first."""

Footing = Literal[
    "covered",
    "consulted-since",
    "notice",
    "marked",
    "urgent",
    "consultation-due",
    "consultation-missed",
    "cover-quashed",
    "cover-void",
]
"""On what consultation a version stands, or what stands in for one: covered from its beginning, or since; as notice,
marked or urgent, without one; one is due, or was and did not come; the one that covered it was quashed, or is void."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stance:
    """The stance of one version at a moment.

    Attributes
    ----------
    phase : Phase
    begun : bool
        Whether it ever took effect.
    stops : tuple of Stop
        All that stop it, each once; of a version that is over, what stopped it then and what suspends it still.
    end : End or None
        What ended it first, of a version that is over.
    footing : Footing
    part : bool
        Whether consultations covered some of it when it was signed, where they did not cover all.
    since_us : int or None
        Since when all of it is covered, with the footing `consulted-since`; microseconds.
    by : tuple of str
        The consultations that cover it, or some of it.
    """

    phase: Phase
    begun: bool
    stops: tuple[Stop, ...]
    end: End | None
    footing: Footing
    part: bool
    since_us: int | None
    by: tuple[str, ...]

    def shown(self) -> dict[str, Any]:
        """Return the stance as the register shows it."""
        return {
            "phase": self.phase,
            "begun": self.begun,
            "stops": list(self.stops),
            "end": self.end,
            "footing": self.footing,
            "part": self.part,
            "since": None if self.since_us is None else rfc3339(self.since_us),
            "by": list(self.by),
        }


def stance_of(moment: RegimeAt, named: Named, number: int) -> Stance:
    """Return the stance of a version at a moment.

    Parameters
    ----------
    number : int
        Of the version, counted from 0.
    """
    version = named.versions[number]
    authority = moment.authority(version)
    begins_us = in_force_from(version, authority)
    ended = _end(moment, named, number)
    end_us = None if ended is None else ended[0]
    begun = begins_us <= moment.at_us and (end_us is None or begins_us < end_us)
    footing, since_us, by = _footing(moment, version, authority, begins_us, end_us)
    return Stance(
        phase="over" if ended is not None else "running" if begun else "pending",
        begun=begun,
        stops=tuple(dict.fromkeys(_stops(moment, named, version, authority, end_us))),
        end=None if ended is None else ended[1],
        footing=footing,
        part=bool(version.by) and version.need != "covered",
        since_us=since_us,
        by=by,
    )


def _end(moment: RegimeAt, named: Named, number: int) -> tuple[int, End] | None:
    version = named.versions[number]
    found: list[tuple[int, End]] = []
    if version.revoked_us is not None:
        found.append((version.revoked_us, _ended_by(version)))
    found += [
        (in_force_from(later, moment.authority(later)), "superseded")
        for later in named.versions[number + 1 :]
    ]
    found.append((moment.authority(version).valid_until_us, "expired"))
    past = [one for one in found if one[0] <= moment.at_us]
    return min(past, key=lambda one: one[0], default=None)


def _ended_by(version: Version) -> End:
    match version.ended_by:
        case "quashed":
            return "quashed"
        case "objection":
            return "objection"
        case _:
            return "revocation"


def _stops(
    moment: RegimeAt, named: Named, version: Version, authority: Authority, end_us: int | None
) -> Iterator[Stop]:
    if named.suspensions:
        kinds = kinds_of_suspension(named, moment.parsed)
        yield from (kinds[id_] for id_ in named.suspensions)
    until_us = moment.at_us if end_us is None else end_us - 1  # what falls due with the end stops nothing
    due_us = review_due(version, authority)
    if due_us is not None and due_us <= until_us:
        yield "review-overdue"
    consult_us = consultation_due(version)
    if consult_us is not None and consult_us <= until_us:
        yield "consultation-overdue"
    if end_us is None and moment.regime.is_unwitnessed(authority.mode):
        yield "unwitnessed"


def kinds_of_suspension(named: Named, parsed: Parsed) -> dict[str, Stop]:
    """Return what each suspension of a name came from, by its id, of those not lifted."""
    acts = {act_of(act, parsed).id for act in named.acts if act.kind in {"suspension", "challenge"}}
    found: dict[str, Stop] = {}
    for id_ in named.suspensions:
        if id_ in acts:
            found[id_] = "stay" if id_ in named.stays else "suspension"
        else:
            found[id_] = "quashed-consultation" if id_ in named.stays else "key-ended"
    return found


_Found = tuple[Footing, int | None, tuple[str, ...]]


def _footing(
    moment: RegimeAt, version: Version, authority: Authority, begins_us: int, end_us: int | None
) -> _Found:
    by = tuple(version.by)
    if version.need == "covered":
        return _covered(moment, version, authority)
    covered = _covered_since(moment, version, authority)
    if covered is not None and (end_us is None or covered[0] < end_us):
        since_us, by = covered
        return ("covered", None, by) if since_us <= begins_us else ("consulted-since", since_us, by)
    match version.need:
        case "within":
            assert version.consult_due_us is not None
            at_us = moment.at_us if end_us is None else end_us
            return "consultation-due" if at_us < version.consult_due_us else "consultation-missed", None, by
        case "marked":
            return "marked", None, by
        case "urgent":
            return "urgent", None, by
        case _:
            return "notice", None, by


def _covered(moment: RegimeAt, version: Version, authority: Authority) -> _Found:
    """Return the footing of what was covered from its beginning: its cover may have been struck since."""
    resting = [moment.regime.consultations[id_] for id_ in version.by if id_ in moment.regime.consultations]
    if all(taken.covers for taken in resting):
        return "covered", None, tuple(version.by)
    left = moment.powers(version)
    by = []
    for id_, some in coverage(moment, until_us=authority.valid_until_us).items():
        if left & some:
            by.append(id_)
            left = left - some
    if not left:
        return "covered", None, tuple(by)
    struck: Footing = (
        "cover-quashed" if any(taken.quashed_us is not None for taken in resting) else "cover-void"
    )
    return struck, None, tuple(version.by)


def _covered_since(
    moment: RegimeAt, version: Version, authority: Authority
) -> tuple[int, tuple[str, ...]] | None:
    """Return since when decisions cover all of what none did at first, and which; None where they do not.

    With the need `within` the fold has it, since the authority hangs on it. Of the others it is computed alike.
    """
    if version.need == "within":
        if version.consulted_us is None:
            return None
        return version.consulted_us, tuple(dict.fromkeys((*version.by, version.consulted_by)))
    consultations = moment.regime.consultations
    later = (one.decision for one in consultations.values() if one.decision is not None)
    if not any(decision.at_us >= version.committed_us for decision in later):
        return None  # the usual case, without the cost of comparing powers
    covering = coverage(moment, until_us=authority.valid_until_us)
    decided_us = {
        id_: decision.at_us for id_ in covering if (decision := consultations[id_].decision) is not None
    }
    if not any(at_us >= version.committed_us for at_us in decided_us.values()):
        return None
    left = moment.powers(version)
    by = []
    for id_ in sorted(covering, key=lambda id_: (decided_us[id_], id_)):
        if left & covering[id_]:
            by.append(id_)
            left = left - covering[id_]
            if not left:
                return max(decided_us[id_], version.committed_us), tuple(by)
    return None
