"""The charter's limits on authorities, and the offices required to sign.

It is judged whether an authority keeps to the limits, and which offices must sign what is about it. Pure.

The rules and codes: docs/spec/documents.md, sections 3 and 4.
"""

from __future__ import annotations

from collections.abc import Iterator

from wicketgate.base.clock import rfc3339
from wicketgate.base.errors import DocumentRefused
from wicketgate.base.periods import Period, add, describe_period, never_longer
from wicketgate.regime.charter import AS_BULK, Charter, Requirement, Rule
from wicketgate.regime.charter.searching import offices_meant
from wicketgate.regime.documents.authority import Authority
from wicketgate.regime.documents.keeper_terms import IMAGE_FIELDS, SHOWN_FIELDS
from wicketgate.regime.powers.meaning import week_of


def faults(
    authority: Authority, charter: Charter, *, at_us: int, previous: Authority | None
) -> Iterator[DocumentRefused]:
    """Yield every reason against an authority under a charter, but widening and signatures.

    For each of these reasons it may not take effect.

    Parameters
    ----------
    authority : Authority
        The draft.
    charter : Charter
        The charter in force.
    at_us : int
        The time of the decision, microseconds since the epoch.
    previous : Authority or None
        The latest version that took effect under this name, ended or not; None if there is none.

    Notes
    -----
    The codes are `retention-beyond-source`, `unsupported`, `unknown-organisation`, `unknown-purpose`, `unknown-cause`,
    `not-entitled`, `already-expired`, `term-too-long`, `urgent-too-long`, `malformed`, `version-not-next` and
    `feed-purpose-fixed`.
    """
    yield from _look_back(authority, charter)
    yield from _searches(authority, charter)
    yield from _keepers(authority, charter)
    yield from unknown_names(authority, charter)
    try:
        requirements(authority, charter)
    except DocumentRefused as error:
        yield error
    if authority.valid_until_us <= at_us:
        yield DocumentRefused(
            f"`authority.valid_until` is past: {rfc3339(authority.valid_until_us)}", code="already-expired"
        )
    yield from _terms(authority, charter)
    yield from _urgency(authority, charter)
    yield from _openness(authority, charter)
    yield from _succession(authority, previous)


def unknown_names(authority: Authority, charter: Charter) -> Iterator[DocumentRefused]:
    """Yield organisations, units and the purpose of an authority unknown to the charter."""
    parties = [("authority.controller", authority.controller, "source")]
    parties.append(("authority.recipient", authority.recipient, "recipient"))
    parties.extend(("scope.sources", source, "source") for source in authority.scope.sources)
    for path, name, role in parties:
        organisation = charter.organisations.get(name)
        if organisation is None or role not in organisation.roles:
            yield DocumentRefused(
                f"`{path}`: the charter has no {role} `{name}`", code="unknown-organisation"
            )
    recipient = charter.organisations.get(authority.recipient)
    if recipient is not None and authority.unit not in recipient.units:
        yield DocumentRefused(
            f"`authority.unit`: `{authority.recipient}` has no unit `{authority.unit}`",
            code="unknown-organisation",
        )
    for onward in authority.onward:
        if onward not in charter.organisations:
            yield DocumentRefused(
                f"`authority.onward`: the charter has no `{onward}`", code="unknown-organisation"
            )
    if authority.purpose not in charter.purposes:
        yield DocumentRefused(
            f"`authority.purpose`: the charter has no purpose `{authority.purpose[:80]}`",
            code="unknown-purpose",
        )


def _terms(authority: Authority, charter: Charter) -> Iterator[DocumentRefused]:
    kind = authority.instrument.kind
    longest = charter.limits.longest_validity.get(kind)
    if longest is not None and authority.valid_until_us > add(authority.valid_from_us, longest):
        yield DocumentRefused(
            f"`authority.valid_until`: at most {describe_period(longest)} for `{kind}`", code="term-too-long"
        )
    retention = charter.limits.longest_recipient_retention
    if not never_longer(authority.recipient_retention, retention):
        yield DocumentRefused(
            f"`authority.recipient_retention`: at most {describe_period(retention)}", code="term-too-long"
        )

    rhythm = charter.limits.longest_review.get(kind)
    if rhythm is not None and (
        authority.review_every is None or not never_longer(authority.review_every, rhythm)
    ):
        yield DocumentRefused(
            f"`authority.review_every`: at most {describe_period(rhythm)} for `{kind}`", code="term-too-long"
        )


def _searches(authority: Authority, charter: Charter) -> Iterator[DocumentRefused]:
    """Yield what the terms of searches have that charter or authority do not let them have."""
    rules, terms = charter.searching, authority.search
    if terms is None:
        if rules.custody and authority.mode in AS_BULK:
            yield DocumentRefused(
                "`search` is missing: the charter lets a recipient look back at bulk by questions alone"
            )
        return
    allowed = None
    if rules.approvers is not None:
        allowed = offices_meant(rules.approvers, authority.controller, authority.recipient)
    for tier in terms.tiers:
        if allowed is not None and tier.approver not in allowed:
            yield DocumentRefused(
                f"`search.tiers`: the charter does not let `{tier.approver}` approve questions",
                code="not-entitled",
            )
        if rules.outside and tier.approver.startswith(f"{authority.recipient}/"):
            yield DocumentRefused(
                f"`search.tiers`: `{tier.approver}` is of the recipient, and the charter wants an approver who is not",
                code="not-entitled",
            )
    if terms.hours and not week_of(terms.hours) <= week_of(authority.scope.hours):
        yield DocumentRefused("`search.hours` lie outside `scope.hours`")
    if not never_longer(terms.answer_retention, authority.recipient_retention):
        yield DocumentRefused(
            "`search.answer_retention` is longer than `authority.recipient_retention`", code="term-too-long"
        )


def _look_back(authority: Authority, charter: Charter) -> Iterator[DocumentRefused]:
    if authority.search is None:
        return
    for source in authority.scope.sources:
        known = charter.organisations.get(source)
        if known and known.retention and not never_longer(authority.search.max_age, known.retention):
            yield DocumentRefused(
                f"`search.max_age`: `{source}` {known.keeping}",
                code="retention-beyond-source",
            )
    for tier in authority.search.tiers:
        if tier.approver not in charter.offices:
            yield DocumentRefused(
                f"`search.tiers`: the charter has no office `{tier.approver}`", code="unknown-organisation"
            )


def _keepers(authority: Authority, charter: Charter) -> Iterator[DocumentRefused]:
    """Yield what the terms of links have that charter or authority do not let them have."""
    terms, scope = authority.keeper, authority.scope
    if terms is None:
        return
    for cause in terms.causes:
        if cause not in charter.causes:
            yield DocumentRefused(
                f"`keeper.causes`: the charter has no cause `{cause}`", code="unknown-cause"
            )
    missing = [field for field in SHOWN_FIELDS if field not in scope.fields]
    if missing:
        yield DocumentRefused(
            f"`scope.fields`: a row that is linked shows {', '.join(SHOWN_FIELDS)}; {', '.join(missing)} is missing"
        )
    if authority.recipient in scope.sources and not IMAGE_FIELDS & set(scope.fields):
        yield DocumentRefused(
            "`scope.fields`: where the recipient is the source too, a link shows an image, and no field has one"
        )
    if terms.not_before.us >= charter.limits.feed_term_us:
        term = describe_period(Period(us=charter.limits.feed_term_us))
        yield DocumentRefused(
            f"`keeper.not_before`: rows stand in their feed for {term} and can be linked no longer than that"
        )


def _urgency(authority: Authority, charter: Charter) -> Iterator[DocumentRefused]:
    if not authority.urgent:
        return
    if charter.urgency is None:
        yield DocumentRefused("`authority.urgent`: the charter has no `urgency`", code="not-entitled")
    elif authority.valid_until_us > add(authority.valid_from_us, charter.urgency.longest):
        yield DocumentRefused(
            f"`authority.valid_until`: at most {describe_period(charter.urgency.longest)} where it is urgent",
            code="urgent-too-long",
        )


def _openness(authority: Authority, charter: Charter) -> Iterator[DocumentRefused]:
    """Yield everything due to the public by the charter, but missing.

    It is what the charter wants the public to see, and is not there.
    """
    kind = authority.instrument.kind
    if kind in charter.limits.laid and authority.instrument.laid is None:
        yield DocumentRefused(f"`authority.instrument.laid` is missing: the charter demands it of `{kind}`")
    for redaction in authority.redactions:
        rule = charter.redaction
        if rule is None or redaction.member not in rule.members:
            yield DocumentRefused(
                f"`redactions`: the charter does not let `{redaction.member}` be redacted",
                code="not-entitled",
            )
        elif redaction.until_us > add(authority.valid_from_us, rule.longest):
            yield DocumentRefused(
                f"`redactions`: `{redaction.member}` for at most {describe_period(rule.longest)}",
                code="term-too-long",
            )
        if authority.valid_until_us > redaction.until_us:
            yield DocumentRefused(
                f"`authority.valid_until`: the authority outlasts the redaction of `{redaction.member}`",
                code="term-too-long",
            )


def _succession(authority: Authority, previous: Authority | None) -> Iterator[DocumentRefused]:
    wanted = 1 if previous is None else previous.version + 1
    if authority.version != wanted:
        yield DocumentRefused(
            f"`authority.version`: the next of `{authority.name}` is {wanted}", code="version-not-next"
        )
    if previous is None:
        return
    for member in ("controller", "recipient", "unit", "purpose"):
        if getattr(authority, member) != getattr(previous, member):
            yield DocumentRefused(
                f"`authority.{member}` was `{getattr(previous, member)}` in {previous.reference}: one feed "
                "never serves two; take another name",
                code="feed-purpose-fixed",
            )


def require_most_cameras(authority: Authority, charter: Charter, cameras: int) -> None:
    """Refuse an authority with no bound on its cameras.

    Nothing would bound them where none is in its scope yet and it names no most.
    """
    if charter.limits.camera_growth is not None and not cameras and authority.scope.max_cameras is None:
        raise DocumentRefused(
            "`scope.max_cameras` is missing: no camera is in its scope yet from which the charter's `camera_growth` "
            "could be counted"
        )


def requirements(authority: Authority, charter: Charter) -> tuple[Requirement, ...]:
    """Return the offices required to sign an authority.

    They are those of every rule of the charter that applies.

    An authority over the cameras of others needs, besides its controller's, the signatures that it would need
    if each of those sources were its controller.

    Raises
    ------
    DocumentRefused
        `not-entitled` if for the controller or for a source no rule applies.
    """
    found: dict[Requirement, None] = {}
    for controller in dict.fromkeys((authority.controller, *authority.scope.sources)):
        rules = applying_rules("authority", authority, charter, controller)
        if not rules:
            raise DocumentRefused(
                f"no rule of the charter lets `{authority.instrument.kind}` release reads of `{controller}` "
                f"in mode {authority.mode} for `{authority.purpose[:80]}`",
                code="not-entitled",
            )
        found.update(dict.fromkeys(requirement_of(rule, authority, controller) for rule in rules))
    if authority.urgent and charter.urgency is not None:
        found[Requirement(offices=charter.urgency.offices, need="all")] = None
    return tuple(found)


def act_requirements(kind: str, authority: Authority, charter: Charter) -> tuple[Requirement, ...]:
    """Return the offices required to sign a document of a kind (`revocation`, …) about an authority.

    Raises
    ------
    DocumentRefused
        `not-entitled` if no rule applies.
    """
    rules = applying_rules(kind, authority, charter, authority.controller)
    if not rules:
        raise DocumentRefused(
            f"the charter lets nobody submit a {kind} about `{authority.name}`", code="not-entitled"
        )
    return tuple(requirement_of(rule, authority, authority.controller) for rule in rules)


def people_requirements(organisation: str, charter: Charter) -> tuple[Requirement, ...]:
    """Return the offices required to sign who an organisation's people are.

    Raises
    ------
    DocumentRefused
        `not-entitled` if no rule of the charter applies.
    """
    found = tuple(
        Requirement(
            offices=tuple(
                f"{organisation}/{office.partition('/')[2]}" if office.startswith("{") else office
                for office in rule.offices
            ),
            need=rule.need,
        )
        for rule in charter.rules
        if rule.kind == "people" and (rule.organisations is None or organisation in rule.organisations)
    )
    if not found:
        raise DocumentRefused(
            f"no rule of the charter lets anybody say who the people of `{organisation}` are",
            code="not-entitled",
        )
    return found


def scheme_requirements(kind: str, controller: str, charter: Charter) -> tuple[Requirement, ...]:
    """Return the offices required to sign a scheme of a controller, or a waiver.

    Raises
    ------
    DocumentRefused
        `not-entitled` if no rule of the charter applies.
    """
    found = tuple(
        Requirement(
            offices=tuple(office.replace("{controller}", controller) for office in rule.offices),
            need=rule.need,
        )
        for rule in charter.rules
        if rule.kind == kind and (rule.controllers is None or controller in rule.controllers)
    )
    if not found:
        raise DocumentRefused(
            f"no rule of the charter lets anybody sign a {kind} of `{controller}`", code="not-entitled"
        )
    return found


def applying_rules(kind: str, authority: Authority, charter: Charter, controller: str) -> tuple[Rule, ...]:
    """Yield the charter's rules of a kind for an authority, as if `controller` were its own."""
    return tuple(
        rule
        for rule in charter.rules
        if rule.kind == kind
        and rule.applies(
            instrument=authority.instrument.kind,
            purpose=authority.purpose,
            mode=authority.mode,
            controller=controller,
        )
    )


def requirement_of(rule: Rule, authority: Authority, controller: str) -> Requirement:
    """Return a rule's demand for an authority, as if `controller` were its own."""
    parties = {"{controller}": controller, "{recipient}": authority.recipient}
    offices = []
    for office in rule.offices:
        organisation, _, post = office.partition("/")
        offices.append(f"{parties.get(organisation, organisation)}/{post}")
    return Requirement(offices=tuple(dict.fromkeys(offices)), need=rule.need)
