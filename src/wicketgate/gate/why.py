"""Say why a read was let go or was not, by which authority and which document, now or at a past moment. Pure.

It decides the read as it is described, by the single decision (`single`), on the state as it stood (`past`). Whether
there was such a read is another question: the openings answer that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from wicketgate.base.clock import rfc3339, to_datetime
from wicketgate.base.errors import WicketgateError
from wicketgate.base.hours import DAYS, describe_hours, load_zone
from wicketgate.commits.cameras import Camera
from wicketgate.gate.answered import AuthorityAnswer
from wicketgate.gate.decide import Looks
from wicketgate.gate.single import AuthorityTerms, Decider, SearchReason, Verdict
from wicketgate.gate.tables import terms_at
from wicketgate.gate.terms import Reason
from wicketgate.regime.charter import Charter
from wicketgate.regime.documents.acts import ENDING
from wicketgate.regime.documents.authority import Authority, MatchTerms
from wicketgate.regime.documents.fields import fields_in_words
from wicketgate.regime.documents.signatures import signers
from wicketgate.regime.documents.unlisted_terms import UnlistedTerms
from wicketgate.regime.fold import ActTaken, Named, Version
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.parsed import act_of
from wicketgate.regime.stance import kinds_of_suspension
from wicketgate.regime.standing import consultation_due, in_force_from, review_due

Listed = Callable[[str, MatchTerms | UnlistedTerms], Looks | None]
"""Returns the hotlist of an authority's name as of the moment asked about; None where it is not kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyQuestion:
    """A described read, and its possible recipients.

    Attributes
    ----------
    source, camera : str
        The camera's source and its id there.
    captured_us : int
        The time of capture, microseconds since the epoch.
    received_us : int or None
        When the gateway took it; without it nothing is said of lateness.
    plate : str or None
        In normal form; without it nothing is said of hotlists.
    authority, recipient : str or None
        An authority's name; or a unit, `organisation/unit`, for all that it has.
    """

    source: str
    camera: str
    captured_us: int
    received_us: int | None = None
    plate: str | None = None
    authority: str | None = None
    recipient: str | None = None


def answer(
    question: WhyQuestion,
    moment: RegimeAt,
    cameras: Sequence[Camera],
    listed: Listed,
    full: Set[str] = frozenset(),
) -> tuple[AuthorityAnswer, ...]:
    """Return the answer of each authority in a question.

    Parameters
    ----------
    question : WhyQuestion
        It names an authority or a recipient.
    moment : RegimeAt
        The moment of the decision, and the regime as it stood then: `past.rewind`, or the committed one.
    cameras : sequence of Camera
        The register of cameras as it stood then, by number.
    listed : callable
        Gives each authority's hotlist as of then, under its terms; None where it is not kept.
    full : set of str
        The names whose feeds are full.

    Returns
    -------
    tuple of AuthorityAnswer
        One for each authority concerned, by name; for a recipient without any none.
    """
    names = [question.authority] if question.authority is not None else _names_of(question, moment)
    return tuple(
        _Asked(question, moment, cameras, name).answer(listed, name in full)
        if name in moment.regime.authorities
        else _never(name)
        for name in names
    )


def _names_of(question: WhyQuestion, moment: RegimeAt) -> list[str]:
    return sorted(
        name
        for name, named in moment.regime.authorities.items()
        if moment.authority(named.versions[0]).whose == question.recipient
    )


def _never(name: str) -> AuthorityAnswer:
    return AuthorityAnswer(
        authority=name,
        recipient=None,
        purpose=None,
        mode=None,
        allowed=False,
        reason="no-authority",
        fields=(),
        listed=None,
        words=(f"No authority `{name}` had been committed: without one nothing leaves.",),
    )


class _Asked:
    """One authority's version at the moment, and the read."""

    def __init__(self, question: WhyQuestion, moment: RegimeAt, cameras: Sequence[Camera], name: str) -> None:
        self.question, self.moment, self.cameras = question, moment, cameras
        self.named: Named = moment.regime.authorities[name]
        number = moment.current(self.named)
        self.version: Version = self.named.versions[number]
        self.authority: Authority = moment.authority(self.version)
        self.name = name
        places = [f"{camera.source}/{camera.id}" for camera in cameras]
        place = f"{question.source}/{question.camera}"
        self.number = places.index(place) if place in places else None
        self.places = places

    @property
    def camera(self) -> Camera:
        """The read's camera.

        It may be asked for only where the register had one.
        """
        assert self.number is not None
        return self.cameras[self.number]

    def answer(self, listed: Listed, full: bool) -> AuthorityAnswer:
        """Decide, and explain the decision."""
        if self.number is None:
            return self._answer(
                False,
                "unknown-camera",
                [
                    f"The register had no camera `{self.question.camera}` of `{self.question.source}`: what it "
                    "sends goes to the quarantine, and no authority is asked."
                ],
            )
        item = terms_at(
            self.moment,
            self.cameras,
            self.name,
            captured_us=self.question.captured_us,
            full=full,
        )
        verdict, asked = self._decide(item, listed)
        words = list(self._words(verdict, item))
        if self.authority.listing is not None and verdict.allowed is None:
            words.append(
                "Whether an entry of its list is for it cannot be said: "
                + (
                    "no plate was given."
                    if self.question.plate is None
                    else "the list has changed since, and as of then it is not kept in the clear. The openings of "
                    "that second have the facts of its hits."
                )
            )
        if not self.camera.active:
            words.append(f"Its source had taken the camera `{self.camera.id}` off the register.")
        fields = () if verdict.allowed is False else self.authority.scope.fields
        return self._answer(verdict.allowed, verdict.reason, words, fields=fields, listed=asked)

    def _decide(self, item: AuthorityTerms, listed: Listed) -> tuple[Verdict, bool | None]:
        """Return the verdict, and the list's answer if asked."""
        reference = item.terms.reference
        plate: str | None = None
        lists: Mapping[str, Looks] = {}
        terms = self.authority.unlisted or self.authority.match
        if terms is not None and self.question.plate is not None:
            hotlist = listed(self.name, terms)
            if hotlist is not None:
                plate, lists = self.question.plate, {reference: hotlist}
        assert self.number is not None
        verdict = Decider([item], self.places).decide(
            reference, self.number, self.question.captured_us, self.moment.at_us, plate=plate, lists=lists
        )
        if terms is None or verdict.allowed is None:
            return verdict, None
        if verdict.allowed:
            return verdict, self.authority.unlisted is None
        return verdict, {"not-listed": False, "listed": True}.get(verdict.reason or "")

    def _answer(
        self,
        allowed: bool | None,
        reason: str | None,
        words: Iterable[str],
        *,
        fields: tuple[str, ...] = (),
        listed: bool | None = None,
    ) -> AuthorityAnswer:
        return AuthorityAnswer(
            authority=self.authority.reference,
            recipient=self.authority.whose,
            purpose=self.authority.purpose,
            mode=self.authority.mode,
            allowed=allowed,
            reason=reason,
            fields=fields,
            listed=listed,
            words=tuple(words),
        )

    # --- in words ------------------------------------------------------------------------------------------------

    def _words(self, verdict: Verdict, item: AuthorityTerms) -> Iterator[str]:
        authority, reference = self.authority, f"`{self.authority.reference}`"
        if verdict.reason is not None:
            yield f"{reference} did not let it go: {self._why(verdict.reason)}."
            return
        if verdict.allowed:
            would = "lets it go"
        elif authority.unlisted is None:
            would = "lets it go if its list has an entry for it"
        else:
            would = "lets it go if none of its lists has an entry for it"
        inside = ", and inside its hours" if authority.scope.hours else ""
        yield (
            f"{reference} {would}: {self._in_scope()}, and it was captured within the validity, from "
            f"{rfc3339(authority.valid_from_us)} until {rfc3339(authority.valid_until_us)}{inside}."
        )
        yield (
            f"The authority is in force since {rfc3339(in_force_from(self.version, authority))} "
            f"(entry {self.version.entry}{self._signed(self.version.envelope, self.version.entry)})."
        )
        if verdict.hits is not None:
            exact = bool(getattr(verdict.hits, "exact", [True])[0])
            yield (
                "An entry of its list is for it, exactly."
                if exact
                else "An entry of its list is for it as a possible match: letters that cameras confuse differ."
            )
        if authority.unlisted is not None and verdict.allowed:
            yield "None of its lists has an entry for it, and all of them could be relied on."
        if self.version.need in {"marked", "within", "urgent"} and self.version.consulted_us is None:
            yield f"No consultation has covered all of it: it runs as `{self.version.need}`."
        yield f"What leaves of it: {', '.join(fields_in_words(authority.scope.fields, authority.log))}."
        charter = self.moment.charter
        received_us = self.question.received_us
        if received_us is not None and received_us - self.question.captured_us > charter.limits.late_after_us:
            yield "It came late: it is released with that mark, and is never a live hit."

    def _why(self, reason: Reason | SearchReason) -> str:
        authority, version = self.authority, self.version
        captured = rfc3339(self.question.captured_us)
        match reason:
            case "revoked":
                assert version.revoked_us is not None
                return f"it ended on {rfc3339(version.revoked_us)}{self._ended_by()}"
            case "suspended":
                return " and ".join(self._suspended())
            case "unwitnessed":
                told = self.moment.regime.witnessing[-1]
                return (
                    f"since {rfc3339(told.at_us)} the log is not cosigned by as many witnesses as the charter demands "
                    f"(entry {told.entry})"
                )
            case "feed-full":
                return "its feed is full, and the recipient must take what is there first"
            case "error":
                if authority.unlisted is not None:
                    return (
                        "its terms could not be used, or one of its lists was missing, stale, too small or shrunk by "
                        "too much, and any error is a refusal"
                    )
                return "its terms or its list could not be used, and any error is a refusal"
            case "not-in-force-yet":
                return (
                    f"it is in force from {rfc3339(in_force_from(version, authority))} only "
                    f"(entry {version.entry})"
                )
            case "expired":
                if self.moment.at_us >= authority.valid_until_us:
                    return f"it ended on {rfc3339(authority.valid_until_us)}, when its validity ran out"
                return f"it was captured at {captured}, and the validity ended on {rfc3339(authority.valid_until_us)}"
            case "before-validity":
                return f"it was captured at {captured}, before the validity began on {rfc3339(authority.valid_from_us)}"
            case "review-overdue":
                due_us = review_due(version, authority)
                assert due_us is not None
                return f"it lapsed on {rfc3339(due_us)}, when a review was due and none had been recorded"
            case "consultation-overdue":
                consult_us = consultation_due(version)
                assert consult_us is not None
                return (
                    f"it lapsed on {rfc3339(consult_us)}, by when a consultation should have covered it and "
                    "none had"
                )
            case "out-of-scope":
                return self._out_of_scope()
            case "not-listed":
                return "its list has no entry for it that counted both at the capture and at the decision"
            case "listed":
                return "one of its lists has an entry for this very plate that counted at the capture or the decision"
            case "no-authority":
                return f"it is of mode {authority.mode}: it answers questions, and nothing leaves by itself"
            case _:
                return f"`{reason}`"

    def _in_scope(self) -> str:
        scope, camera = self.authority.scope, self.camera
        if not scope.groups:
            where = f"the camera `{camera.id}` is one of `{camera.source}`"
        else:
            groups = [group for group in scope.groups if group in camera.groups]
            one = "group" if len(groups) == 1 else "groups"
            where = f"the camera `{camera.id}` of `{camera.source}` is in its {one} {_listed(groups)}"
        return f"{where}, and in its area" if scope.area is not None else where

    def _out_of_scope(self) -> str:
        scope, camera = self.authority.scope, self.camera
        if camera.source not in scope.sources:
            return f"its sources are {_listed(scope.sources)}, and the camera is one of `{camera.source}`"
        if scope.groups and set(scope.groups).isdisjoint(camera.groups):
            held = f"is in {_listed(camera.groups)}" if camera.groups else "is in no group"
            return f"it is for the camera groups {_listed(scope.groups)}, and the camera `{camera.id}` {held}"
        if scope.area is not None and not scope.area.holds(camera.latitude, camera.longitude):
            return f"the camera `{camera.id}` is not in its area"
        if self._is_withheld():
            return (
                f"it may use at most {self.version.cap} cameras, and `{camera.id}` is beyond them: cameras that "
                "joined later are withheld"
            )
        zones = dict.fromkeys(hours.zone for hours in scope.hours)
        local = " and ".join(f"{_local(self.question.captured_us, zone)} ({zone})" for zone in zones)
        hours = "; ".join(describe_hours(item) for item in scope.hours)
        return f"it was captured on {local}, outside its hours: {hours}"

    def _is_withheld(self) -> bool:
        assert self.number is not None
        item = terms_at(
            self.moment, self.cameras, self.name, captured_us=self.question.captured_us, full=False
        )
        return not bool(item.terms.cameras[self.number])

    def _ended_by(self) -> str:
        kinds = {self.version.ended_by} if self.version.ended_by else {*ENDING, "objection"}
        for act in self.named.acts:
            if act.kind in kinds and act.at_us == self.version.revoked_us:
                return f", by {self._act(act)}"
        return ""

    def _suspended(self) -> Iterator[str]:
        acts = {act_of(act, self.moment.parsed).id: act for act in self.named.acts}
        kinds = kinds_of_suspension(self.named, self.moment.parsed)
        for name, since_us in self.named.suspensions.items():
            since = f"it is suspended since {rfc3339(since_us)}"
            match kinds[name]:
                case "suspension":
                    yield f"{since} by {self._act(acts[name])}"
                case "stay":
                    yield f"{since} by order of a court, under {self._act(acts[name])}"
                case "quashed-consultation":
                    yield f"{since} by the order `{name}` of a court that quashed the consultation on which it rests"
                case _:
                    yield f"{since} by a charter that ended one of its signers' keys (`{name}`)"

    def _act(self, taken: ActTaken) -> str:
        kind = {"quashed": "the order"}.get(taken.kind, f"the {taken.kind}")
        id_, signed = act_of(taken, self.moment.parsed).id, self._signed(taken.envelope, taken.entry)
        return f"{kind} `{id_}` (entry {taken.entry}{signed})"

    def _signed(self, envelope: bytes, entry: int) -> str:
        offices = signed_by(self.moment, envelope, entry)
        return f", signed by {', '.join(offices)}" if offices else ""


def signed_by(moment: RegimeAt, envelope: bytes, entry: int) -> list[str]:
    """Return the offices that signed a document, by the charter that was in force when it was committed."""
    before = [taken for taken in moment.regime.charters if taken.entry < entry]
    if not before:
        return []
    charter: Charter = moment.parsed.charter_of(before[-1].envelope)
    try:
        return [office.id for office in signers(moment.parsed.open(envelope).envelope, charter)]
    except WicketgateError:
        return []  # a later charter may have ended a key; the document took effect all the same


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _local(at_us: int, zone: str) -> str:
    local = to_datetime(at_us).astimezone(load_zone(zone))
    return f"{DAYS[local.weekday()]} {local:%H:%M}"
