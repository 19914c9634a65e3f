"""Named documents of a consultation's way: the proposal, objections, the decision, and who rests on it."""

from __future__ import annotations

from collections.abc import Callable

from tests.vectors.cases_documents import BY_DATA, BY_HOME, BY_JUDGE, RESUMERS, search_authority
from tests.vectors.make_documents import (
    CT_OFFICES,
    DECIDERS,
    MATCH_OFFICES,
    Case,
    Document,
    Story,
    changed,
    example,
    put,
)

PUBLISHED, MEANWHILE, CLOSED, LATER = (
    "2026-07-08T12:00:00Z",
    "2026-08-01T12:00:00Z",
    "2026-08-20T00:00:00Z",
    "2026-09-01T12:00:00Z",
)
"""When the example consultation is published, is open, closes, and is decided."""

BY_DFT, BY_PARLIAMENT = ("dft/minister",), ("parliament/clerk",)
NAME = "c-2026-002"

Change = Callable[[Document], object]


def cases() -> dict[str, Case]:
    """Return the cases by name."""
    begun = Story.under(example("charter"))
    return {
        **_proposals(begun),
        **_objections(begun),
        **_annulments(begun),
        **_decisions(begun),
        **_reliance(begun),
        **_needs(begun),
    }


def images(*changes: Change) -> Document:
    """Return the authority that the example consultation proposes."""
    return changed(example("consultation")["draft"], put("authority.consultation", NAME), *changes)


def consultation_on(draft: Document, name: str = NAME) -> Document:
    """Return a consultation, of the example's dates, on another draft."""
    return changed(example("consultation"), put("consultation.id", name), put("draft", draft))


def decision_on(name: str = NAME, *changes: Change) -> Document:
    """Return the example decision, without answers, on a consultation."""
    return changed(
        example("decision"),
        put("decision.id", f"d-{name}"),
        put("decision.consultation", name),
        put("decision.answers", None),
        *changes,
    )


def consulted(
    begun: Story, draft: Document, *changes: Change, name: str = NAME, by: tuple[str, ...] = DECIDERS
) -> Story:
    """Return a story in which a draft was consulted on and decided."""
    return begun.then(consultation_on(draft, name), BY_HOME, at=PUBLISHED).then(
        decision_on(name, *changes), by, at=LATER
    )


def _proposals(begun: Story) -> dict[str, Case]:
    proposal, draft = example("consultation"), example("consultation")["draft"]
    longer = Story.under(
        changed(
            example("charter"),
            lambda charter: charter["consultations"].append(
                {"need": "before", "fields": ["overview-image"], "shortest": "P60D"}
            ),
        )
    )

    def bad(code: str, path: str, value: object) -> Case:
        return begun.case(changed(proposal, put(path, value)), BY_HOME, code=code)

    return {
        "consultation-good": begun.case(proposal, BY_HOME, cap=1600),
        "consultation-good-of-a-later-version": begun.case(
            consultation_on(changed(draft, put("authority.version", 3))), BY_DATA
        ),
        "consultation-good-cameras-by-growth": begun.case(
            consultation_on(changed(draft, put("scope.max_cameras", None))), BY_HOME, cameras=1001, cap=1102
        ),
        "consultation-good-that-widens-nothing": begun.case(
            consultation_on(changed(example("authority"), put("authority.title", "As it is"))), BY_HOME
        ),
        "consultation-nobody-signed": begun.case(proposal, (), code="signature-missing"),
        "consultation-by-the-recipient": begun.case(
            proposal, ("met/national-security",), code="signature-missing"
        ),
        "consultation-again": begun.then(proposal, BY_HOME).case(proposal, BY_HOME, code="already-taken"),
        "consultation-too-short": bad(
            "consultation-too-short", "consultation.closes_at", "2026-08-05T23:59:59Z"
        ),
        "consultation-just-long-enough": begun.case(
            changed(proposal, put("consultation.closes_at", "2026-08-06T00:00:00Z")), BY_HOME
        ),
        "consultation-too-short-published-late": begun.case(
            proposal, BY_HOME, at="2026-07-23T00:00:01Z", code="consultation-too-short"
        ),
        "consultation-too-short-after-its-closing": begun.case(
            changed(proposal, put("consultation.closes_at", "2026-07-10T00:00:00Z")),
            BY_HOME,
            at=MEANWHILE,
            code="consultation-too-short",
        ),
        "consultation-too-short-for-its-fields": longer.case(
            proposal, BY_HOME, code="consultation-too-short"
        ),
        "consultation-closes-before-it-opens": bad(
            "malformed", "consultation.closes_at", "2026-07-09T00:00:00Z"
        ),
        "consultation-without-draft": bad("malformed", "draft", None),
        "consultation-draft-of-an-act": bad("malformed", "draft", example("suspension")),
        "consultation-without-assessment": bad("malformed", "consultation.assessment", None),
        "consultation-unknown-key": bad("unknown-key", "consultation.authority", "tfl-met-ct"),
        "consultation-unknown-key-in-draft": bad("unknown-key", "draft.scope.speed", 30),
        "consultation-draft-unknown-purpose": bad(
            "unknown-purpose", "draft.authority.purpose", "crime/petty"
        ),
        "consultation-draft-unknown-unit": bad("unknown-organisation", "draft.authority.unit", "traffic"),
        "consultation-draft-that-no-rule-allows": bad("not-entitled", "draft.authority.purpose", "crime"),
        "consultation-draft-too-long": bad(
            "term-too-long", "draft.authority.valid_until", "2027-09-02T00:00:00Z"
        ),
        "consultation-draft-mode-search": begun.case(
            consultation_on(search_authority()), BY_DATA, code="not-entitled"
        ),
        "consultation-draft-over-already": begun.case(
            changed(
                proposal,
                put("draft.authority.valid_from", "2026-01-01T00:00:00Z"),
                put("draft.authority.valid_until", "2026-07-08T00:00:00Z"),
            ),
            BY_HOME,
            code="already-expired",
        ),
    }


def _objections(begun: Story) -> dict[str, Case]:
    objection = example("objection")
    open_ = begun.then(example("consultation"), BY_HOME, at=PUBLISHED)
    objected = open_.then(objection, BY_DFT, at=MEANWHILE)
    in_force = begun.then(example("authority"), CT_OFFICES)
    to_authority = changed(
        objection, put("objection.consultation", None), put("objection.authority", "tfl-met-ct")
    )

    def bad(code: str, path: str, value: object) -> Case:
        changes = put(f"objection.{path}", value)
        return open_.case(changed(objection, changes), BY_DFT, at=MEANWHILE, code=code)

    return {
        "objection-good": open_.case(objection, BY_DFT, at=MEANWHILE),
        "objection-good-before-it-opens": open_.case(objection, BY_DFT),
        "objection-after-the-closing": open_.case(objection, BY_DFT, at=CLOSED, code="consultation-closed"),
        "objection-good-to-an-authority": in_force.case(to_authority, BY_DFT),
        "objection-again": objected.case(objection, BY_DFT, at=MEANWHILE, code="already-taken"),
        "objection-after-the-decision": consulted(begun, example("consultation")["draft"]).case(
            objection, BY_DFT, at=LATER, code="consultation-closed"
        ),
        "objection-to-nothing": begun.case(objection, BY_DFT, code="unknown-consultation"),
        "objection-to-no-authority": begun.case(to_authority, BY_DFT, code="unknown-authority"),
        "objection-to-both": bad("malformed", "authority", "tfl-met-ct"),
        "objection-to-neither": bad("malformed", "consultation", None),
        "objection-of-nobody": bad("unknown-organisation", "organisation", "acme"),
        "objection-unknown-key": bad("unknown-key", "answer", "no"),
        "objection-by-another-organisation": bad("signature-missing", "organisation", "ico"),
        "objection-by-the-recipient": open_.case(
            changed(objection, put("objection.organisation", "met")),
            ("met/national-security",),
            at=MEANWHILE,
            code="signature-missing",
        ),
        "objection-that-would-annul-a-consultation": bad("malformed", "annul", True),
        "objection-id-of-an-act": in_force.then(example("challenge"), BY_JUDGE).case(
            changed(to_authority, put("objection.id", "co-1234-2026")), BY_DFT, code="already-taken"
        ),
    }


def annulment() -> Document:
    """Return Parliament's objection to the example authority."""
    return changed(
        example("objection"),
        put("objection.consultation", None),
        put("objection.authority", "tfl-met-ct"),
        put("objection.organisation", "parliament"),
        put("objection.annul", True),
    )


def _annulments(begun: Story) -> dict[str, Case]:
    in_force = begun.then(example("authority"), CT_OFFICES)
    nobody = Story.under(
        changed(
            example("charter"),
            lambda charter: charter.update(
                signatures=[rule for rule in charter["signatures"] if not rule.get("annuls")]
            ),
        )
    )
    last, late = "2026-08-17T11:59:59.999999Z", "2026-08-17T12:00:00Z"
    return {
        "annulment-good": in_force.case(annulment(), BY_PARLIAMENT),
        "annulment-good-at-the-last-moment": in_force.case(annulment(), BY_PARLIAMENT, at=last),
        "annulment-too-late": in_force.case(annulment(), BY_PARLIAMENT, at=late, code="not-entitled"),
        "annulment-by-a-department": in_force.case(
            changed(annulment(), put("objection.organisation", "dft")), BY_DFT, code="signature-missing"
        ),
        "annulment-without-rule": nobody.then(example("authority"), CT_OFFICES).case(
            annulment(), BY_PARLIAMENT, code="not-entitled"
        ),
        "annulment-again": in_force.then(annulment(), BY_PARLIAMENT).case(
            changed(annulment(), put("objection.id", "o-2026-002")), BY_PARLIAMENT, code="already-taken"
        ),
        "annulment-of-revoked": in_force.then(example("revocation"), BY_DATA).case(
            annulment(), BY_PARLIAMENT
        ),
        "annulment-of-annulled": in_force.then(annulment(), BY_PARLIAMENT).case(
            changed(annulment(), put("objection.id", "o-2026-003")), BY_PARLIAMENT, code="already-taken"
        ),
        "resumption-after-annulment": in_force.then(example("suspension"), BY_DATA)
        .then(annulment(), BY_PARLIAMENT)
        .case(example("resumption"), RESUMERS),
    }


def _decisions(begun: Story) -> dict[str, Case]:
    draft = example("consultation")["draft"]
    open_ = begun.then(example("consultation"), BY_HOME, at=PUBLISHED)
    objected = open_.then(example("objection"), BY_DFT, at=MEANWHILE)
    rejected = decision_on(NAME, put("decision.outcome", "rejected"), put("decision.covered_until", None))
    any_decides = Story.under(
        changed(
            example("charter"),
            put("signatures.13.offices", ["{recipient}/national-security", "dft/minister"]),
            put("signatures.13.need", "any"),
        )
    ).then(example("consultation"), BY_HOME, at=PUBLISHED)
    less = changed(draft, put("scope.max_cameras", 200))
    more = changed(draft, put("scope.fields", ["plate", "time", "place", "vehicle", "overview-image"]))
    shorter = Story.under(
        changed(
            example("charter"),
            lambda charter: charter["consultations"].append(
                {"need": "before", "fields": ["overview-image"], "covers_for": "P6M"}
            ),
        )
    ).then(example("consultation"), BY_HOME, at=PUBLISHED)

    def bad(code: str, *changes: Change, story: Story = open_) -> Case:
        return story.case(decision_on(NAME, *changes), DECIDERS, at=LATER, code=code)

    met = ("met/national-security",)
    return {
        "decision-good": objected.case(example("decision"), DECIDERS, at=LATER, fulfils=()),
        "decision-good-at-the-closing": open_.case(decision_on(), DECIDERS, at=CLOSED),
        "decision-good-rejected": open_.case(rejected, DECIDERS, at=LATER),
        "decision-good-covers-less": open_.case(decision_on(NAME, put("covered", less)), DECIDERS, at=LATER),
        "decision-before-the-closing": open_.case(
            decision_on(), DECIDERS, at="2026-08-19T23:59:59Z", code="consultation-open"
        ),
        "decision-with-an-objection-unanswered": bad("objection-unanswered", story=objected),
        "decision-rejected-with-an-objection-unanswered": objected.case(
            rejected, DECIDERS, at=LATER, code="objection-unanswered"
        ),
        "decision-that-answers-what-nobody-said": bad(
            "malformed", put("decision.answers", [{"objection": "o-9", "answer": "No."}])
        ),
        "decision-that-answers-twice": objected.case(
            changed(
                example("decision"),
                put("decision.answers", [*example("decision")["decision"]["answers"]] * 2),
            ),
            DECIDERS,
            at=LATER,
            code="malformed",
        ),
        "decision-again": open_.then(rejected, DECIDERS, at=LATER).case(
            decision_on(), DECIDERS, at=LATER, code="already-taken"
        ),
        "decision-on-nothing": begun.case(decision_on(), DECIDERS, at=LATER, code="unknown-consultation"),
        "decision-signed-by-one": open_.case(decision_on(), DECIDERS[:1], at=LATER, code="signature-missing"),
        "decision-by-the-beneficiary-alone": any_decides.case(
            decision_on(), met, at=LATER, code="not-entitled"
        ),
        "decision-by-the-beneficiary-and-one-who-does-not-decide": any_decides.case(
            decision_on(), (*met, "ico/deputy"), at=LATER, code="not-entitled"
        ),
        "decision-good-with-the-beneficiary": any_decides.case(
            decision_on(), (*met, "dft/minister"), at=LATER
        ),
        "decision-covers-more-than-the-draft": bad("consultation-does-not-cover", put("covered", more)),
        "decision-covers-more-cameras-than-the-draft": bad(
            "consultation-does-not-cover", put("covered", changed(draft, put("scope.max_cameras", 1601)))
        ),
        "decision-covers-too-long": bad(
            "term-too-long", put("decision.covered_until", "2029-09-01T12:00:01Z")
        ),
        "decision-covers-too-long-for-its-fields": bad("term-too-long", story=shorter),
        "decision-covers-what-is-past": bad(
            "already-expired", put("decision.covered_until", "2026-09-01T12:00:00Z")
        ),
        "decision-approved-without-an-end": bad("malformed", put("decision.covered_until", None)),
        "decision-rejected-that-covers": bad(
            "malformed",
            put("decision.outcome", "rejected"),
            put("decision.covered_until", None),
            put("covered", less),
        ),
        "decision-rejected-with-an-end": bad("unknown-key", put("decision.outcome", "rejected")),
        "decision-of-another-outcome": bad("malformed", put("decision.outcome", "deferred")),
        "decision-without-reasons": bad("malformed", put("decision.reasons", " ")),
        "decision-unknown-key": bad("unknown-key", put("decision.vote", 3)),
        "decision-unknown-key-in-covered": bad(
            "unknown-key", put("covered", changed(less, put("scope.speed", 30)))
        ),
    }


def _reliance(begun: Story) -> dict[str, Case]:
    draft = example("consultation")["draft"]
    open_ = begun.then(example("consultation"), BY_HOME, at=PUBLISHED)
    covered = consulted(begun, draft)
    rejected = put("decision.outcome", "rejected"), put("decision.covered_until", None)
    half = changed(draft, put("scope.fields", ["plate", "overview-image"]))
    less = changed(draft, put("scope.fields", ["plate", "time", "place"]))
    quashing = changed(example("quashed"), put("quashed.authority", "tfl-met-ct-images"))
    with_it = changed(quashing, put("quashed.consultation", NAME))
    next_one = images(put("authority.version", 2))
    used = covered.then(images(), CT_OFFICES, at=LATER)

    def bad(code: str, story: Story, at: str = LATER, *changes: Change) -> Case:
        return story.case(images(*changes), CT_OFFICES, at=at, code=code)

    return {
        "coverage-good": covered.case(images(), CT_OFFICES, at=LATER, need="covered", by=(NAME,), cap=1600),
        "coverage-good-without-naming-it": covered.case(
            draft, CT_OFFICES, at=LATER, need="covered", by=(NAME,)
        ),
        "coverage-good-of-what-was-covered-of-it": consulted(begun, draft, put("covered", half)).case(
            images(put("scope.fields", ["overview-image"])), CT_OFFICES, at=LATER, need="covered"
        ),
        "coverage-of-a-part-and-the-rest-is-marked": consulted(begun, draft, put("covered", half)).case(
            images(), CT_OFFICES, at=LATER, need="marked", by=(NAME,), cap=1600
        ),
        "coverage-good-for-a-next-version": used.case(next_one, CT_OFFICES, at=LATER, need="covered"),
        "coverage-good-while-it-lasts": covered.case(
            images(put("authority.valid_until", "2027-09-01T00:00:00Z")), CT_OFFICES, at=LATER, need="covered"
        ),
        "coverage-needed": bad("widening", begun, LATER, put("authority.consultation", None)),
        "coverage-needed-while-it-is-open": bad(
            "widening", open_, MEANWHILE, put("authority.consultation", None)
        ),
        "coverage-of-an-open-consultation": bad("consultation-open", open_, MEANWHILE),
        "coverage-of-a-closed-consultation": bad("consultation-open", open_, CLOSED),
        "coverage-of-an-unknown-consultation": bad("consultation-does-not-cover", begun),
        "coverage-of-a-rejected-consultation": bad(
            "consultation-does-not-cover", consulted(begun, draft, *rejected)
        ),
        "coverage-of-less": bad("consultation-does-not-cover", consulted(begun, draft, put("covered", less))),
        "coverage-that-ends-too-early": bad(
            "consultation-does-not-cover",
            consulted(begun, draft, put("decision.covered_until", "2027-08-30T23:59:59Z")),
        ),
        "coverage-for-more-cameras": bad(
            "consultation-does-not-cover", covered, LATER, put("scope.max_cameras", 1601)
        ),
        "quashed-good-with-its-consultation": used.case(with_it, BY_JUDGE, at=LATER),
        "quashed-with-a-consultation-on-which-others-rest": used.then(
            images(put("authority.name", "tfl-met-ct-too")), CT_OFFICES, at=LATER
        ).case(with_it, BY_JUDGE, at=LATER, stops=("tfl-met-ct-too",)),
        "quashed-with-its-consultation-after-a-revocation": used.then(
            changed(example("revocation"), put("revocation.authority", "tfl-met-ct-images")),
            BY_DATA,
            at=LATER,
        ).case(with_it, BY_JUDGE, at=LATER),
        "quashed-with-a-consultation-that-is-open": open_.then(example("authority"), CT_OFFICES).case(
            changed(example("quashed"), put("quashed.consultation", NAME)), BY_JUDGE, code="malformed"
        ),
        "coverage-of-a-quashed-consultation": used.then(with_it, BY_JUDGE, at=LATER).case(
            next_one, CT_OFFICES, at=LATER, code="consultation-does-not-cover"
        ),
        "coverage-good-after-the-authority-alone-was-quashed": used.then(quashing, BY_JUDGE, at=LATER).case(
            next_one, CT_OFFICES, at=LATER, need="covered"
        ),
    }


def _needs(begun: Story) -> dict[str, Case]:
    match, own = example("authority-match"), example("authority-own-use")
    waiting = begun.then(match, MATCH_OFFICES)
    due = "2026-10-06T12:00:00Z"
    due_us = 1_791_288_000_000_000
    again = changed(match, put("authority.version", 2))
    renamed = changed(match, put("authority.name", "tfl-met-wanted-too"))
    until = put("decision.covered_until", "2027-07-04T00:00:00Z")
    open_ = waiting.then(consultation_on(match), BY_DATA, at=PUBLISHED)
    in_time = open_.then(decision_on(NAME, until), DECIDERS, at=LATER)
    strict = Story.under(
        changed(
            example("charter"),
            lambda charter: charter["consultations"].append({"need": "before", "fields": ["place"]}),
        )
    )
    fewer = Story.under(changed(example("charter"), put("consultations.1.max_cameras", 120)))
    quicker = Story.under(
        changed(
            example("charter"),
            lambda charter: charter["consultations"].append(
                {"need": "within", "within": "P30D", "fields": ["patch-image"]}
            ),
        )
    )
    marked = example("authority")
    onward = changed(marked, put("authority.onward", ["home-office"]))

    def under(**members: object) -> Story:
        """Return a deployment whose rule on what is marked has more members."""
        return Story.under(
            changed(example("charter"), lambda charter: charter["consultations"][1].update(members))
        )

    both = Story.under(
        changed(
            example("charter"),
            lambda charter: charter["consultations"].append({"need": "marked", "fields": ["vehicle"]}),
        )
    )
    return {
        "need-within": begun.case(match, MATCH_OFFICES, need="within", due_us=due_us, cap=110),
        "need-within-the-shortest-of-two-times": quicker.case(
            match, MATCH_OFFICES, need="within", due_us=due_us - 60 * 86_400_000_000
        ),
        "need-within-from-its-validity-on": begun.case(
            changed(match, put("authority.valid_from", "2026-07-10T00:00:00Z")),
            MATCH_OFFICES,
            need="within",
            due_us=1_791_417_600_000_000,
        ),
        "need-within-not-anew-by-a-next-version": waiting.case(
            again, MATCH_OFFICES, at=LATER, need="within", due_us=due_us
        ),
        "need-within-not-anew-by-another-name": waiting.case(
            renamed, MATCH_OFFICES, at=LATER, need="within", due_us=due_us
        ),
        "need-within-not-anew-for-another-unit": waiting.case(
            changed(renamed, put("authority.unit", "national-security-units")),
            MATCH_OFFICES,
            at=LATER,
            need="within",
            due_us=due_us,
        ),
        "need-within-that-ran-out": waiting.case(renamed, MATCH_OFFICES, at=due, code="widening"),
        "need-within-that-ran-out-after-revocation": waiting.then(
            changed(example("revocation"), put("revocation.authority", "tfl-met-wanted")), BY_DATA
        ).case(again, MATCH_OFFICES, at=due, code="widening"),
        "need-within-anew-for-other-powers": waiting.case(
            changed(renamed, put("scope.fields", ["overview-image"])), MATCH_OFFICES, at=due, need="within"
        ),
        "need-within-that-ran-out-for-another-group": waiting.case(
            changed(renamed, put("scope.groups", ["ulez"])), MATCH_OFFICES, at=due, code="widening"
        ),
        "need-within-that-ran-out-for-another-kind": waiting.case(
            changed(renamed, put("match.kinds", ["anything"])), MATCH_OFFICES, at=due, code="widening"
        ),
        "need-within-met": in_time.case(again, MATCH_OFFICES, at=LATER, need="covered", by=(NAME,)),
        "decision-that-a-within-waited-for": open_.case(
            decision_on(NAME, until), DECIDERS, at=LATER, fulfils=("tfl-met-wanted@1",)
        ),
        "decision-that-a-within-waited-for-late": open_.case(
            decision_on(NAME, until), DECIDERS, at="2026-10-07T00:00:00Z", fulfils=("tfl-met-wanted@1",)
        ),
        "decision-that-covers-too-little-for-a-within": open_.case(
            decision_on(NAME, until, put("covered", changed(match, put("scope.fields", ["plate"])))),
            DECIDERS,
            at=LATER,
            fulfils=(),
        ),
        "decision-that-covers-too-briefly-for-a-within": open_.case(
            decision_on(NAME, put("decision.covered_until", "2027-07-03T00:00:00Z")),
            DECIDERS,
            at=LATER,
            fulfils=(),
        ),
        "need-marked": begun.case(example("authority"), need="marked", cap=110),
        "need-notice": begun.case(own, ("tfl/commissioner", "tfl/data-protection"), need="notice", cap=110),
        "need-the-strictest-of-two": begun.case(
            changed(example("authority"), put("scope.fields", ["plate", "time", "place", "vehicle"])),
            code="widening",
        ),
        "need-before-beats-marked": strict.case(example("authority"), code="widening"),
        "need-within-beats-marked": both.case(match, MATCH_OFFICES, need="within"),
        "need-before-to-pass-it-on": begun.case(onward, code="widening"),
        "need-marked-to-pass-it-on-to-whom-the-rule-names": under(onward=["home-office"]).case(
            onward, need="marked"
        ),
        "need-marked-for-the-unit-that-the-rule-names": under(units=["met/national-security-units"]).case(
            marked, need="marked"
        ),
        "need-marked-for-any-unit-of-the-recipient-that-the-rule-names": under(units=["met"]).case(
            marked, need="marked"
        ),
        "need-before-for-another-unit": under(units=["met/serious-crime"]).case(marked, code="widening"),
        "need-marked-kept-as-long-as-the-rule-says": under(longest_retention="P28D").case(
            marked, need="marked"
        ),
        "need-before-kept-longer": under(longest_retention="P27D").case(marked, code="widening"),
        "need-marked-for-so-many-cameras": fewer.case(example("authority"), need="marked", cap=110),
        "need-marked-cameras-fit-the-rule": fewer.case(
            example("authority"), cameras=115, need="marked", cap=120
        ),
        "need-before-for-more-cameras": fewer.case(example("authority"), cameras=121, code="widening"),
    }
