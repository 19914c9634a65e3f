"""Named authorities that are wider than what was consulted on, in each way there is; and urgent ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.vectors.cases_consultations import (
    BY_JUDGE,
    BY_PARLIAMENT,
    LATER,
    NAME,
    PUBLISHED,
    annulment,
    consultation_on,
    consulted,
    decision_on,
)
from tests.vectors.cases_documents import BY_DATA, BY_HOME, search_authority
from tests.vectors.make_documents import (
    CT_OFFICES,
    DECIDERS,
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

SIGNERS = (*MATCH_OFFICES, "westminster/data-protection")
UNTIL = "2027-07-04T00:00:00Z"

Change = Callable[[Document], object]


def cases() -> dict[str, Case]:
    """Return the cases by name."""
    return {
        **_before(),
        **_wider(),
        **_demanding(),
        **_asking(),
        **_narrower(),
        **_cameras(),
        **_urgent(),
        **_struck(),
    }


def strict_charter() -> Document:
    """Return a charter under which everything needs a consultation before, with a second source and bulk for crime."""
    return changed(
        example("charter"),
        put("consultations", None),
        put("signatures.8.modes", ["match", "bulk"]),
        lambda document: document["organisations"].append(
            {
                "id": "westminster",
                "name": "Westminster City Council",
                "roles": ["source"],
                "retention": "P28D",
            }
        ),
        lambda document: document["offices"].append(
            {
                "id": "westminster/data-protection",
                "title": "Data Protection Officer",
                "holder": "Noor Nicholls",
                "key": format_public(key_of("westminster/data-protection").public),
            }
        ),
    )


def proposed() -> Document:
    """Return the authority that was consulted on: bounded in every way in which an authority can be."""
    return changed(
        example("authority-match"),
        put("scope.max_cameras", 100),
        put("scope.area", {"south": 51.4, "west": -0.3, "north": 51.6, "east": 0.1}),
        put(
            "scope.hours",
            [{"zone": "Europe/London", "days": ["mon", "tue"], "from": "07:00", "until": "18:00"}],
        ),
        put("authority.onward", ["home-office"]),
    )


def _covered() -> Story:
    return consulted(Story.under(strict_charter()), proposed(), put("decision.covered_until", UNTIL))


def _demanding() -> dict[str, Case]:
    """Return what becomes of demands: fewer are a widening, more are none."""
    asked = changed(proposed(), put("authority.demands", ["viewer", "confirmer"]))
    covered = consulted(Story.under(strict_charter()), asked, put("decision.covered_until", UNTIL))

    def case(demands: list[str] | None, **wanted: Any) -> Case:
        return covered.case(changed(asked, put("authority.demands", demands)), SIGNERS, at=LATER, **wanted)

    return {
        "widening-by-no-demands": case(None, code="widening"),
        "widening-by-fewer-demands": case(["viewer"], code="widening"),
        "widening-by-other-demands": case(["viewer", "hotlist-keeper"], code="widening"),
        "authority-good-demands-covered": case(["viewer", "confirmer"], need="covered", by=(NAME,), wider=()),
        "authority-good-more-demands": case(
            ["viewer", "confirmer", "hotlist-keeper"], need="covered", by=(NAME,), wider=()
        ),
    }


def _asking() -> dict[str, Case]:
    """Return what becomes of terms of searches: each member by itself."""
    charter = changed(strict_charter(), put("signatures.8.modes", ["match", "search", "bulk"]))
    covered = consulted(Story.under(charter), search_authority(), put("decision.covered_until", UNTIL))

    def case(*changes: Change, **wanted: Any) -> Case:
        return covered.case(changed(search_authority(), *changes), MATCH_OFFICES, at=LATER, **wanted)

    def wider(*changes: Change) -> Case:
        return case(*changes, code="widening")

    def narrower(*changes: Change) -> Case:
        return case(*changes, need="covered", by=(NAME,), wider=())

    return {
        "widening-by-question": wider(put("search.questions", ["plate", "lookalikes", "pattern", "place"])),
        "widening-by-camera-days": wider(put("search.breadth.camera_days", 301)),
        "widening-by-plates-of-a-question": wider(put("search.breadth.plates", 51)),
        "widening-by-answer-retention": wider(put("search.answer_retention", "P8D")),
        "widening-by-no-tier": wider(put("search.tiers", None)),
        "widening-by-another-approver": wider(put("search.tiers.1.approver", "ico/deputy")),
        "covered-narrower-questions": narrower(put("search.questions", ["plate"])),
        "covered-terms-of-0.4": narrower(put("search.questions", None), put("search.breadth", None)),
        "covered-shorter-answers": narrower(put("search.answer_retention", None)),
    }


def _before() -> dict[str, Case]:
    charter = strict_charter()
    begun = Story.under(charter)
    asked = consultation_on(proposed())
    return {
        "charter-good-strict": Story().case(charter, ROOTS),
        "consultation-good-strict": begun.case(asked, BY_HOME),
        "decision-good-strict": begun.then(asked, BY_HOME, at=PUBLISHED).case(
            decision_on(NAME, put("decision.covered_until", UNTIL)), DECIDERS, at=LATER
        ),
    }


def _wider() -> dict[str, Case]:
    covered = _covered()

    def wider(*changes: Change) -> Case:
        return covered.case(changed(proposed(), *changes), SIGNERS, at=LATER, code="widening")

    def hours(**members: object) -> Change:
        return lambda document: document["scope"]["hours"][0].update(members)

    return {
        "widening-by-field": wider(
            put("scope.fields", ["plate", "time", "place", "vehicle", "patch-image", "overview-image"])
        ),
        "widening-by-group": wider(put("scope.groups", ["ccz-boundary", "ulez"])),
        "widening-by-every-group": wider(put("scope.groups", [])),
        "widening-by-source": wider(put("scope.sources", ["tfl", "westminster"])),
        "widening-by-another-source": wider(put("scope.sources", ["westminster"])),
        "widening-by-purpose-above": wider(put("authority.purpose", "crime")),
        "widening-by-mode": wider(
            put("authority.mode", "bulk"),
            put("match", None),
            put("authority.why_not_match", "It would be less."),
        ),
        "widening-by-unit": wider(put("authority.unit", "national-security-units")),
        "widening-by-recipient": wider(put("authority.recipient", "tfl"), put("authority.unit", "charging")),
        "widening-by-retention": wider(put("authority.recipient_retention", "P29D")),
        "widening-by-onward": wider(put("authority.onward", ["home-office", "dft"])),
        "widening-by-hours": wider(hours(until="18:01")),
        "widening-by-days": wider(hours(days=["mon", "tue", "wed"])),
        "widening-by-another-zone": wider(hours(zone="Europe/Paris")),
        "widening-by-every-hour": wider(put("scope.hours", None)),
        "widening-by-cameras": wider(put("scope.max_cameras", 101)),
        "widening-by-cameras-unbounded": covered.case(
            changed(proposed(), put("scope.max_cameras", None)),
            SIGNERS,
            at=LATER,
            cameras=101,
            code="widening",
        ),
        "widening-by-area": wider(put("scope.area.west", -0.300001)),
        "widening-by-every-place": wider(put("scope.area", None)),
        "widening-by-kind": wider(put("match.kinds", ["murder", "robbery", "kidnap", "theft"])),
        "widening-by-entries": wider(put("match.max_entries", 5001)),
        "widening-by-entry-life": wider(put("match.entry_life", "P29D")),
        "widening-by-validity": covered.case(
            changed(
                proposed(),
                put("authority.valid_from", "2026-08-01T00:00:00Z"),
                put("authority.valid_until", "2027-07-04T00:00:01Z"),
            ),
            SIGNERS,
            at=LATER,
            code="widening",
        ),
        "widening-in-two-ways": wider(
            put("scope.groups", ["ccz-boundary", "ulez"]), put("match.max_entries", 6000)
        ),
        "widening-by-a-next-version": covered.then(proposed(), SIGNERS, at=LATER).case(
            changed(proposed(), put("authority.version", 2), put("match.max_entries", 5001)),
            SIGNERS,
            at=LATER,
            code="widening",
        ),
        "widening-named-consultation-does-not-cover": covered.case(
            changed(proposed(), put("authority.consultation", NAME), put("match.max_entries", 5001)),
            SIGNERS,
            at=LATER,
            code="consultation-does-not-cover",
        ),
    }


def _narrower() -> dict[str, Case]:
    covered = _covered()

    def narrower(*changes: Change) -> Case:
        return covered.case(
            changed(proposed(), *changes), SIGNERS, at=LATER, need="covered", by=(NAME,), wider=()
        )

    first = covered.then(proposed(), SIGNERS, at=LATER)
    other, until = "c-2026-003", put("decision.covered_until", UNTIL)
    both = (
        Story.under(strict_charter())
        .then(consultation_on(proposed()), BY_HOME)
        .then(consultation_on(changed(proposed(), put("scope.groups", ["ulez"])), other), BY_HOME)
        .then(decision_on(NAME, until), DECIDERS, at=LATER)
        .then(decision_on(other, until), DECIDERS, at=LATER)
    )
    return {
        "covered-the-draft-itself": narrower(),
        "covered-under-another-name": narrower(put("authority.name", "tfl-met-anything")),
        "covered-with-other-reasons": narrower(put("authority.necessity", "Another reason.")),
        "covered-narrower-in-every-way": narrower(
            put("scope.fields", ["plate"]),
            put("scope.max_cameras", 99),
            put("scope.area.west", -0.2),
            put("scope.hours.0.days", ["mon"]),
            put("authority.onward", []),
            put("authority.recipient_retention", "P27D"),
            put("match.kinds", ["murder"]),
            put("match.max_entries", 1),
            put("match.entry_life", "P1D"),
        ),
        "covered-narrower-next-version": first.case(
            changed(proposed(), put("authority.version", 2), put("match.max_entries", 10)),
            SIGNERS,
            at=LATER,
            need="covered",
        ),
        "covered-by-two-consultations": both.case(
            changed(proposed(), put("scope.groups", ["ccz-boundary", "ulez"])),
            SIGNERS,
            at=LATER,
            need="covered",
            by=(NAME, "c-2026-003"),
        ),
    }


def _cameras() -> dict[str, Case]:
    free = put("scope.max_cameras", None)
    grown = consulted(
        Story.under(strict_charter()), changed(proposed(), free), put("decision.covered_until", UNTIL)
    )
    draft = changed(proposed(), free)
    unbounded = Story.under(changed(example("charter"), put("limits.camera_growth", None)))

    def joined(cameras: int, **wanted: Any) -> Case:
        return grown.case(draft, SIGNERS, at=LATER, cameras=cameras, **wanted)

    return {
        "cameras-as-consulted-on": joined(100, need="covered", cap=110),
        "cameras-that-left": joined(50, need="covered", cap=55),
        "cameras-that-joined-within-the-growth": joined(105, need="covered", cap=110),
        "cameras-that-joined-up-to-the-growth": joined(110, need="covered", cap=110),
        "cameras-that-joined-beyond-the-growth": joined(111, code="widening"),
        "cameras-beyond-the-growth-but-not-used": grown.case(
            changed(draft, put("scope.max_cameras", 110)),
            SIGNERS,
            at=LATER,
            cameras=2000,
            need="covered",
            cap=110,
        ),
        "cameras-more-than-the-growth-named": grown.case(
            changed(draft, put("scope.max_cameras", 111)), SIGNERS, at=LATER, code="widening"
        ),
        "cameras-without-a-limit-of-growth": unbounded.case(example("authority"), need="marked", cap=None),
        "cameras-none-in-scope-yet": Story.under(example("charter")).case(
            example("authority"), cameras=0, code="malformed"
        ),
        "cameras-none-in-scope-yet-and-a-most": Story.under(example("charter")).case(
            changed(example("authority"), put("scope.max_cameras", 1500)), cameras=0, need="marked", cap=1500
        ),
        "cameras-growth-rounded-up": Story.under(example("charter")).case(
            example("authority"), cameras=1, need="marked", cap=2
        ),
    }


def urgent(*changes: Change) -> Document:
    """Return an urgent authority for images: nothing but a consultation would let it be otherwise."""
    return changed(
        example("authority"),
        put("authority.name", "tfl-met-urgent"),
        put("authority.urgent", True),
        put("authority.valid_from", "2026-07-08T12:00:00Z"),
        put("authority.valid_until", "2026-07-22T12:00:00Z"),
        put("scope.fields", ["plate", "overview-image"]),
        *changes,
    )


def _urgent() -> dict[str, Case]:
    begun = Story.under(example("charter"))
    without = Story.under(changed(example("charter"), put("urgency", None)))
    more = Story.under(changed(example("charter"), put("urgency.offices", ["ico/commissioner"])))
    first = begun.then(urgent(), CT_OFFICES)
    later = (
        put("authority.valid_from", "2026-08-01T00:00:00Z"),
        put("authority.valid_until", "2026-08-10T00:00:00Z"),
    )
    renamed = put("authority.name", "tfl-met-urgent-too")

    def in_a_year(at: str, until: str) -> tuple[Change, Change]:
        return put("authority.valid_from", at), put("authority.valid_until", until)

    def renewed(*changes: Change, at: str = "2026-08-01T00:00:00Z", **wanted: Any) -> Case:
        return first.case(urgent(*later, *changes), CT_OFFICES, at=at, **wanted)

    return {
        "urgent-good": begun.case(urgent(), need="urgent"),
        "urgent-too-long": begun.case(
            urgent(put("authority.valid_until", "2026-07-22T12:00:01Z")), code="urgent-too-long"
        ),
        "urgent-for-a-year": begun.case(
            changed(example("authority"), put("authority.urgent", True)), code="urgent-too-long"
        ),
        "urgent-without-rule": without.case(urgent(), code="not-entitled"),
        "urgent-without-the-signature-besides": more.case(urgent(), code="signature-missing"),
        "urgent-with-the-signature-besides": more.case(
            urgent(), (*CT_OFFICES, "ico/commissioner"), need="urgent"
        ),
        "urgent-renewed-as-a-next-version": renewed(put("authority.version", 2), code="urgent-renewed"),
        "urgent-renewed-under-another-name": renewed(renamed, code="urgent-renewed"),
        "urgent-renewed-for-another-unit": renewed(
            renamed, put("authority.unit", "serious-crime"), code="urgent-renewed"
        ),
        "urgent-renewed-for-the-purpose-above": renewed(
            renamed, put("authority.purpose", "national-security"), code="urgent-renewed"
        ),
        "urgent-renewed-for-another-group": renewed(
            renamed, put("scope.groups", ["ulez"]), code="urgent-renewed"
        ),
        "urgent-renewed-in-part": renewed(
            renamed, put("scope.fields", ["vehicle", "overview-image"]), code="urgent-renewed"
        ),
        "urgent-renewed-after-revocation": first.then(
            changed(example("revocation"), put("revocation.authority", "tfl-met-urgent")), BY_DATA
        ).case(urgent(*later, renamed), at="2026-08-01T00:00:00Z", code="urgent-renewed"),
        "urgent-renewed-a-day-before-the-year-is-over": renewed(
            renamed,
            *in_a_year("2027-07-08T11:59:59Z", "2027-07-20T00:00:00Z"),
            at="2027-07-01T00:00:00Z",
            code="urgent-renewed",
        ),
        "urgent-good-again-after-a-year": renewed(
            renamed,
            *in_a_year("2027-07-08T12:00:00Z", "2027-07-20T00:00:00Z"),
            at="2027-07-01T00:00:00Z",
            need="urgent",
        ),
        "urgent-good-for-other-powers": renewed(renamed, put("scope.fields", ["vehicle"]), need="urgent"),
        "urgent-good-that-is-covered": consulted(
            begun,
            changed(
                urgent(),
                put("authority.urgent", False),
                put("authority.valid_until", "2027-07-04T00:00:00Z"),
            ),
        ).case(
            urgent(put("authority.valid_from", LATER), put("authority.valid_until", "2026-09-10T00:00:00Z")),
            at=LATER,
            need="covered",
        ),
        "urgent-ended-then-as-any-other": first.case(
            urgent(*later, put("authority.version", 2), put("authority.urgent", False)),
            at="2026-08-01T00:00:00Z",
            code="widening",
        ),
    }


def _struck() -> dict[str, Case]:
    """What a court or Parliament has ended or stayed comes back by a consultation alone."""
    marked = Story.under(example("charter")).then(example("authority"), CT_OFFICES)
    quashed = marked.then(example("quashed"), BY_JUDGE)
    annulled = marked.then(annulment(), BY_PARLIAMENT)
    stayed = marked.then(changed(example("challenge"), put("challenge.stay", True)), BY_JUDGE)
    challenged = marked.then(example("challenge"), BY_JUDGE)
    next_one = changed(example("authority"), put("authority.version", 2))
    renamed = changed(example("authority"), put("authority.name", "tfl-met-again"))
    narrower = changed(renamed, put("scope.fields", ["time", "place"]))
    at_once = urgent(put("scope.fields", ["plate"]), put("authority.name", "tfl-met-at-once"))
    charter_s = put("suspension.id", "charter-2")
    hours = [{"zone": "GB", "days": ["mon"], "from": "00:00", "until": "12:00"}]
    return {
        "quashed-then-marked-for-another-group": quashed.case(
            changed(renamed, put("scope.groups", ["ccz-boundary-2"])), code="widening"
        ),
        "quashed-then-marked-for-some-hours": quashed.case(
            changed(renamed, put("scope.hours", hours)), code="widening"
        ),
        "revoked-then-quashed-then-marked": marked.then(example("revocation"), BY_DATA)
        .then(example("quashed"), BY_JUDGE)
        .case(renamed, code="widening"),
        "quashed-then-marked-again": quashed.case(next_one, code="widening"),
        "quashed-then-marked-under-another-name": quashed.case(renamed, code="widening"),
        "quashed-then-marked-in-part": quashed.case(narrower, code="widening"),
        "quashed-then-urgent": quashed.case(at_once, code="widening"),
        "quashed-then-consulted-on": consulted(quashed, next_one).case(
            next_one, at=LATER, need="covered", by=(NAME,)
        ),
        "annulled-then-marked-under-another-name": annulled.case(renamed, code="widening"),
        "revoked-then-marked-under-another-name": marked.then(example("revocation"), BY_DATA).case(
            renamed, need="marked"
        ),
        "stayed-then-marked-under-another-name": stayed.case(renamed, code="widening"),
        "stayed-then-a-next-version": stayed.case(next_one, need="marked"),
        "challenged-then-marked-under-another-name": challenged.case(renamed, need="marked"),
        "suspension-that-is-called-as-a-charter-s": marked.case(
            changed(example("suspension"), charter_s), BY_DATA, code="malformed"
        ),
    }
