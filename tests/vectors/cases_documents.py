"""Named documents whose shape, signatures, limits and succession are good or bad: every kind but the consultations."""

from __future__ import annotations

from collections.abc import Callable

from tests.vectors.cases_signatures import same_holder, same_key
from tests.vectors.make_documents import (
    AT,
    CT_OFFICES,
    MATCH_OFFICES,
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
from wicketgate.regime.documents.document import KINDS

BY_DATA, BY_HOME, BY_JUDGE = (
    ("tfl/data-protection",),
    ("home-office/secretary-of-state",),
    ("high-court/judge",),
)
RESUMERS = ("tfl/data-protection", "ico/commissioner")


def cases() -> dict[str, Case]:
    """Return the cases by name."""
    begun = Story.under(example("charter"))
    return {
        **_authorities(begun),
        **_logs(begun),
        **_match(begun),
        **_limits(begun),
        **_redactions(begun),
        **_acts(begun),
        **_courts(begun),
        **_charters(),
    }


def _logs(begun: Story) -> dict[str, Case]:
    """Return documents of every kind that are signed for another log, or for none."""
    # Who would sign hangs on the kind: it is refused before anybody asks.
    made = {}
    for kind in sorted(KINDS):
        document = example(kind)
        made[f"log-other-of-{kind}"] = begun.case(
            changed(document, put(f"{kind}.log", "tfl.example/rehearsal")), ROOTS, code="other-log"
        )
        made[f"log-missing-of-{kind}"] = begun.case(
            changed(document, put(f"{kind}.log", None)), ROOTS, code="other-log"
        )
    draft = put("draft.authority.log", "tfl.example/rehearsal")
    made["log-other-of-a-draft"] = begun.case(
        changed(example("consultation"), draft), ROOTS, code="other-log"
    )
    covered = changed(example("decision"), put("covered", {"authority": {"log": "tfl.example/rehearsal"}}))
    made["log-other-of-what-is-covered"] = begun.case(covered, ROOTS, code="other-log")
    return made


def _authorities(begun: Story) -> dict[str, Case]:
    ct, own = example("authority"), example("authority-own-use")

    def bad(code: str, path: str, value: object) -> Case:
        return begun.case(changed(ct, put(path, value)), code=code)

    def good(path: str, value: object) -> Case:
        return begun.case(changed(ct, put(path, value)), need="marked")

    second = changed(ct, put("authority.version", 2))
    in_force = begun.then(ct, CT_OFFICES)
    expired = changed(
        ct,
        put("authority.valid_from", "2025-09-01T00:00:00Z"),
        put("authority.valid_until", "2026-07-08T12:00:00Z"),
    )
    area = {"south": 51.4, "west": -0.3, "north": 51.6, "east": 0.1}
    return {
        "authority-good": begun.case(ct, need="marked", cap=110),
        "authority-good-own-use": begun.case(own, ("tfl/commissioner", "tfl/data-protection"), need="notice"),
        "authority-good-extra-signature": begun.case(ct, (*CT_OFFICES, "ico/commissioner"), need="marked"),
        "authority-good-next-version": in_force.case(second, need="marked"),
        "authority-good-every-camera": good("scope.groups", []),
        "authority-good-area": good("scope.area", area),
        "authority-good-max-cameras": begun.case(
            changed(ct, put("scope.max_cameras", 40)), need="marked", cap=40
        ),
        "authority-good-no-redactions": good("redactions", []),
        "authority-good-names-a-consultation-that-it-does-not-need": good(
            "authority.consultation", "c-2026-002"
        ),
        "authority-unknown-key": bad("unknown-key", "authority.also", "x"),
        "authority-unknown-key-in-scope": bad("unknown-key", "scope.speed", 30),
        "authority-unknown-key-in-instrument": bad("unknown-key", "authority.instrument.note", "x"),
        "authority-unknown-key-in-area": bad("unknown-key", "scope.area", {**area, "radius": 5}),
        "authority-unknown-table": bad("unknown-key", "extras", {}),
        "authority-unknown-purpose": bad("unknown-purpose", "authority.purpose", "national-security/protest"),
        "authority-unknown-field": bad("unknown-field", "scope.fields", ["plate", "driver"]),
        "authority-unknown-recipient": bad("unknown-organisation", "authority.recipient", "mi5"),
        "authority-unknown-unit": bad("unknown-organisation", "authority.unit", "traffic"),
        "authority-unknown-source": bad("unknown-organisation", "scope.sources", ["tfl", "westminster"]),
        "authority-unknown-onward": bad("unknown-organisation", "authority.onward", ["gchq"]),
        "authority-recipient-is-no-source": bad("unknown-organisation", "authority.controller", "met"),
        "authority-already-expired": begun.case(expired, code="already-expired"),
        "authority-ends-before-it-begins": bad("malformed", "authority.valid_until", "2026-07-04T00:00:00Z"),
        "authority-time-without-zone": bad("malformed", "authority.valid_until", "2027-07-04T00:00:00"),
        "authority-first-version-is-two": begun.case(second, code="version-not-next"),
        "authority-version-again": in_force.case(ct, code="version-not-next"),
        "authority-no-rule": bad("not-entitled", "authority.instrument.kind", "own-purpose"),
        "authority-keeper": bad("unsupported", "scope.fields", ["plate", "keeper"]),
        "authority-area-of-no-numbers": bad("malformed", "scope.area", "central"),
        "authority-area-turned-round": bad("malformed", "scope.area", {**area, "south": 52}),
        "authority-area-off-the-map": bad("malformed", "scope.area", {**area, "north": 91}),
        "authority-max-cameras-none": bad("malformed", "scope.max_cameras", 0),
        "authority-urgent-as-text": bad("malformed", "authority.urgent", "yes"),
        "authority-why-not-match-missing": bad("malformed", "authority.why_not_match", None),
        "authority-why-not-search-missing": bad("malformed", "authority.why_not_search", None),
        "authority-why-not-match-empty": bad("malformed", "authority.why_not_match", " "),
        "authority-no-sources": bad("malformed", "scope.sources", []),
        "authority-number-as-text": bad("malformed", "authority.version", "1"),
        "authority-hidden-direction": bad("malformed", "authority.title", "for \u202ekrow daor"),
        "authority-name-with-dot": bad("malformed", "authority.name", "tfl.met"),
        "authority-other-recipient-next-version": in_force.case(
            changed(second, put("authority.recipient", "tfl"), put("authority.unit", "charging")),
            code="feed-purpose-fixed",
        ),
        "authority-other-purpose-next-version": in_force.case(
            changed(second, put("authority.purpose", "national-security")), code="feed-purpose-fixed"
        ),
        "authority-good-after-revocation": in_force.then(example("revocation"), BY_DATA).case(
            second, need="marked"
        ),
    }


def _match(begun: Story) -> dict[str, Case]:
    ct, match = example("authority"), example("authority-match")

    def bad(code: str, path: str, value: object) -> Case:
        return begun.case(changed(match, put(path, value)), MATCH_OFFICES, code=code)

    def good(*changes: Callable[[Document], object]) -> Case:
        return begun.case(changed(match, *changes), MATCH_OFFICES, need="within")

    every = ["plate", "time", "place", "vehicle", "patch-image", "overview-image"]
    return {
        "authority-good-match": good(),
        "authority-good-match-every-field": good(put("scope.fields", every)),
        "authority-good-match-says-why-not": good(put("authority.why_not_match", "It is match.")),
        "authority-good-match-next-version": begun.then(match, MATCH_OFFICES).case(
            changed(match, put("authority.version", 2), put("match.max_entries", 1)),
            MATCH_OFFICES,
            need="within",
        ),
        "authority-good-match-demands": good(put("authority.demands", ["hotlist-keeper", "confirmer"])),
        "authority-demands-nothing": bad("malformed", "authority.demands", []),
        "authority-demands-twice": bad("malformed", "authority.demands", ["viewer", "viewer"]),
        "authority-demands-unknown-role": bad("malformed", "authority.demands", ["overseer"]),
        "authority-demands-no-list": bad("malformed", "authority.demands", "viewer"),
        "authority-demands-in-bulk": begun.case(
            changed(ct, put("authority.demands", ["confirmer"])), CT_OFFICES, code="malformed"
        ),
        "authority-match-without-its-table": bad("malformed", "match", None),
        "authority-match-table-in-bulk": begun.case(
            changed(ct, put("match", match["match"])), code="unknown-key"
        ),
        "authority-match-no-kinds": bad("malformed", "match.kinds", []),
        "authority-match-kinds-missing": bad("malformed", "match.kinds", None),
        "authority-match-kind-twice": bad("malformed", "match.kinds", ["murder", "murder"]),
        "authority-match-kind-of-two-words": bad("malformed", "match.kinds", ["Grand theft"]),
        "authority-match-no-entries": bad("malformed", "match.max_entries", 0),
        "authority-match-too-many-entries": bad("malformed", "match.max_entries", 50_000_001),
        "authority-match-entries-as-text": bad("malformed", "match.max_entries", "5000"),
        "authority-match-life-of-no-time": bad("malformed", "match.entry_life", "P0D"),
        "authority-match-life-missing": bad("malformed", "match.entry_life", None),
        "authority-match-unknown-key": bad("unknown-key", "match.regions", ["london"]),
        "authority-match-signed-by-another": begun.case(match, CT_OFFICES, code="signature-missing"),
        "authority-match-no-rule": bad("not-entitled", "authority.purpose", "national-security"),
        "authority-bulk-where-the-rule-says-match": begun.case(
            changed(
                match,
                put("authority.mode", "bulk"),
                put("authority.why_not_match", "It would be less."),
                put("match", None),
            ),
            MATCH_OFFICES,
            code="not-entitled",
        ),
    }


def search_authority() -> Document:
    """Return an authority of mode search."""
    return example("authority-search")


_WEEKDAYS = {"zone": "Europe/London", "days": ["mon", "tue"], "from": "07:00", "until": "18:00"}


def _charter_on_searches() -> dict[str, Case]:
    """Return cases of a charter that says who approves questions."""
    rules: Document = {
        "approvers": ["met/serious-crime", "ico/commissioner"],
        "second": ["ico/commissioner"],
        "custody": True,
        "emergency": {"within": "PT24H", "overseer": "ico/commissioner"},
    }
    charter = changed(
        example("charter"),
        put("signatures.8.modes", ["match", "search"]),
        put("consultations.2.modes", ["match", "search"]),
        put("searching", rules),
    )
    strict = Story.under(charter)
    outside = Story.under(changed(charter, put("searching.outside", True)))
    search = search_authority()
    return {
        "authority-good-search-approvers": strict.case(search, MATCH_OFFICES, need="within"),
        "authority-search-approver-not-allowed": strict.case(
            changed(search, put("search.tiers.1.approver", "ico/deputy")), MATCH_OFFICES, code="not-entitled"
        ),
        "authority-search-approver-of-the-recipient": outside.case(
            search, MATCH_OFFICES, code="not-entitled"
        ),
        "authority-bulk-without-custody": strict.case(example("authority"), code="malformed"),
    }


def _limits(begun: Story) -> dict[str, Case]:
    ct, search = example("authority"), search_authority()
    longer = changed(ct, put("authority.valid_until", "2027-07-04T00:00:01Z"))
    laid = Story.under(
        changed(example("charter"), put("limits.laid", ["ministerial-certificate", "designation-notice"]))
    )
    searching = Story.under(
        changed(
            example("charter"),
            put("signatures.8.modes", ["match", "search"]),
            put("consultations.2.modes", ["match", "search"]),
        )
    )

    def ask(code: str, *changes: Callable[[Document], object]) -> Case:
        return searching.case(changed(search, *changes), MATCH_OFFICES, code=code)

    return {
        "authority-term-too-long": begun.case(longer, code="term-too-long"),
        "authority-retention-too-long": begun.case(
            changed(ct, put("authority.recipient_retention", "P91D")), code="term-too-long"
        ),
        "authority-review-too-seldom": begun.case(
            changed(ct, put("authority.review_every", "P4M")), code="term-too-long"
        ),
        "authority-review-never": begun.case(
            changed(ct, put("authority.review_every", None)), code="term-too-long"
        ),
        "authority-good-laid": laid.case(ct, need="marked"),
        "authority-not-laid": laid.case(
            changed(ct, put("authority.instrument.laid", None)), code="malformed"
        ),
        "authority-good-search": searching.case(search, MATCH_OFFICES, need="within"),
        "authority-good-search-as-in-0.4": searching.case(
            changed(search, put("search", {"max_age": "P28D"})), MATCH_OFFICES, need="within"
        ),
        "authority-mode-search-without-its-table": ask("malformed", put("search", None)),
        "authority-mode-search-no-rule": begun.case(search, MATCH_OFFICES, code="not-entitled"),
        "authority-good-search-table-in-bulk": begun.case(
            changed(ct, put("search", search["search"])), need="marked"
        ),
        "authority-search-table-in-match": begun.case(
            changed(example("authority-match"), put("search", search["search"])),
            MATCH_OFFICES,
            code="unknown-key",
        ),
        "authority-search-no-such-question": ask("malformed", put("search.questions", ["plate", "habits"])),
        "authority-search-answer-longer-than-kept": ask(
            "term-too-long", put("search.answer_retention", "P29D")
        ),
        "authority-search-hours-beyond-scope": ask(
            "malformed",
            put("scope.hours", [_WEEKDAYS]),
            put("search.hours", [{**_WEEKDAYS, "from": "06:00"}]),
        ),
        "authority-good-search-hours": searching.case(
            changed(
                search,
                put("scope.hours", [_WEEKDAYS]),
                put("search.hours", [{**_WEEKDAYS, "from": "08:00"}]),
            ),
            MATCH_OFFICES,
            need="within",
        ),
        **_charter_on_searches(),
        "authority-search-beyond-source": ask("retention-beyond-source", put("search.max_age", "P29D")),
        "authority-search-beyond-source-by-month": ask(
            "retention-beyond-source", put("search.max_age", "P1M")
        ),
        "authority-search-unknown-approver": ask(
            "unknown-organisation", put("search.tiers.0.approver", "met/superintendent")
        ),
        "authority-search-tiers-descend": ask(
            "malformed",
            put(
                "search.tiers",
                [
                    {"older_than": "P7D", "approver": "met/serious-crime"},
                    {"older_than": "P1D", "approver": "met/national-security"},
                ],
            ),
        ),
    }


def _redactions(begun: Story) -> dict[str, Case]:
    hidden = {
        "member": "authority.necessity",
        "commitment": "0f343b0931126a20f133d67c2b018a3b5f4a7d0f0f1bd7a3a6d1bc5f5b1f0c1e",
        "reason": "It tells of methods.",
        "until": "2027-07-04T00:00:00Z",
    }
    ct = changed(example("authority"), put("authority.necessity", None), put("redactions", [hidden]))
    without = Story.under(changed(example("charter"), put("redaction", None)))

    def bad(code: str, *changes: Callable[[Document], object]) -> Case:
        return begun.case(changed(ct, *changes), code=code)

    other = {**hidden, "member": "authority.proportionality"}
    return {
        "redaction-good": begun.case(ct, need="marked"),
        "redaction-without-rule": without.case(ct, code="not-entitled"),
        "redaction-of-another-member": bad(
            "not-entitled",
            put("authority.proportionality", None),
            put("redactions.0", hidden | other),
            put("authority.necessity", "It is necessary."),
        ),
        "redaction-of-what-is-never-redacted": bad(
            "malformed", put("redactions.0.member", "authority.recipient")
        ),
        "redaction-that-the-authority-outlasts": bad(
            "term-too-long", put("redactions.0.until", "2027-07-03T00:00:00Z")
        ),
        "redaction-too-long": bad("term-too-long", put("redactions.0.until", "2027-07-05T00:00:00Z")),
        "redaction-of-what-stands-there": bad("malformed", put("authority.necessity", "It is necessary.")),
        "redaction-twice": bad("malformed", put("redactions", [hidden, hidden])),
        "redaction-without-reason": bad("malformed", put("redactions.0.reason", " ")),
        "redaction-commitment-not-a-hash": bad("malformed", put("redactions.0.commitment", "0f34")),
        "redaction-unknown-key": bad("unknown-key", put("redactions.0.salt", "00")),
    }


def suspension(number: int, at: str = AT) -> Document:
    """Return another suspension of the example authority."""
    return changed(
        example("suspension"), put("suspension.id", f"sus-2026-{number:03}"), put("suspension.at", at)
    )


def resumption(number: int, of: str) -> Document:
    """Return a resumption that lifts a suspension or a stay."""
    return changed(
        example("resumption"),
        put("resumption.id", f"res-2026-{number:03}"),
        put("resumption.suspension", of),
    )


def _acts(begun: Story) -> dict[str, Case]:
    in_force = begun.then(example("authority"), CT_OFFICES)
    of_match = begun.then(example("authority-match"), MATCH_OFFICES)
    revocation, lifted = example("revocation"), resumption(1, "sus-2026-001")
    revoked = in_force.then(revocation, BY_DATA)
    suspended = in_force.then(suspension(1), BY_DATA)
    review = changed(
        example("review"),
        put("review.at", "2026-07-08T11:00:00Z"),
        put("review.reviewed_at", "2026-07-08T10:00:00Z"),
    )
    bare = changed(review, put("review.why_not_match", None), put("review.why_not_search", None))

    def reviewed(code: str, path: str, value: object) -> Case:
        return in_force.case(changed(review, put(f"review.{path}", value)), BY_HOME, code=code)

    return {
        "revocation-good": in_force.case(revocation, BY_DATA),
        "revocation-nobody-signed": in_force.case(revocation, (), code="signature-missing"),
        "revocation-by-recipient": in_force.case(
            revocation, ("met/national-security",), code="signature-missing"
        ),
        "revocation-again": revoked.case(revocation, BY_DATA, code="already-taken"),
        "revocation-of-revoked": revoked.case(
            changed(revocation, put("revocation.id", "rev-2026-002")), BY_DATA, code="already-taken"
        ),
        "revocation-of-nothing": begun.case(revocation, BY_DATA, code="unknown-authority"),
        "revocation-unknown-key": in_force.case(
            changed(revocation, put("revocation.version", 1)), BY_DATA, code="unknown-key"
        ),
        "revocation-without-reason": in_force.case(
            changed(revocation, put("revocation.reason", "  ")), BY_DATA, code="malformed"
        ),
        "suspension-good": in_force.case(suspension(1), ("ico/deputy",)),
        "suspension-replayed": suspended.then(lifted, RESUMERS).case(
            suspension(1), BY_DATA, code="already-taken"
        ),
        "resumption-good": suspended.case(lifted, RESUMERS),
        "resumption-one-of-two": suspended.case(lifted, BY_DATA, code="signature-missing"),
        "resumption-of-nothing": in_force.case(lifted, RESUMERS, code="unknown-suspension"),
        "resumption-replayed-after-later-suspension": suspended.then(lifted, RESUMERS)
        .then(suspension(2), BY_DATA)
        .case(lifted, RESUMERS, code="already-taken"),
        "resumption-kept-back-until-later-suspension": suspended.then(resumption(0, "sus-2026-001"), RESUMERS)
        .then(suspension(2), BY_DATA)
        .case(lifted, RESUMERS, code="unknown-suspension"),
        "review-good": in_force.case(review, BY_HOME),
        "review-good-of-match": of_match.case(
            changed(bare, put("review.authority", "tfl-met-wanted")), BY_DATA
        ),
        "review-of-bulk-without-why-not": in_force.case(bare, BY_HOME, code="malformed"),
        "review-of-bulk-without-why-not-match": reviewed("malformed", "why_not_match", None),
        "review-of-bulk-without-why-not-search": reviewed("malformed", "why_not_search", None),
        "review-of-another-version": reviewed("version-not-next", "version", 2),
        "review-ahead-of-the-clock": reviewed("malformed", "reviewed_at", "2026-07-08T12:01:01Z"),
        "review-that-does-not-continue": reviewed("unsupported", "continue", False),
        "review-by-data-protection": in_force.case(review, BY_DATA, code="signature-missing"),
    }


def _courts(begun: Story) -> dict[str, Case]:
    in_force = begun.then(example("authority"), CT_OFFICES)
    challenge, quashed = example("challenge"), example("quashed")
    stay = changed(challenge, put("challenge.stay", True))
    stayed = in_force.then(stay, BY_JUDGE)
    lifted = resumption(1, "co-1234-2026")
    return {
        "challenge-good": in_force.case(challenge, BY_JUDGE),
        "challenge-good-with-stay": in_force.case(stay, BY_JUDGE),
        "challenge-by-nobody-of-the-court": in_force.case(challenge, BY_HOME, code="signature-missing"),
        "challenge-again": stayed.case(challenge, BY_JUDGE, code="already-taken"),
        "challenge-of-nothing": begun.case(challenge, BY_JUDGE, code="unknown-authority"),
        "challenge-without-stay-said": in_force.case(
            changed(challenge, put("challenge.stay", None)), BY_JUDGE, code="malformed"
        ),
        "challenge-unknown-key": in_force.case(
            changed(challenge, put("challenge.until", AT)), BY_JUDGE, code="unknown-key"
        ),
        "stay-lifted-by-the-controller": stayed.case(lifted, RESUMERS, code="signature-missing"),
        "stay-lifted-by-the-court": stayed.case(lifted, BY_JUDGE),
        "stay-that-was-none": in_force.then(challenge, BY_JUDGE).case(
            lifted, BY_JUDGE, code="unknown-suspension"
        ),
        "suspension-lifted-by-the-court-alone": in_force.then(suspension(1), BY_DATA).case(
            resumption(1, "sus-2026-001"), BY_JUDGE, code="signature-missing"
        ),
        "quashed-good": in_force.case(quashed, BY_JUDGE),
        "quashed-by-nobody-of-the-court": in_force.case(quashed, BY_HOME, code="signature-missing"),
        "quashed-again": in_force.then(quashed, BY_JUDGE).case(quashed, BY_JUDGE, code="already-taken"),
        "quashed-after-revocation": in_force.then(example("revocation"), BY_DATA).case(quashed, BY_JUDGE),
        "quashed-with-an-unknown-consultation": in_force.case(
            changed(quashed, put("quashed.consultation", "c-2026-999")), BY_JUDGE, code="unknown-consultation"
        ),
        "revocation-after-quashed": in_force.then(quashed, BY_JUDGE).case(
            example("revocation"), BY_DATA, code="already-taken"
        ),
    }


def _charters() -> dict[str, Case]:
    charter = example("charter")
    nothing = Story()

    def good(*changes: Callable[[Document], object]) -> Case:
        return nothing.case(changed(charter, *changes), ROOTS)

    def bad(code: str, *changes: Callable[[Document], object]) -> Case:
        return nothing.case(changed(charter, *changes), ROOTS, code=code)

    def rule(**members: object) -> Callable[[Document], object]:
        return lambda document: document["consultations"].append({"need": "notice", **members})

    demonstration = put("charter.demonstration", True)
    return {
        "charter-good": good(),
        "charter-good-demonstration-figures": good(demonstration, put("limits.figures_every", "PT10S")),
        "charter-good-figures-by-the-month": good(put("limits.figures_every", "P1M")),
        "charter-good-demonstration-urgency": good(demonstration, put("urgency.again_after", "PT1H")),
        "charter-good-without-what-may-be-left-out": good(
            put("urgency", None),
            put("amendment", None),
            put("redaction", None),
            put("limits.camera_growth", None),
            put("limits.longest_review", None),
            put("consultations", None),
        ),
        "charter-signature-missing": nothing.case(charter, ROOTS[:2], code="signature-missing"),
        "charter-one-signs-for-two": bad("signer-duplicate", same_holder(ROOTS[0], ROOTS[2])),
        "charter-one-key-for-two": bad("signer-duplicate", same_key(ROOTS[0], ROOTS[2])),
        "charter-signed-by-one-office": bad("malformed", put("signatures.0.offices", ["tfl/commissioner"])),
        "charter-figures-too-often": bad("malformed", put("limits.figures_every", "PT10S")),
        "charter-figures-by-two-months": bad("malformed", put("limits.figures_every", "P2M")),
        "charter-unknown-limit": bad("unknown-key", put("limits.longest", "P1Y")),
        "charter-unknown-instrument": bad("unknown-key", put("limits.longest_validity.letter", "P1Y")),
        "charter-office-of-nobody": bad("unknown-organisation", put("offices.0.id", "acme/boss")),
        "charter-key-of-small-order": bad(
            "malformed", put("offices.0.key", format_public(b"\x01" + bytes(31)))
        ),
        "charter-purpose-without-parent": bad("unknown-purpose", put("purposes.0.id", "road/pricing")),
        "charter-rule-for-unknown-purpose": bad(
            "unknown-purpose", put("signatures.1.purposes", ["national-security/protest"])
        ),
        "charter-rule-for-any-controller": bad(
            "malformed",
            put("signatures.1.controllers", None),
            put("signatures.1.offices", ["home-office/secretary-of-state"]),
        ),
        "charter-any-of-for-authorities": bad("malformed", put("signatures.1.need", "any")),
        "charter-nobody-can-open": bad(
            "malformed", put("offices.4.opening_key", None), put("offices.5.opening_key", None)
        ),
        "charter-source-without-retention": bad("malformed", put("organisations.0.retention", None)),
        "charter-operator-of-no-role": bad("unknown-organisation", put("charter.operator", "met")),
        "charter-witnesses": bad("malformed", put("witnesses", [])),
        "charter-urgent": bad("unknown-key", put("charter.urgent", True)),
        "charter-urgency-too-long": bad("malformed", put("urgency.longest", "P15D")),
        "charter-urgency-again-too-soon": bad("malformed", put("urgency.again_after", "P364D")),
        "charter-urgency-of-nobody": bad("unknown-organisation", put("urgency.offices", ["mi5/director"])),
        "charter-no-terms-of-consultations": bad("malformed", put("consulting", None)),
        "charter-consultation-open-for-no-time": bad("malformed", put("consulting.shortest", "P0D")),
        "charter-within-without-a-time": bad("malformed", rule(need="within")),
        "charter-need-unknown": bad("malformed", rule(need="never")),
        "charter-consultations-for-unknown-purpose": bad("unknown-purpose", rule(purposes=["protest"])),
        "charter-consultations-for-unknown-source": bad(
            "unknown-organisation", rule(sources=["westminster"])
        ),
        "charter-consultations-for-unknown-field": bad("unknown-field", rule(fields=["driver"])),
        "charter-consultations-for-unknown-recipient": bad(
            "unknown-organisation", rule(units=["mi5/analysts"])
        ),
        "charter-consultations-onward-to-nobody-known": bad("unknown-organisation", rule(onward=["gchq"])),
        "charter-consultations-unknown-key": bad("unknown-key", rule(offices=["tfl/commissioner"])),
        "charter-beneficiary-decides-alone": bad(
            "malformed", put("signatures.13.offices", ["{recipient}/serious-crime"])
        ),
        "charter-redaction-of-the-recipient": bad(
            "malformed", put("redaction.members", ["authority.recipient"])
        ),
        "charter-key-ended-that-is-in-use": bad(
            "malformed",
            put(
                "keys_ended",
                [
                    {
                        "key": format_public(key_of("tfl/commissioner").public),
                        "office": "tfl/commissioner",
                        "reason": "rotated",
                        "from_entry": 0,
                    }
                ],
            ),
        ),
    }
