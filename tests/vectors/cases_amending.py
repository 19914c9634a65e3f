"""Named charters that follow another: what they widen, what is entrenched, whose keys end."""

from __future__ import annotations

from collections.abc import Callable

from tests.vectors.cases_consultations import consultation_on, decision_on
from tests.vectors.cases_documents import BY_DATA, BY_HOME
from tests.vectors.make_documents import (
    AT,
    CT_OFFICES,
    ROOTS,
    Case,
    Document,
    Story,
    changed,
    example,
    key_of,
    put,
)
from wicketgate.base.signing import format_public

NAME = "c-charter-2"
LONG = "2026-10-10T00:00:00Z"
"""When a consultation closes that is long enough for entrenched clauses."""
LATER = "2026-10-20T12:00:00Z"
OVERSEERS = ("ico/commissioner", "ico/deputy")
EVERYBODY = (*ROOTS, "ico/deputy")

Change = Callable[[Document], object]


def cases() -> dict[str, Case]:
    """Return the cases by name."""
    begun = Story.under(example("charter"))
    return {
        **_plain(begun),
        **_widening(begun),
        **_consulted(begun),
        **_entrenched(begun),
        **_keys(begun),
        **_stops(begun),
    }


def second(*changes: Change) -> Document:
    """Return the example charter's next version."""
    return changed(example("charter"), put("charter.version", 2), *changes)


def office(name: str, **members: object) -> Change:
    """Return a change of an office of a charter."""

    def change(charter: Document) -> None:
        next(one for one in charter["offices"] if one["id"] == name).update(members)

    return change


def key_ended(name: str, reason: str = "rotated", from_entry: int = 0, seed: str | None = None) -> Document:
    """Return what a charter says of a key that has ended."""
    return {
        "key": format_public(key_of(seed or name).public),
        "office": name,
        "reason": reason,
        "from_entry": from_entry,
    }


def new_key(name: str, reason: str = "rotated", from_entry: int = 0) -> tuple[Change, Change]:
    """Return the changes by which an office gets another key."""
    return (
        office(name, key=format_public(key_of(f"{name} anew").public)),
        lambda charter: charter.setdefault("keys_ended", []).append(key_ended(name, reason, from_entry)),
    )


def rule(**members: object) -> Change:
    """Return a change that adds a rule on who signs."""
    return lambda charter: charter["signatures"].append(members)


def _plain(begun: Story) -> dict[str, Case]:
    def good(*changes: Change) -> Case:
        return begun.case(second(*changes), ROOTS, wider=(), stops=())

    def bad(code: str, *changes: Change) -> Case:
        return begun.case(second(*changes), ROOTS, code=code)

    def purpose(**members: object) -> Change:
        return lambda charter: charter["purposes"][3].update(members)

    return {
        "amendment-good-nothing-but-its-version": good(),
        "amendment-good-a-source-keeps-nothing": good(put("organisations.0.retention", "PT0S")),
        "amendment-good-narrower": good(
            put("organisations.0.retention", "P27D"),
            put("limits.longest_recipient_retention", "P30D"),
            put("limits.longest_validity.own-purpose", "P1Y"),
            put("limits.longest_review.ministerial-certificate", "P2M"),
            put("limits.longest_review.own-purpose", "P1Y"),
            put("limits.laid", ["ministerial-certificate"]),
            put("limits.camera_growth", 5),
            put("limits.too_old", "P1D"),
        ),
        "amendment-good-without-urgency": good(put("urgency", None)),
        "amendment-good-without-redaction": good(put("redaction", None)),
        "amendment-good-urgency-narrower": good(put("urgency.longest", "P7D")),
        "amendment-first-version-again": begun.case(example("charter"), ROOTS, code="version-not-next"),
        "amendment-version-skipped": bad("version-not-next", put("charter.version", 3)),
        "amendment-other-name": bad("unsupported", put("charter.name", "paris")),
        "amendment-other-origin": bad("other-log", put("charter.origin", "tfl.example/another")),
        "amendment-into-a-demonstration": bad("unsupported", put("charter.demonstration", True)),
        "amendment-other-rhythm-of-figures": bad("unsupported", put("limits.figures_every", "PT2H")),
        "amendment-dated-ahead": bad("malformed", put("charter.valid_from", "2026-07-08T12:00:01Z")),
        "amendment-purpose-redefined": bad("purpose-redefined", purpose(title="Terrorism and disorder")),
        "amendment-purpose-removed": bad("purpose-redefined", lambda charter: charter["purposes"].pop(1)),
        "amendment-purpose-split": bad(
            "widening",
            lambda charter: charter["purposes"].append(
                {"id": "national-security/terrorism/financing", "title": "The financing of terrorism"}
            ),
        ),
        "amendment-signed-by-two-of-three": begun.case(second(), ROOTS[:2], code="signature-missing"),
        "amendment-signed-by-a-stranger": begun.case(
            second(), (*ROOTS, "nobody/at-all"), code="signature-invalid"
        ),
        "amendment-that-takes-away-what-is-in-use": begun.then(example("authority"), CT_OFFICES).case(
            second(lambda charter: charter["organisations"][1]["units"].pop(0)), ROOTS, code="still-in-use"
        ),
        "amendment-that-takes-away-what-was-in-use": begun.then(example("authority"), CT_OFFICES)
        .then(example("revocation"), BY_DATA)
        .case(second(lambda charter: charter["organisations"][1]["units"].pop(0)), ROOTS),
    }


def _widening(begun: Story) -> dict[str, Case]:
    def wider(*changes: Change) -> Case:
        return begun.case(second(*changes), ROOTS, code="widening")

    agreement = {
        "kind": "authority",
        "instruments": ["data-sharing-agreement"],
        "purposes": ["crime"],
        "modes": ["bulk"],
        "offices": ["{controller}/data-protection", "met/serious-crime"],
    }
    return {
        "amendment-widens-a-source-s-retention": wider(put("organisations.0.retention", "P29D")),
        "amendment-widens-a-source-s-retention-by-month": wider(put("organisations.0.retention", "P1M")),
        "amendment-widens-recipients-retention": wider(put("limits.longest_recipient_retention", "P91D")),
        "amendment-widens-validity": wider(put("limits.longest_validity.ministerial-certificate", "P2Y")),
        "amendment-widens-by-another-instrument": wider(put("limits.longest_validity.statute", "P1Y")),
        "amendment-widens-review": wider(put("limits.longest_review.ministerial-certificate", "P6M")),
        "amendment-widens-review-to-never": wider(put("limits.longest_review", None)),
        "amendment-widens-growth": wider(put("limits.camera_growth", 11)),
        "amendment-widens-growth-without-bound": wider(put("limits.camera_growth", None)),
        "amendment-widens-small-cells": wider(put("limits.small_cells", 9)),
        "amendment-widens-too-old": wider(put("limits.too_old", "P8D")),
        "amendment-widens-clock-ahead": wider(put("limits.clock_ahead", "PT61S")),
        "amendment-widens-late-after": wider(put("limits.late_after", "PT61S")),
        "amendment-widens-feed-term": wider(put("limits.feed_term", "P29D")),
        "amendment-widens-urgency": wider(
            put("urgency.again_after", "P2Y"), put("urgency.offices", ["dft/minister"])
        ),
        "amendment-widens-redaction": wider(
            put("redaction.members", ["authority.necessity", "authority.proportionality"])
        ),
        "amendment-widens-redaction-longer": wider(put("redaction.longest", "P2Y")),
        "amendment-widens-by-a-rule-on-authorities": wider(rule(**agreement)),
        "amendment-widens-by-fewer-signatures": wider(
            put("signatures.1.offices", ["{controller}/data-protection", "met/national-security"])
        ),
        "amendment-widens-by-another-role": wider(
            put("organisations.2.roles", ["government", "recipient"]),
            put("organisations.2.units", [{"id": "office", "name": "Office"}]),
        ),
        "amendment-widens-by-another-unit": wider(
            lambda charter: charter["organisations"][1]["units"].append({"id": "traffic", "name": "Traffic"})
        ),
        "amendment-widens-by-another-operator": wider(
            lambda charter: charter["organisations"].append(
                {"id": "acme", "name": "Acme Hosting", "roles": ["operator"]}
            ),
            put("charter.operator", "acme"),
        ),
        "amendment-harder-to-stop": wider(put("signatures.3.need", "all")),
        "amendment-harder-to-stop-by-another-rule": wider(
            rule(kind="revocation", offices=["home-office/secretary-of-state"])
        ),
        "amendment-harder-to-challenge": wider(
            put("signatures.14.offices", ["high-court/judge", "tfl/commissioner"])
        ),
    }


def _proposal(*changes: Change, closes: str = LONG) -> Document:
    """Return a consultation on the next charter."""
    draft = second(put("charter.consultation", NAME), *changes)
    return changed(consultation_on(draft, NAME), put("consultation.closes_at", closes))


def _agreed(begun: Story, *changes: Change, **outcome: object) -> Story:
    """Return a story in which a next charter was consulted on and decided."""
    decided = [put(f"decision.{name}", value) for name, value in outcome.items()]
    return begun.then(_proposal(*changes), BY_HOME).then(
        decision_on(NAME, put("decision.covered_until", "2027-01-01T00:00:00Z"), *decided), ROOTS, at=LATER
    )


def _consulted(begun: Story) -> dict[str, Case]:
    longer = put("organisations.0.retention", "P60D")
    named = put("charter.consultation", NAME)
    agreed = _agreed(begun, longer)
    open_ = begun.then(_proposal(longer), BY_HOME)
    closed = put("decision.covered_until", "2027-01-01T00:00:00Z")
    never = Story.under(changed(example("charter"), put("amendment", None)))

    def bad(code: str, story: Story, *changes: Change, at: str = LATER) -> Case:
        return story.case(second(named, *changes), ROOTS, at=at, code=code)

    other = changed(_proposal(longer), put("consultation.id", "c-charter-other"))
    closing = put("amendment", None)
    given_up = _agreed(begun.then(other, BY_HOME), closing).then(second(named, closing), EVERYBODY, at=LATER)
    return {
        "consultation-on-a-charter-good": begun.case(_proposal(longer), BY_HOME),
        "consultation-on-a-charter-by-data-protection": begun.case(
            _proposal(longer), BY_DATA, code="signature-missing"
        ),
        "consultation-on-a-charter-just-long-enough": begun.case(
            _proposal(longer, closes="2026-08-20T00:00:00Z"), BY_HOME
        ),
        "consultation-on-a-charter-too-short": begun.case(
            _proposal(longer, closes="2026-08-19T23:59:59Z"), BY_HOME, code="consultation-too-short"
        ),
        "consultation-on-a-charter-without-a-rule": never.case(
            _proposal(longer, put("amendment", None)), BY_HOME, code="not-entitled"
        ),
        "consultation-on-a-charter-that-skips-a-version": begun.case(
            _proposal(put("charter.version", 3)), BY_HOME, code="version-not-next"
        ),
        "consultation-on-a-charter-that-redefines-a-purpose": begun.case(
            _proposal(put("purposes.0.title", "Roads")), BY_HOME, code="purpose-redefined"
        ),
        "objection-good-to-a-charter": open_.case(
            changed(example("objection"), put("objection.consultation", NAME)), ("dft/minister",)
        ),
        "decision-on-a-charter-good": open_.case(decision_on(NAME, closed), ROOTS, at=LATER),
        "decision-on-a-charter-by-two-of-three": open_.case(
            decision_on(NAME, closed), ROOTS[:2], at=LATER, code="signature-missing"
        ),
        "decision-on-a-charter-that-cannot-be-widened-any-more": given_up.case(
            decision_on("c-charter-other", closed), ROOTS, at=LATER, code="not-entitled"
        ),
        "decision-on-a-charter-in-part": open_.case(
            decision_on(NAME, closed, put("covered", example("authority"))), ROOTS, at=LATER, code="malformed"
        ),
        "decision-on-a-charter-for-too-long": open_.case(
            decision_on(NAME, put("decision.covered_until", "2027-10-20T12:00:01Z")),
            ROOTS,
            at=LATER,
            code="term-too-long",
        ),
        "amendment-good-consulted-on": agreed.case(second(named, longer), ROOTS, at=LATER),
        "amendment-good-less-than-consulted-on": agreed.case(
            second(named, put("organisations.0.retention", "P50D")), ROOTS, at=LATER
        ),
        "amendment-coverage-open": bad("consultation-open", open_, longer, at=AT),
        "amendment-coverage-not-decided": bad("consultation-open", open_, longer),
        "amendment-coverage-unknown": bad("consultation-does-not-cover", begun, longer),
        "amendment-coverage-rejected": bad(
            "consultation-does-not-cover",
            _agreed(begun, longer, outcome="rejected", covered_until=None),
            longer,
        ),
        "amendment-coverage-of-less": bad(
            "consultation-does-not-cover", agreed, put("organisations.0.retention", "P61D")
        ),
        "amendment-coverage-of-something-else": bad(
            "consultation-does-not-cover", agreed, longer, put("limits.camera_growth", 20)
        ),
        "amendment-coverage-ended": bad(
            "consultation-does-not-cover", agreed, longer, at="2027-01-01T00:00:00Z"
        ),
        "amendment-coverage-of-an-authority": bad(
            "consultation-does-not-cover",
            begun.then(consultation_on(example("consultation")["draft"], NAME), BY_HOME).then(
                decision_on(NAME), ("tfl/data-protection", "dft/minister"), at=LATER
            ),
            longer,
        ),
        "amendment-consulted-on-and-not-named": agreed.case(second(longer), ROOTS, at=LATER, code="widening"),
    }


def _entrenched(begun: Story) -> dict[str, Case]:
    lenient = put("consulting.shortest", "P7D")
    named = put("charter.consultation", NAME)

    def pair(name: str, *changes: Change) -> dict[str, Case]:
        """Return the cases of an entrenched change: unconsulted; without an overseer; right."""
        agreed = _agreed(begun, *changes)
        return {
            f"entrenched-{name}-not-consulted-on": begun.case(second(*changes), EVERYBODY, code="widening"),
            f"entrenched-{name}-without-every-overseer": agreed.case(
                second(named, *changes), ROOTS, at=LATER, code="signature-missing"
            ),
            f"entrenched-{name}-good": agreed.case(second(named, *changes), EVERYBODY, at=LATER),
        }

    return {
        **pair("terms-of-consultation", lenient),
        **pair("rules-on-consultation", put("consultations.1.need", "notice")),
        **pair("stricter-rules-on-consultation", put("consultations.1.need", "before")),
        **pair("rule-on-amendments", put("amendment.shortest", "P1D")),
        **pair("who-decides", put("signatures.13.offices", ["{controller}/data-protection"])),
        **pair("parliament-s-time", put("signatures.12.within", "P10D")),
        **pair("overseer-s-say", put("signatures.5.offices", ["{controller}/data-protection"])),
        "entrenched-consultation-too-short": begun.case(
            _proposal(lenient, closes="2026-09-30T23:59:59Z"), BY_HOME, code="consultation-too-short"
        ),
        "entrenched-consultation-just-long-enough": begun.case(
            _proposal(lenient, closes="2026-10-01T00:00:00Z"), BY_HOME
        ),
        "entrenched-another-change-than-consulted-on": _agreed(
            begun, put("consultations.1.need", "before")
        ).case(
            second(named, put("consultations.1.need", "notice")),
            EVERYBODY,
            at=LATER,
            code="consultation-does-not-cover",
        ),
        "entrenched-overseer-taken-out": begun.case(
            second(
                lambda charter: charter["offices"].pop(5),
                put("signatures.4.offices", ["{controller}/data-protection", "ico/commissioner"]),
            ),
            EVERYBODY,
            code="widening",
        ),
        "entrenched-overseer-cannot-open-any-more": begun.case(
            second(put("offices.5.opening_key", None)), EVERYBODY, code="widening"
        ),
    }


def _keys(begun: Story) -> dict[str, Case]:
    home, minister = "home-office/secretary-of-state", "dft/minister"
    successor = f"{home} anew"
    rest = (ROOTS[0], ROOTS[2])
    changed_hands = (office(home, holder="Olive Oakley"), *new_key(home))
    lost = new_key(home, "lost")
    met = new_key("met/national-security", "compromised")
    one = new_key(minister)
    rotated = begun.then(second(*new_key(home)), (*ROOTS, successor))
    return {
        "office-good-changed-hands": begun.case(second(*changed_hands), (*ROOTS, successor)),
        "office-changed-hands-signed-under-the-old-alone": begun.case(
            second(*changed_hands), ROOTS, code="signature-missing"
        ),
        "office-changed-hands-signed-under-the-new-alone": begun.case(
            second(*changed_hands), (*rest, successor), code="signature-missing"
        ),
        "office-changed-hands-with-the-key": begun.case(
            second(office(home, holder="Olive Oakley")), ROOTS, code="malformed"
        ),
        "key-good-rotated": begun.case(second(*new_key(home)), (*ROOTS, successor)),
        "key-good-rotated-of-an-office-that-does-not-sign-charters": begun.case(
            second(*one), (*ROOTS, minister, f"{minister} anew")
        ),
        "key-rotated-without-saying-so": begun.case(
            second(new_key(home)[0]), (*ROOTS, successor), code="malformed"
        ),
        "key-rotated-of-another-office": begun.case(
            second(new_key(home)[0], put("keys_ended", [key_ended(minister, seed=home)])),
            (*ROOTS, successor),
            code="malformed",
        ),
        "key-ended-that-never-was": begun.case(
            second(put("keys_ended", [key_ended(home, seed="nobody/at-all")])), ROOTS, code="malformed"
        ),
        "key-ended-from-an-entry-to-come": begun.case(
            second(*new_key(home, from_entry=11)), (*ROOTS, successor), code="malformed"
        ),
        "key-ended-forgotten-later": rotated.case(
            changed(second(new_key(home)[0]), put("charter.version", 3)),
            (rest[0], rest[1], successor),
            code="malformed",
        ),
        "key-ended-that-comes-back": rotated.case(
            changed(second(new_key(home)[1]), put("charter.version", 3)),
            (rest[0], rest[1], successor),
            code="malformed",
        ),
        "key-ended-that-signs": rotated.case(example("authority"), CT_OFFICES, code="signature-invalid"),
        "key-new-that-signs": rotated.case(example("authority"), (successor, *CT_OFFICES[1:]), need="marked"),
        "key-good-lost": begun.case(second(*lost), (*rest, "ico/deputy", successor)),
        "key-lost-without-an-overseer": begun.case(
            second(*lost), (*rest, successor), code="signature-missing"
        ),
        "key-lost-that-signs": begun.case(second(*lost), (*EVERYBODY, successor), code="signature-invalid"),
        "key-good-compromised": begun.case(
            second(*met), (*EVERYBODY, "met/national-security anew"), stops=()
        ),
        "key-lost-for-no-reason-known": begun.case(
            second(*new_key(home, "forgotten")), (*ROOTS, successor), code="malformed"
        ),
    }


def _stops(begun: Story) -> dict[str, Case]:
    met = "met/national-security"
    in_force = begun.then(example("authority"), CT_OFFICES)  # it is entry 10
    signers = (*EVERYBODY, f"{met} anew")

    def compromised(story: Story, from_entry: int, *stops: str, at: str = AT) -> Case:
        return story.case(second(*new_key(met, "compromised", from_entry)), signers, at=at, stops=stops)

    stopped = in_force.then(second(*new_key(met, "compromised", 10)), signers)
    lifted = changed(example("resumption"), put("resumption.suspension", "charter-2"))
    return {
        "compromised-before-an-authority": compromised(in_force, 0, "tfl-met-ct"),
        "compromised-with-an-authority": compromised(in_force, 10, "tfl-met-ct"),
        "compromised-after-an-authority": compromised(in_force, 11),
        "compromised-and-the-authority-is-over": compromised(in_force, 0, at="2027-07-04T00:00:00Z"),
        "compromised-and-the-authority-waits-for-its-review": compromised(
            in_force, 0, "tfl-met-ct", at="2026-11-01T00:00:00Z"
        ),
        "compromised-and-the-authority-is-revoked": compromised(
            in_force.then(example("revocation"), BY_DATA), 0
        ),
        "compromised-stop-lifted": stopped.case(lifted, ("tfl/data-protection", "ico/commissioner")),
    }
