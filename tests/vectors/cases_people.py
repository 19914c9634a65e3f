"""Named documents of who an organisation's people are."""

from __future__ import annotations

from collections.abc import Callable

from tests.vectors.make_documents import ROOTS, Case, Document, Story, changed, example, put

SIGNERS = ("met/national-security",)
"""Who must sign the example of people under the example charter."""


def cases() -> dict[str, Case]:
    """Return the cases by name."""
    begun = Story.under(example("charter"))
    people = example("people")
    second = changed(people, put("people.version", 2))

    def bad(code: str, *changes: Callable[[Document], object]) -> Case:
        return begun.case(changed(people, *changes), SIGNERS, code=code)

    def given(
        *roles: str, unit: str | None = None, office: str | None = None
    ) -> Callable[[Document], object]:
        def change(document: Document) -> None:
            place = {"unit": unit} if unit else {"office": office} if office else {}
            document["grants"] = []
            document["persons"] = [
                {"person": "ab" * 32, "provider": "met-identity", "roles": list(roles), **place}
            ]

        return change

    return {
        "people-good": begun.case(people, SIGNERS),
        "people-good-nobody": begun.case(
            changed(people, put("grants", None), put("persons", None), put("providers", None)), SIGNERS
        ),
        "people-good-second": begun.then(people, SIGNERS).case(second, SIGNERS),
        "people-version-skipped": bad("version-not-next", put("people.version", 2)),
        "people-version-again": begun.then(people, SIGNERS).case(people, SIGNERS, code="version-not-next"),
        "people-signed-by-nobody": begun.case(people, (), code="signature-missing"),
        "people-signed-by-another": begun.case(people, ("met/serious-crime",), code="signature-missing"),
        "people-of-whom-no-rule-speaks": begun.case(
            changed(people, put("people.organisation", "tfl"), given("source-officer")),
            ("tfl/commissioner",),
            code="not-entitled",
        ),
        "people-of-nobody-known": bad("unknown-organisation", put("people.organisation", "mi5")),
        "people-unit-unknown": bad("unknown-organisation", given("viewer", unit="traffic")),
        "people-office-unknown": bad("unknown-organisation", given("approver", office="commissioner")),
        "people-role-not-of-a-unit": bad("not-entitled", given("overseer", unit="serious-crime")),
        "people-role-not-of-an-office": bad("not-entitled", given("viewer", office="serious-crime")),
        "people-overseer-at-no-overseer": bad("not-entitled", given("overseer", office="serious-crime")),
        "people-role-of-no-source": bad("not-entitled", given("source-officer")),
        "people-role-unknown": bad("malformed", given("chief", unit="serious-crime")),
        "people-unit-and-office": bad("malformed", put("persons.1.unit", "serious-crime")),
        "people-sign-in-by-nothing": bad("malformed", put("persons.1.enrol", None)),
        "people-provider-unknown": bad("malformed", put("persons.0.provider", "google")),
        "people-twice": bad("malformed", put("persons.1.person", example("people")["persons"][0]["person"])),
        "people-commitment-short": bad("malformed", put("persons.0.person", "ab")),
        "people-claims-none": bad("malformed", put("grants.0.claims", [])),
        "people-issuer-no-url": bad("malformed", put("providers.0.issuer", "identity.met.example")),
        "people-member-unknown": bad("unknown-key", put("persons.0.name", "PC 4711")),
        "people-term-too-long": bad("term-too-long", put("people.valid_until", "2027-07-01T00:00:01Z")),
        "people-presence-too-long": bad("term-too-long", put("people.presence", "PT16M")),
        "people-to-come-too-many": _to_come(4).case(
            _version(6, "2026-12-01T00:00:00Z"), SIGNERS, code="too-many-to-come"
        ),
        "people-good-in-force-behind-those-to-come": _to_come(4).case(_version(6), SIGNERS),
        "people-person-of-another": _of_both().case(
            _of_source(put("persons.0.person", people["persons"][1]["person"])),
            SIGNERS,
            code="named-elsewhere",
        ),
        "people-code-of-another": _of_both().case(
            _of_source(put("persons.0.enrol", people["persons"][1]["enrol"])), SIGNERS, code="named-elsewhere"
        ),
        "people-good-of-both": _of_both().case(_of_source(), SIGNERS),
        "people-over": bad(
            "already-expired",
            put("people.valid_from", "2026-06-01T00:00:00Z"),
            put("people.valid_until", "2026-07-08T12:00:00Z"),
        ),
        "people-other-log": bad("other-log", put("people.log", "other.example/wicketgate")),
        "amendment-people-first-rule": _amended(
            changed(example("charter"), _without_people()), example("charter"), wider=()
        ),
        "amendment-people-another-signer": _amended(
            example("charter"),
            changed(example("charter"), _people_by("met/serious-crime")),
            code="widening",
        ),
        "amendment-people-more-signers": _amended(
            example("charter"),
            changed(example("charter"), _people_by("met/national-security", "met/serious-crime")),
            wider=(),
        ),
    }


def _version(version: int, valid_from: str | None = None) -> Document:
    later = [] if valid_from is None else [put("people.valid_from", valid_from)]
    return changed(example("people"), put("people.version", version), *later)


def _to_come(most: int) -> Story:
    story = Story.under(example("charter")).then(_version(1), SIGNERS)
    for number in range(most):
        story = story.then(_version(2 + number, f"2026-{8 + number:02}-01T00:00:00Z"), SIGNERS)
    return story


def _of_both() -> Story:
    """Return a story in which the police are named, and the rule of `people` is for everybody."""

    def for_all(document: Document) -> None:
        for one in document["signatures"]:
            if one["kind"] == "people":
                one.pop("organisations", None)

    return Story.under(changed(example("charter"), for_all)).then(example("people"), SIGNERS)


def _of_source(*changes: Callable[[Document], object]) -> Document:
    def of_source(document: Document) -> None:
        document["people"]["organisation"] = "tfl"
        document["grants"], document["providers"] = [], []
        document["persons"] = [{"person": "ab" * 32, "enrol": "cd" * 32, "roles": ["source-officer"]}]

    return changed(example("people"), of_source, *changes)


def _amended(old: Document, new: Document, *, code: str | None = None, **wanted: object) -> Case:
    return Story.under(old).case(changed(new, put("charter.version", 2)), ROOTS, code=code, **wanted)


def _without_people() -> Callable[[Document], object]:
    def change(document: Document) -> None:
        document["signatures"] = [one for one in document["signatures"] if one["kind"] != "people"]

    return change


def _people_by(*offices: str) -> Callable[[Document], object]:
    def change(document: Document) -> None:
        for one in document["signatures"]:
            if one["kind"] == "people":
                one["offices"] = list(offices)

    return change
