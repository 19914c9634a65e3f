"""Named documents of charging schemes and waivers."""

from __future__ import annotations

from collections.abc import Callable

from tests.vectors.make_documents import ROOTS, Case, Document, Story, changed, example, put

SIGNERS = ("tfl/commissioner", "tfl/data-protection")
"""Who signs a scheme, and the authority by whose feed it charges."""
ONE = ("tfl/data-protection",)
"""Who is enough for a waiver."""
SCHEME_RULE = {"kind": "scheme", "offices": ["{controller}/commissioner", "{controller}/data-protection"]}
WAIVER_RULE = {**SCHEME_RULE, "kind": "waiver", "need": "any"}


def charter(*rules: Document) -> Document:
    """Return the example charter with rules besides."""
    return changed(example("charter"), lambda document: document["signatures"].extend(rules))


def cases() -> dict[str, Case]:
    """Return the cases by name."""
    scheme, waiver = example("scheme"), example("waiver")
    chartered = Story.under(charter(SCHEME_RULE, WAIVER_RULE))
    begun = chartered.then(example("authority-own-use"), SIGNERS)
    charging = begun.then(scheme, SIGNERS)
    second = changed(
        scheme,
        put("scheme.version", 2),
        put("scheme.valid_from", "2026-10-24T23:00:00Z"),
        put("tariffs.0.amount", 2000),
    )

    def bad(code: str, *changes: Callable[[Document], object]) -> Case:
        return begun.case(changed(scheme, *changes), SIGNERS, code=code)

    def waived(code: str, *changes: Callable[[Document], object]) -> Case:
        return charging.case(changed(waiver, *changes), ONE, code=code)

    return {
        "scheme-good": begun.case(scheme, SIGNERS),
        "scheme-good-second": charging.case(second, SIGNERS),
        "scheme-good-on-the-day-clocks-go-back": charging.case(
            changed(second, put("scheme.valid_from", "2026-10-26T00:00:00Z")), SIGNERS
        ),
        "scheme-version-again": charging.case(scheme, SIGNERS, code="version-not-next"),
        "scheme-other-unit": charging.case(
            changed(second, put("scheme.currency", "EUR")), SIGNERS, code="feed-purpose-fixed"
        ),
        "scheme-signed-by-one": begun.case(scheme, ONE, code="signature-missing"),
        "scheme-of-which-no-rule-speaks": Story.under(example("charter"))
        .then(example("authority-own-use"), SIGNERS)
        .case(scheme, SIGNERS, code="not-entitled"),
        "scheme-of-no-authority": chartered.case(scheme, SIGNERS, code="unknown-authority"),
        "scheme-of-no-source": bad("unknown-organisation", put("scheme.controller", "met")),
        "scheme-other-log": bad("other-log", put("scheme.log", "other.example/wicketgate")),
        "scheme-retroactive": bad("retroactive", put("scheme.valid_from", "2026-07-06T23:00:00Z")),
        "scheme-in-mid-day": bad("not-at-day-edge", put("scheme.valid_from", "2026-07-12T11:00:00Z")),
        "scheme-begins-at-midnight-in-utc": bad(
            "not-at-day-edge", put("scheme.valid_from", "2026-07-12T00:00:00Z")
        ),
        "scheme-ends-in-mid-day": bad("not-at-day-edge", put("scheme.valid_until", "2027-02-28T12:00:00Z")),
        "scheme-too-long": bad(
            "term-too-long", put("scheme.valid_until", "2031-07-12T23:00:00Z"), _years(*range(2026, 2032))
        ),
        "scheme-year-missing": bad("calendar-missing", lambda one: one["calendar"].pop()),
        "scheme-year-of-the-last-deadline-missing": bad(
            "calendar-missing",
            put("scheme.valid_until", "2027-01-01T00:00:00Z"),
            lambda one: one["calendar"].pop(),
        ),
        "scheme-year-twice": bad("malformed", put("calendar.1.year", 2026)),
        "scheme-holiday-of-another-year": bad("malformed", put("calendar.0.holidays.0", "2025-04-03")),
        "scheme-holiday-is-no-day": bad("malformed", put("calendar.0.holidays.0", "2026-02-30")),
        "scheme-holidays-left-out": bad("malformed", put("calendar.0.holidays", None)),
        "scheme-day-free-and-holiday": bad("malformed", put("calendar.0.holidays.0", "2026-12-25")),
        "scheme-tariff-gap": bad("tariff-gap", put("tariffs.0.from", "08:00")),
        "scheme-tariff-gap-of-a-class": bad(
            "tariff-gap",
            put("classes.0.id", "car"),
            put("scheme.default_class", "car"),
            lambda one: one["classes"].append({"id": "van", "title": "Vans"}),
            put("tariffs.0.classes", ["car"]),
        ),
        "scheme-tariff-overlap": bad(
            "tariff-overlap", put("tariffs.1.days", ["fri", "sat", "sun", "holiday"])
        ),
        "scheme-tariff-outside-hours": bad("malformed", put("tariffs.0.until", "19:00")),
        "scheme-hours-past-midnight": bad("malformed", put("hours.0.until", "06:00")),
        "scheme-windows-descend": bad(
            "malformed", put("windows.0.days", 4), put("windows.0.count", "charging")
        ),
        "scheme-surcharges-descend": bad("malformed", put("windows.0.surcharge", 400)),
        "scheme-penalty-below-the-charge": bad("malformed", put("penalty.discounted", 2000)),
        "scheme-penalty-before-the-last-window": bad("malformed", put("penalty.issue_days", 2)),
        "scheme-cap-by-the-day": bad("malformed", put("caps", [{"amount": 100}])),
        "scheme-zone-without-reads": bad(
            "malformed", put("zones.0.boundary", None), put("zones.0.inside", None)
        ),
        "scheme-zone-unknown": bad("malformed", put("scheme.zone", "Europe/Londinium")),
        "scheme-member-unknown": bad("unknown-key", put("penalty.clamp", True)),
        "waiver-good": charging.case(waiver, ONE),
        "waiver-good-another": charging.then(waiver, ONE).case(
            changed(
                waiver, put("waiver.id", "later"), put("waiver.percent", None), put("waiver.extra_days", 3)
            ),
            ONE,
        ),
        "waiver-again": charging.then(waiver, ONE).case(waiver, ONE, code="already-taken"),
        "waiver-of-no-scheme": waived("unknown-scheme", put("waiver.scheme", "london-ulez")),
        "waiver-of-a-zone-unknown": waived("malformed", put("waiver.zones", ["suburb"])),
        "waiver-of-nothing": waived("malformed", put("waiver.percent", None)),
        "waiver-of-less-than-nothing": waived("malformed", put("waiver.percent", -10)),
        "waiver-that-ends-first": waived("malformed", put("waiver.until", "2026-09-14T10:00:00Z")),
        "waiver-signed-by-nobody": charging.case(waiver, ("dft/minister",), code="signature-missing"),
        "amendment-scheme-first-rule": _amended(
            example("charter"), charter(SCHEME_RULE, WAIVER_RULE), wider=()
        ),
        "amendment-scheme-fewer-signers": _amended(
            charter(SCHEME_RULE), charter({**SCHEME_RULE, "offices": list(ONE)}), code="widening"
        ),
        "amendment-waiver-more-signers": _amended(
            charter(WAIVER_RULE), charter({**WAIVER_RULE, "need": "all"}), code="widening"
        ),
    }


def _years(*years: int) -> Callable[[Document], object]:
    return put("calendar", [{"year": year, "holidays": [], "free": []} for year in years])


def _amended(old: Document, new: Document, *, code: str | None = None, **wanted: object) -> Case:
    return Story.under(old).case(changed(new, put("charter.version", 2)), ROOTS, code=code, **wanted)
