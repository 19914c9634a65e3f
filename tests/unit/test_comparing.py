"""Each member of a charter, changed in the direction that lets more go, and back again."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from tests.vectors import make_documents as world
from wicketgate.charter import (
    Charter,
    ConsultationRule,
    KeyEnded,
    Limits,
    Office,
    Organisation,
    RedactionRule,
    Rule,
    Terms,
    Unit,
    Urgency,
    parse_charter,
)
from wicketgate.comparing import Amended, compare, compare_with_draft, describe_rule
from wicketgate.errors import DocumentRefused
from wicketgate.signing import format_public

Document = dict[str, Any]
Change = Callable[[Document], object]
put = world.put


def base() -> Document:
    """A charter in which everything that a charter can say is said."""
    document = world.example("charter")
    document["limits"]["laid"] = ["ministerial-certificate"]
    document["organisations"][0]["units"].append({"id": "research", "name": "Research"})
    document["redaction"]["members"].append("authority.assessment")
    document["consultations"][1]["within"] = None
    del document["consultations"][1]["within"]
    document["consultations"][1]["max_cameras"] = 1600
    rule = next(rule for rule in document["signatures"] if rule["kind"] == "suspension")
    rule["purposes"] = ["national-security", "road-charging", "crime"]
    rule["controllers"] = ["tfl"]
    return document


BASE = base()


def amended(*changes: Change, version: int = 2) -> Document:
    return world.changed(BASE, put("charter.version", version), *changes)


def compared(old: Document, new: Document) -> Amended:
    return compare(parse_charter(old), parse_charter(new))


def rule(kind: str, number: int = 0) -> Callable[[Document], Document]:
    """Return what finds the nth rule of a kind."""

    def find(document: Document) -> Document:
        found: Document = [one for one in document["signatures"] if one["kind"] == kind][number]
        return found

    return find


def in_rule(kind: str, number: int = 0, **members: Any) -> Change:
    """A change of some members of the nth rule of a kind; None takes one out."""

    def change(document: Document) -> None:
        found = rule(kind, number)(document)
        for name, value in members.items():
            if value is None:
                found.pop(name, None)
            else:
                found[name] = value

    return change


def appended(table: str, item: Document) -> Change:
    return lambda document: document.setdefault(table, []).append(copy.deepcopy(item))


def removed(table: str, **members: Any) -> Change:
    """A change that takes out the items of a table with these members."""

    def change(document: Document) -> None:
        document[table] = [
            item for item in document[table] if any(item.get(k) != v for k, v in members.items())
        ]

    return change


def in_office(name: str, **members: Any) -> Change:
    def change(document: Document) -> None:
        office = next(one for one in document["offices"] if one["id"] == name)
        for member, value in members.items():
            if value is None:
                office.pop(member, None)
            else:
                office[member] = value

    return change


def key(name: str) -> str:
    return format_public(world.key_of(name).public)


def rotated(name: str, reason: str = "rotated", from_entry: int = 5, **members: Any) -> Change:
    """A change that gives an office another key, and says what became of the one before."""

    def change(document: Document) -> None:
        office = next(one for one in document["offices"] if one["id"] == name)
        entry = {"key": office["key"], "office": name, "reason": reason, "from_entry": from_entry}
        document.setdefault("keys_ended", []).append(entry)
        office["key"] = key(f"{name}, next")
        office.update(members)

    return change


def office(name: str, **members: Any) -> Document:
    return {"id": name, "title": "Post", "holder": f"Holder of {name}", "key": key(name), **members}


COUNCIL = {
    "id": "marsh",
    "name": "Marsh Council",
    "roles": ["source", "recipient"],
    "retention": "P14D",
    "units": [{"id": "traffic", "name": "Traffic"}],
}
OPENING = BASE["offices"][4]["opening_key"]
OTHER_OPENING = BASE["offices"][5]["opening_key"]
STATUTE = {
    "kind": "authority",
    "instruments": ["statute"],
    "purposes": ["crime"],
    "modes": ["bulk"],
    "controllers": ["tfl"],
    "offices": ["tfl/data-protection"],
}
COURT_ORDER = put("limits.longest_validity.court-order", "P1Y")


# Of each: the members of the charter that it is about; the change that lets more go, lasts longer, is seen by more, is
# signed or stopped by fewer, or is published less; what that is; and what its reverse is.
CHANGES: dict[str, tuple[str, Change, str, str]] = {
    "clock ahead": ("Limits.clock_ahead_us", put("limits.clock_ahead", "PT61S"), "wider", ""),
    "too old": ("Limits.too_old_us", put("limits.too_old", "P8D"), "wider", ""),
    "late": ("Limits.late_after_us", put("limits.late_after", "PT90S"), "wider", ""),
    "feed term": ("Limits.feed_term_us", put("limits.feed_term", "P29D"), "wider", "entrenched"),
    "smaller cells": ("Limits.small_cells", put("limits.small_cells", 9), "wider", "wider"),
    "larger cells": ("Limits.small_cells", put("limits.small_cells", 11), "wider", "wider"),
    "recipient retention": (
        "Limits.longest_recipient_retention",
        put("limits.longest_recipient_retention", "P91D"),
        "wider",
        "",
    ),
    "validity": ("Limits.longest_validity", put("limits.longest_validity.own-purpose", "P6Y"), "wider", ""),
    "another instrument": ("Limits.longest_validity", COURT_ORDER, "wider", ""),
    "rarer reviews": (
        "Limits.longest_review",
        put("limits.longest_review.ministerial-certificate", "P4M"),
        "wider",
        "",
    ),
    "no reviews": ("Limits.longest_review", put("limits.longest_review", None), "wider", ""),
    "not laid": ("Limits.laid", put("limits.laid", None), "wider", ""),
    "more cameras": ("Limits.camera_growth", put("limits.camera_growth", 11), "wider", ""),
    "any number of cameras": ("Limits.camera_growth", put("limits.camera_growth", None), "wider", ""),
    "figures": ("Limits.figures_every_us", put("limits.figures_every", "PT2H"), "unsupported", "unsupported"),
    "source retention": ("Organisation.retention", put("organisations.0.retention", "P29D"), "wider", ""),
    "a month for 28 days": ("Organisation.retention", put("organisations.0.retention", "P1M"), "wider", ""),
    "another source and recipient": (
        "Charter.organisations Organisation.id",
        appended("organisations", COUNCIL),
        "wider",
        "",
    ),
    "another recipient": (
        "Charter.organisations",
        appended("organisations", {"id": "navy", "name": "Navy", "roles": ["recipient"]}),
        "wider",
        "",
    ),
    "a department that receives": (
        "Organisation.roles",
        put("organisations.2.roles", ["government", "recipient"]),
        "wider",
        "",
    ),
    "a recipient with cameras": (
        "Organisation.roles",
        lambda d: d["organisations"][1].update(roles=["recipient", "source"], retention="P1D"),
        "wider",
        "",
    ),
    "another organisation under one id": (
        "Organisation.name",
        put("organisations.1.name", "Security Ltd"),
        "wider",
        "wider",
    ),
    "another unit": (
        "Organisation.units Unit.id",
        lambda d: d["organisations"][1]["units"].append({"id": "all", "name": "Everybody"}),
        "wider",
        "",
    ),
    "another unit under one id": (
        "Unit.name",
        put("organisations.1.units.0.name", "Everybody"),
        "wider",
        "wider",
    ),
    "another operator": (
        "Charter.operator",
        lambda d: (
            d["organisations"].append({"id": "cheap", "name": "Cheap", "roles": ["operator"]}),
            d["charter"].update(operator="cheap"),
        ),
        "wider",
        "wider",
    ),
    "another purpose": (
        "Charter.purposes",
        appended("purposes", {"id": "weather", "title": "Weather"}),
        "wider",
        "purpose-redefined",
    ),
    "a purpose below another": (
        "Charter.purposes",
        appended("purposes", {"id": "crime/any", "title": "Crime of any kind"}),
        "wider",
        "purpose-redefined",
    ),
    "a purpose with another meaning": (
        "Charter.purposes",
        put("purposes.5.title", "Preventing and investigating crime of any kind"),
        "purpose-redefined",
        "purpose-redefined",
    ),
    "another name": ("Charter.name", put("charter.name", "paris"), "unsupported", "unsupported"),
    "another log": ("Charter.origin", put("charter.origin", "x.example/log"), "unsupported", "unsupported"),
    "a demonstration": (
        "Charter.demonstration",
        put("charter.demonstration", True),
        "unsupported",
        "unsupported",
    ),
    # --- who signs
    "another rule for authorities": (
        "Charter.rules Rule.kind",
        lambda d: (put("limits.longest_validity.statute", "P1Y")(d), d["signatures"].append(STATUTE)),
        "wider",
        "",
    ),
    "instruments": (
        "Rule.instruments",
        in_rule("authority", instruments=["ministerial-certificate", "own-purpose"]),
        "wider",
        "",
    ),
    "purposes": ("Rule.purposes", in_rule("authority", purposes=["national-security", "crime"]), "wider", ""),
    "modes": ("Rule.modes", in_rule("authority", modes=["bulk", "search"]), "wider", ""),
    "an office less": (
        "Rule.offices",
        in_rule("authority", offices=["home-office/secretary-of-state", "tfl/data-protection"]),
        "wider",
        "",
    ),
    "another office": (
        "Rule.offices",
        in_rule(
            "authority",
            offices=["tfl/commissioner", "tfl/data-protection", "met/national-security"],
        ),
        "wider",
        "wider",
    ),
    "whatever recipient's office": (
        "Rule.offices",
        in_rule(
            "authority",
            offices=["home-office/secretary-of-state", "tfl/data-protection", "{recipient}/national-security"],
        ),
        "wider",
        "wider",
    ),
    "any may review": (
        "Rule.need",
        in_rule("review", offices=["home-office/secretary-of-state", "tfl/commissioner"], need="any"),
        "wider",
        "",
    ),
    "reviews for other purposes": ("Rule.purposes", in_rule("review", 1, purposes=["crime"]), "wider", "wider"),
    "no second signature on a resumption": (
        "Rule.offices",
        in_rule("resumption", offices=["ico/commissioner"]),
        "wider",
        "",
    ),
    "a resumption without the overseer": (
        "Rule.offices",
        in_rule("resumption", offices=["{controller}/data-protection"]),
        "entrenched",
        "",
    ),
    "a suspension by all, not any": ("Rule.need", in_rule("suspension", need="all"), "entrenched", ""),
    "a suspension for fewer purposes": (
        "Rule.purposes",
        in_rule("suspension", purposes=["road-charging"]),
        "entrenched",
        "",
    ),
    "a suspension for other controllers": (
        "Rule.controllers",
        in_rule("suspension", controllers=["met"]),
        "entrenched",
        "",
    ),
    "no revocation by the department": (
        "Rule.offices",
        in_rule("revocation", offices=["{controller}/data-protection", "{controller}/commissioner"]),
        "wider",
        "",
    ),
    "no revocation": ("Charter.rules", removed("signatures", kind="revocation"), "wider", ""),
    "a second rule on revocations": (
        "Charter.rules",
        appended("signatures", {"kind": "revocation", "offices": ["met/national-security"]}),
        "wider",
        "",
    ),
    "no quashing": ("Charter.rules", removed("signatures", kind="quashed"), "wider", ""),
    "another court": (
        "Rule.offices",
        lambda d: (
            d["offices"].append(office("high-court/clerk")),
            in_rule("challenge", offices=["high-court/clerk"])(d),
        ),
        "wider",
        "wider",
    ),
    "no office of the controller": (
        "Charter.offices Office.id",
        removed("offices", id="tfl/data-protection"),
        "entrenched",
        "entrenched",
    ),
    "who signs charters": (
        "Charter.rules",
        in_rule("charter", offices=["tfl/commissioner", "home-office/secretary-of-state"]),
        "entrenched",
        "entrenched",
    ),
    "the beneficiary decides too": (
        "Rule.offices",
        in_rule("decision", offices=["{controller}/data-protection", "dft/minister", "met/national-security"]),
        "entrenched",
        "entrenched",
    ),
    "the beneficiary decides instead": (
        "Rule.offices",
        in_rule("decision", offices=["{controller}/data-protection", "met/national-security"]),
        "entrenched",
        "entrenched",
    ),
    "any decides": ("Rule.need", in_rule("decision", need="any"), "entrenched", "entrenched"),
    "fewer object": (
        "Rule.offices",
        in_rule("objection", offices=["dft/minister", "home-office/secretary-of-state"]),
        "entrenched",
        "entrenched",
    ),
    "no objection that annuls": ("Rule.annuls", in_rule("objection", 1, annuls=None, within=None), "entrenched", "entrenched"),
    "a shorter time to annul": ("Rule.within", in_rule("objection", 1, within="P39D"), "entrenched", "entrenched"),
    "who may ask the public": (
        "Rule.offices",
        in_rule("consultation", offices=["{controller}/data-protection"]),
        "entrenched",
        "entrenched",
    ),
    # --- urgency, redaction
    "no urgency yet": ("Charter.urgency", lambda d: None, "", ""),
    "longer urgency": ("Urgency.longest", put("urgency.longest", "P14D"), "wider", ""),
    "urgent again sooner": ("Urgency.again_after", put("urgency.again_after", "P1Y"), "wider", ""),
    "fewer sign for urgency": ("Urgency.offices", put("urgency.offices", ["dft/minister"]), "wider", ""),
    "urgency": ("Charter.urgency", lambda d: d.update(urgency=BASE["urgency"]), "wider", ""),
    "redaction": ("Charter.redaction", lambda d: d.update(redaction=BASE["redaction"]), "wider", ""),
    "more is withheld": (
        "RedactionRule.members",
        put("redaction.members", ["authority.necessity", "authority.assessment"]),
        "wider",
        "",
    ),
    "withheld for longer": ("RedactionRule.longest", put("redaction.longest", "P2Y"), "wider", ""),
    # --- entrenched tables
    "no consultation for match": (
        "Charter.consultations ConsultationRule.need ConsultationRule.within",
        lambda d: d["consultations"][2].update(need="notice") or d["consultations"][2].pop("within"),
        "entrenched",
        "entrenched",
    ),
    "later": ("ConsultationRule.within", put("consultations.2.within", "P91D"), "entrenched", "entrenched"),
    "instruments consulted on": (
        "ConsultationRule.instruments",
        put("consultations.0.instruments", None),
        "entrenched",
        "entrenched",
    ),
    "modes consulted on": ("ConsultationRule.modes", put("consultations.2.modes", None), "entrenched", "entrenched"),
    "controllers consulted on": (
        "ConsultationRule.controllers",
        put("consultations.0.controllers", ["tfl"]),
        "entrenched",
        "entrenched",
    ),
    "purposes consulted on": (
        "ConsultationRule.purposes",
        put("consultations.1.purposes", ["national-security", "crime"]),
        "entrenched",
        "entrenched",
    ),
    "sources consulted on": (
        "ConsultationRule.sources",
        put("consultations.1.sources", None),
        "entrenched",
        "entrenched",
    ),
    "groups consulted on": (
        "ConsultationRule.groups",
        put("consultations.1.groups", ["ulez"]),
        "entrenched",
        "entrenched",
    ),
    "fields consulted on": (
        "ConsultationRule.fields",
        put("consultations.1.fields", ["plate", "time", "place", "overview-image"]),
        "entrenched",
        "entrenched",
    ),
    "cameras consulted on": (
        "ConsultationRule.max_cameras",
        put("consultations.1.max_cameras", 1700),
        "entrenched",
        "entrenched",
    ),
    "its length": ("ConsultationRule.shortest", put("consultations.2.shortest", "P30D"), "entrenched", "entrenched"),
    "its coverage": (
        "ConsultationRule.covers_for",
        put("consultations.2.covers_for", "P1Y"),
        "entrenched",
        "entrenched",
    ),
    "shorter consultations": ("Charter.consulting Terms.shortest", put("consulting.shortest", "P27D"), "entrenched", "entrenched"),
    "longer coverage": ("Terms.covers_for", put("consulting.covers_for", "P4Y"), "entrenched", "entrenched"),
    "easier amendments": ("Charter.amendment", put("amendment.shortest", "P41D"), "entrenched", "entrenched"),
    "longer coverage of amendments": ("Charter.amendment", put("amendment.covers_for", "P2Y"), "entrenched", "entrenched"),
    "amendments that widen": ("Charter.amendment", lambda d: d.update(amendment=BASE["amendment"]), "entrenched", "entrenched"),
    "another overseer": ("Charter.offices", appended("offices", office("ico/friend", opening_key=OPENING)), "entrenched", "entrenched"),
    "an overseer who opens": (
        "Office.opening_key",
        in_office("ico/deputy", opening_key=OTHER_OPENING),
        "entrenched",
        "entrenched",
    ),
    "an organisation that oversees": (
        "Organisation.roles",
        put("organisations.3.roles", ["government", "overseer"]),
        "entrenched",
        "entrenched",
    ),
    # --- offices
    "another overseer under one id": (
        "Office.opening_key",
        in_office("ico/deputy", opening_key=OPENING),
        "overseers",
        "overseers",
    ),
    "another title of an overseer": ("Office.title", in_office("ico/deputy", title="Friend"), "overseers", "overseers"),
    "another key of an overseer": ("Office.public", rotated("ico/deputy"), "overseers", "malformed"),
    "another key": ("Office.public", rotated("tfl/commissioner"), "offices", "malformed"),
    "another title": ("Office.title", in_office("tfl/commissioner", title="Chief"), "offices", "offices"),
    "another holder with one key": (
        "Office.holder",
        in_office("tfl/commissioner", holder="Zoe"),
        "malformed",
        "malformed",
    ),
    "another holder": ("Office.holder", rotated("tfl/commissioner", holder="Zoe"), "offices", "malformed"),
    "another office that signs nothing": ("Charter.offices", appended("offices", office("dft/clerk")), "offices", "offices"),
    "a key that ended": (
        "Charter.keys_ended KeyEnded.office KeyEnded.public KeyEnded.reason KeyEnded.from_entry",
        rotated("tfl/commissioner", "compromised", 3),
        "offices",
        "malformed",
    ),
}  # fmt: skip

# What stood before a change, where that is not in the example.
BEFORE: dict[str, Change] = {
    "longer urgency": put("urgency.longest", "P13D"),
    "urgent again sooner": put("urgency.again_after", "P13M"),
    "fewer sign for urgency": put("urgency.offices", ["dft/minister", "home-office/secretary-of-state"]),
    "urgency": put("urgency", None),
    "redaction": put("redaction", None),
    "more is withheld": put("redaction.members", ["authority.necessity"]),
    "amendments that widen": put("amendment", None),
    "an overseer who opens": in_office("ico/deputy", opening_key=None),
    "any may review": in_rule("review", offices=["home-office/secretary-of-state"]),
}

# Members that a charter may change as it likes, and why.
FREE = {
    "Charter.version": "it counts up, which is demanded",
    "Charter.title": "a name for people, that nothing rests on",
    "Charter.valid_from_us": "a charter holds from its commit, and is not taken before",
    "Charter.limits": "its members are looked at",
    "Charter.document": "the payload itself",
    "Charter.consultation": "names what covered it",
}


def what(old: Document, new: Document) -> str:
    """Return the most that a change is."""
    try:
        found = compared(old, new)
    except DocumentRefused as error:
        return error.code
    for member in ("entrenched", "wider", "overseers", "offices"):
        if getattr(found, member):
            return member
    return ""


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_that_lets_more_go_is_seen(name: str) -> None:
    _, change, expected, _ = CHANGES[name]
    old = world.changed(BASE, BEFORE.get(name, lambda d: None))
    new = world.changed(old, put("charter.version", 2), change)
    assert what(old, new) == expected


@pytest.mark.parametrize("name", CHANGES)
def test_and_its_reverse_widens_nothing(name: str) -> None:
    _, change, _, expected = CHANGES[name]
    old = world.changed(BASE, BEFORE.get(name, lambda d: None))
    new = world.changed(old, change)
    assert what(new, world.changed(old, put("charter.version", 2))) == expected


def test_no_member_of_a_charter_is_overlooked() -> None:
    """Whoever adds a member says here which of its changes lets more go."""
    every = {
        f"{kind.__name__}.{field.name}"
        for kind in (
            Charter,
            ConsultationRule,
            KeyEnded,
            Limits,
            Office,
            Organisation,
            RedactionRule,
            Rule,
            Terms,
            Unit,
            Urgency,
        )
        for field in dataclasses.fields(kind)
    }
    told = {member for members, *_ in CHANGES.values() for member in members.split()}
    assert every == told | FREE.keys()
    assert not told & FREE.keys()


def test_every_text_and_number_of_a_charter_is_looked_at() -> None:
    """Each leaf of the document is changed by itself; where no change of it is seen, it must be free."""
    unseen = {
        path for path, value in leaves(BASE) if not any(seen(path, other) for other in others(path, value))
    }
    governments = {f"organisations.{number}.name" for number in (2, 3, 4, 5)}
    assert unseen == {"charter.title", "charter.valid_from"} | governments


def seen(path: str, value: object) -> bool:
    try:
        return bool(what(BASE, amended(put(path, value))))
    except DocumentRefused:
        return False  # it cannot be read at all, which says nothing


def leaves(value: Any, path: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [leaf for name, one in value.items() for leaf in leaves(one, f"{path}.{name}".strip("."))]
    if isinstance(value, list):
        return [leaf for number, one in enumerate(value) for leaf in leaves(one, f"{path}.{number}")]
    return [] if path == "charter.version" else [(path, value)]


def others(path: str, value: Any) -> list[Any]:
    """Return other values, of which one at least can be read."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, value - 1]
    if path == "charter.valid_from":
        return ["2026-07-02T00:00:00Z"]
    if ".key" in path:
        return [key("somebody else")]
    if path.endswith("opening_key"):
        return [OPENING if value != OPENING else OTHER_OPENING]
    return [
        f"{value}x",
        *("P2D", "P40D", "P3Y", "PT30S", "P30D"),
        *("dft/minister", "met/serious-crime", "ico/deputy", "tfl", "met", "crime", "statute", "own-purpose"),
        *("search", "bulk", "match", "vehicle", "any", "all", "government", "source", "operator"),
        *("before", "notice", "marked", "gatehouse", "crime/serious", "authority.proportionality"),
    ]
