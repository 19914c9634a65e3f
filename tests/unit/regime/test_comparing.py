"""Each member of a charter, changed in the direction that lets more go, and back again."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from tests.vectors import make_documents as world
from wicketgate.base.errors import DocumentRefused
from wicketgate.base.signing import format_public
from wicketgate.ledger.cosignatures import CosignatureKind, Cosigner
from wicketgate.regime.admission.comparing import Amended, compare, compare_with_draft, describe_rule
from wicketgate.regime.charter import (
    Charter,
    ConsultationRule,
    ConsultationTerms,
    KeyEnded,
    Limits,
    Office,
    Organisation,
    RedactionRule,
    Rule,
    SearchRules,
    Unit,
    Urgency,
    parse_charter,
)
from wicketgate.regime.charter.witnesses import CharterWitness, WitnessRules

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
HOURS = {"zone": "Europe/London", "days": ["fri", "sat"], "from": "11:00", "until": "15:00"}
EXCLUDED = {"id": "refuge", "title": "A refuge", "source": "tfl", "cameras": ["c1"], "hours": [HOURS]}


def witness(number: int) -> Document:
    """Return a witness as a charter names it."""
    cosigner = Cosigner(name=f"w{number}.example", kind=CosignatureKind.ED25519, public=bytes([number]) * 32)
    return {
        "id": f"w{number}",
        "title": f"Witness {number}",
        "url": f"https://w{number}.example",
        "keys": [cosigner.vkey],
    }


CHANGES: dict[str, tuple[str, Change, str, str]] = {
    "a place that is excluded no more": ("Charter.excluded", put("excluded", []), "wider", ""),
    "fewer hours that are excluded": (
        "Charter.excluded",
        put("excluded", [{**EXCLUDED, "hours": [{**HOURS, "days": ["fri"]}]}]),
        "wider",
        "",
    ),
    "clock ahead": ("Limits.clock_ahead_us", put("limits.clock_ahead", "PT61S"), "wider", ""),
    "too old": ("Limits.too_old_us", put("limits.too_old", "P8D"), "wider", ""),
    "late": ("Limits.late_after_us", put("limits.late_after", "PT90S"), "wider", ""),
    "feed term": ("Limits.feed_term_us", put("limits.feed_term", "P29D"), "wider", "entrenched"),
    "merge delay": ("Limits.merge_delay_us", put("limits.merge_delay", "PT6S"), "wider", ""),
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
    "figures": ("Limits.figures_every", put("limits.figures_every", "PT2H"), "unsupported", "unsupported"),
    "figures by the month": (
        "Limits.figures_every",
        put("limits.figures_every", "P1M"),
        "unsupported",
        "unsupported",
    ),
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
    "another cause": (
        "Charter.causes",
        put("causes", [{"id": "unpaid-charge", "title": "A charge that was not paid"}]),
        "wider",
        "",
    ),
    "another name": ("Charter.name", put("charter.name", "paris"), "unsupported", "unsupported"),
    "another log": (
        "Charter.origin",
        lambda d: d["charter"].update(log="x.example/log", origin="x.example/log"),
        "unsupported",
        "unsupported",
    ),
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
    "people of another": (
        "Rule.organisations",
        in_rule("people", 1, organisations=["tfl"]),
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
            offices=[
                "home-office/secretary-of-state",
                "tfl/data-protection",
                "{recipient}/national-security",
            ],
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
        in_rule(
            "decision", offices=["{controller}/data-protection", "dft/minister", "met/national-security"]
        ),
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
    "no objection that annuls": (
        "Rule.annuls",
        in_rule("objection", 1, annuls=None, within=None),
        "entrenched",
        "entrenched",
    ),
    "a shorter time to annul": (
        "Rule.within",
        in_rule("objection", 1, within="P39D"),
        "entrenched",
        "entrenched",
    ),
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
    # --- questions to the past
    "any office approves": (
        "Charter.searching SearchRules.approvers",
        lambda d: d["searching"].pop("approvers"),
        "wider",
        "",
    ),
    "more approve": ("SearchRules.approvers", put("searching.approvers.1", "ico/deputy"), "wider", "wider"),
    "approved within": ("SearchRules.outside", put("searching.outside", False), "wider", ""),
    "broader questions": ("SearchRules.second", put("searching.second", ["ico/deputy"]), "wider", ""),
    "bulk without questions": ("SearchRules.custody", put("searching.custody", False), "wider", ""),
    "emergencies": (
        "SearchRules.emergency_within",
        put("searching.emergency", {"within": "PT24H", "overseer": "ico/commissioner"}),
        "wider",
        "",
    ),
    "another overseer of emergencies": (
        "SearchRules.overseer",
        put("searching.emergency.overseer", "ico/deputy"),
        "wider",
        "wider",
    ),
    # --- witnesses
    "nobody cosigns": ("Charter.witnesses", lambda d: d.pop("witnesses"), "entrenched", "entrenched"),
    "fewer must cosign": ("WitnessRules.needed", put("witnesses.needed", 2), "entrenched", "entrenched"),
    "another witness": (
        "WitnessRules.witnesses CharterWitness.id CharterWitness.keys CharterWitness.title CharterWitness.url",
        lambda d: d["witnesses"]["named"].__setitem__(0, witness(7)),
        "entrenched",
        "entrenched",
    ),
    "bulk goes on for longer": (
        "WitnessRules.bulk_after_us",
        put("witnesses.bulk_after", "PT2H"),
        "entrenched",
        "entrenched",
    ),
    "search goes on for longer": (
        "WitnessRules.search_after_us",
        put("witnesses.search_after", "PT4H"),
        "entrenched",
        "entrenched",
    ),
    "match goes on for longer": (
        "WitnessRules.match_after_us",
        put("witnesses.match_after", "PT5H"),
        "entrenched",
        "entrenched",
    ),
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
    "modes consulted on": (
        "ConsultationRule.modes",
        put("consultations.2.modes", None),
        "entrenched",
        "entrenched",
    ),
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
    "units consulted on": (
        "ConsultationRule.units",
        put("consultations.1.units", ["met/serious-crime"]),
        "entrenched",
        "entrenched",
    ),
    "to whom it may be passed on": (
        "ConsultationRule.onward",
        put("consultations.1.onward", ["dft"]),
        "entrenched",
        "entrenched",
    ),
    "for how long it may be kept": (
        "ConsultationRule.longest_retention",
        put("consultations.1.longest_retention", "P90D"),
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
    "its length": (
        "ConsultationRule.shortest",
        put("consultations.2.shortest", "P30D"),
        "entrenched",
        "entrenched",
    ),
    "its coverage": (
        "ConsultationRule.covers_for",
        put("consultations.2.covers_for", "P1Y"),
        "entrenched",
        "entrenched",
    ),
    "shorter consultations": (
        "Charter.consulting ConsultationTerms.shortest",
        put("consulting.shortest", "P27D"),
        "entrenched",
        "entrenched",
    ),
    "longer coverage": (
        "ConsultationTerms.covers_for",
        put("consulting.covers_for", "P4Y"),
        "entrenched",
        "entrenched",
    ),
    "easier amendments": ("Charter.amendment", put("amendment.shortest", "P41D"), "entrenched", "entrenched"),
    "longer coverage of amendments": (
        "Charter.amendment",
        put("amendment.covers_for", "P2Y"),
        "entrenched",
        "entrenched",
    ),
    "amendments that widen": (
        "Charter.amendment",
        lambda d: d.update(amendment=BASE["amendment"]),
        "entrenched",
        "entrenched",
    ),
    "another overseer": (
        "Charter.offices",
        appended("offices", office("ico/friend", opening_key=OPENING)),
        "entrenched",
        "entrenched",
    ),
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
    "another title of an overseer": (
        "Office.title",
        in_office("ico/deputy", title="Friend"),
        "overseers",
        "overseers",
    ),
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
    "another office that signs nothing": (
        "Charter.offices",
        appended("offices", office("dft/clerk")),
        "offices",
        "offices",
    ),
    "a key that ended": (
        "Charter.keys_ended KeyEnded.office KeyEnded.public KeyEnded.reason KeyEnded.from_entry",
        rotated("tfl/commissioner", "compromised", 3),
        "offices",
        "malformed",
    ),
}

# What stood before a change, where that is not in the example.
_SEARCHING = {"approvers": ["met/serious-crime", "ico/commissioner"], "outside": True, "custody": True}
_WITNESSES = {
    "needed": 3,
    "bulk_after": "PT1H",
    "search_after": "PT3H",
    "match_after": "PT4H",
    "named": [witness(number) for number in (1, 2, 3)],
}
BEFORE: dict[str, Change] = {
    **dict.fromkeys(
        ("a place that is excluded no more", "fewer hours that are excluded"), put("excluded", [EXCLUDED])
    ),
    **dict.fromkeys(
        (
            "nobody cosigns",
            "fewer must cosign",
            "another witness",
            "bulk goes on for longer",
            "search goes on for longer",
            "match goes on for longer",
        ),
        put("witnesses", _WITNESSES),
    ),
    **dict.fromkeys(
        (
            "any office approves",
            "more approve",
            "approved within",
            "broader questions",
            "bulk without questions",
            "emergencies",
        ),
        put("searching", _SEARCHING),
    ),
    "another overseer of emergencies": put(
        "searching", {"emergency": {"within": "PT24H", "overseer": "ico/commissioner"}}
    ),
    "longer urgency": put("urgency.longest", "P13D"),
    "people of another": appended(
        "signatures", {"kind": "people", "organisations": ["met"], "offices": ["met/serious-crime"]}
    ),
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
            SearchRules,
            ConsultationTerms,
            Unit,
            Urgency,
            WitnessRules,
            CharterWitness,
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
    assert unseen == {"charter.title", "charter.valid_from"}


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


# --- rules that are read together -------------------------------------------------------------------------


def wider(*changes: Change) -> str:
    found = compared(BASE, amended(*changes))
    assert not found.entrenched
    return "\n".join(found.wider)


def test_all_rules_that_apply_must_be_met_so_a_second_one_widens_nothing() -> None:
    second = {**STATUTE, "instruments": ["ministerial-certificate"], "purposes": ["national-security"]}
    assert not wider(appended("signatures", second))
    assert not compared(amended(appended("signatures", second), version=1), amended()).wider
    sterner = {**second, "offices": ["ico/commissioner"]}
    (words,) = compared(amended(appended("signatures", sterner), version=1), amended()).entrenched
    assert words == (
        "an authority (instrument ministerial-certificate; purpose national-security, national-security/terrorism; "
        "mode bulk) can be signed by all of home-office/secretary-of-state, met/national-security, "
        "tfl/data-protection, before all of home-office/secretary-of-state, ico/commissioner, "
        "met/national-security, tfl/data-protection"
    )


def test_two_rules_that_each_look_stricter_and_are_weaker_together() -> None:
    """One office's signature for half of the cases, the other's for the rest: both were needed for each."""
    halves = [
        {
            **rule("authority")(BASE),
            "purposes": ["national-security/terrorism"],
            "offices": ["tfl/data-protection"],
        },
        {**rule("authority")(BASE), "purposes": ["national-security"], "offices": ["met/national-security"]},
    ]

    def change(document: Document) -> None:
        document["signatures"].remove(rule("authority")(document))
        document["signatures"] += halves

    words = wider(change)
    assert "can be signed by all of met/national-security, before all of home-office" in words
    assert "can be signed by all of met/national-security, tfl/data-protection, before" in words


def test_the_order_of_rules_and_offices_says_nothing() -> None:
    def change(document: Document) -> None:
        document["signatures"].reverse()
        for one in document["signatures"]:
            one["offices"].reverse()

    assert compared(BASE, amended(change)) == Amended(wider=(), entrenched=(), offices=())


def test_a_rule_that_names_the_parties_is_the_one_that_names_them_by_place() -> None:
    named = in_rule(
        "authority",
        offices=["home-office/secretary-of-state", "{controller}/data-protection", "met/national-security"],
    )
    by_name = in_rule(
        "authority",
        offices=["home-office/secretary-of-state", "tfl/data-protection", "met/national-security"],
    )
    assert compared(amended(named, version=1), amended(by_name)).wider == ()
    assert compared(amended(by_name, version=1), amended(named)).wider == ()


def test_two_rules_that_come_to_one_are_one() -> None:
    """Split by purpose, the same offices for each part: nothing changes, however it is written."""

    def change(document: Document) -> None:
        whole = rule("review", 0)(document)
        document["signatures"].remove(whole)
        for purpose in ("national-security", "national-security/terrorism"):
            document["signatures"].append({**whole, "purposes": [purpose]})

    assert compared(BASE, amended(change)) == Amended(wider=(), entrenched=(), offices=())


def test_an_office_of_the_controller_that_is_gone_could_have_stopped() -> None:
    document = world.changed(BASE, in_rule("suspension", offices=["{controller}/watch", "ico/commissioner"]))
    old = world.changed(document, appended("offices", office("tfl/watch")))
    found = compared(old, world.changed(document, put("charter.version", 2)))
    assert any("a suspension" in words and "tfl/watch" in words for words in found.entrenched)


def test_the_words_say_no_more_cases_than_there_are() -> None:
    """A rule for two pairs of instrument and purpose is not told as one for all four."""
    pairs = [("statute", "crime"), ("court-order", "road-charging")]
    rules = [{**STATUTE, "instruments": [one], "purposes": [other]} for one, other in pairs]

    def change(document: Document) -> None:
        put("limits.longest_validity.statute", "P1Y")(document)
        put("limits.longest_validity.court-order", "P1Y")(document)
        document["signatures"] += rules

    lines = [line for line in wider(change).split("\n") if line.startswith("an authority (")]
    assert len(lines) == 2
    for (instrument, purpose), line in zip(sorted(pairs), sorted(lines), strict=True):
        assert f"instrument {instrument}; purpose {purpose}" in line
    assert all("before nobody" in line for line in lines)


def test_many_sources_that_no_rule_tells_apart_are_one_case() -> None:
    more = [
        {"id": f"s{number}", "name": "S", "roles": ["source"], "retention": "P1D"} for number in range(900)
    ]
    posts = [office(f"s{number}/data-protection") for number in range(900)]
    found = compared(
        BASE, amended(lambda d: d["organisations"].extend(more), lambda d: d["offices"].extend(posts))
    )
    told = [line for line in found.wider if "data-sharing-agreement" in line]
    assert len(told) == 1
    assert "all of met/serious-crime, {controller}/data-protection, before nobody" in told[0]


def test_more_cases_than_can_be_looked_at_are_refused() -> None:
    def change(document: Document) -> None:
        whole = rule("review")(document)
        for number in range(80):
            document["purposes"].append({"id": f"p{number}", "title": "P"})
            document["organisations"].append({**COUNCIL, "id": f"s{number}", "units": []})
            document["signatures"].append(
                {**whole, "purposes": [f"p{number}"], "controllers": [f"s{number}"]}
            )
        for instrument in world.example("charter")["limits"]["longest_validity"]:
            for mode in ("bulk", "match"):
                document["signatures"].append({**whole, "instruments": [instrument], "modes": [mode]})

    with pytest.raises(DocumentRefused, match="cases apart"):
        compared(BASE, amended(change))


def test_a_rule_in_words() -> None:
    charter = parse_charter(BASE)
    lines = [describe_rule(one) for one in charter.rules]
    assert "decision: all of dft/minister, {controller}/data-protection" in lines
    assert "objection, which ends it within 40 days: all of parliament/clerk" in lines


# --- keys and holders -------------------------------------------------------------------------------------


def refused(*changes: Change, old: Document = BASE) -> str:
    with pytest.raises(DocumentRefused) as caught:
        compared(old, world.changed(old, put("charter.version", old["charter"]["version"] + 1), *changes))
    return f"{caught.value.code}: {caught.value.detail}"


def test_a_key_that_is_replaced_must_be_accounted_for() -> None:
    assert "keys_ended" in refused(in_office("ico/deputy", key=key("somebody")))
    wrong = rotated("ico/deputy")
    mistaken: Change = lambda d: (wrong(d), d["keys_ended"][0].update(office="ico/commissioner"))  # noqa: E731
    assert "ico/deputy" in refused(mistaken)


def test_what_was_said_of_keys_stays() -> None:
    old = amended(rotated("ico/deputy"))
    for change in (
        put("keys_ended", None),
        put("keys_ended.0.reason", "lost"),
        put("keys_ended.0.from_entry", 9),
    ):
        assert "stays as it is" in refused(change, old=old)


def test_an_ended_key_never_comes_back() -> None:
    old = amended(rotated("ico/deputy"))
    assert "has ended" in refused(in_office("ico/deputy", key=key("ico/deputy")), old=old)
    assert "has ended" in refused(
        appended("offices", office("dft/clerk", key=key("ico/deputy"), holder="Farid Fenwick")), old=old
    )


def test_a_key_stays_with_its_holder() -> None:
    """Else one person's key counts as two people's: now, or after the office was renamed."""
    taken = office("dft/clerk", key=key("dft/minister"), holder="Somebody Else")
    assert "another holder" in refused(appended("offices", taken))
    assert "another holder" in refused(
        removed("offices", id="met/serious-crime"),
        appended("offices", office("met/crime", key=key("met/serious-crime"), holder="Somebody Else")),
        in_rule("authority", 2, offices=["{controller}/data-protection", "met/crime"]),
    )
    again = office("dft/clerk", key=key("dft/minister"), holder="kit  KINGSLEY")
    assert compared(BASE, amended(appended("offices", again))).offices == ("dft/clerk",)


def test_two_offices_cannot_swap_their_keys() -> None:
    first, second = "tfl/commissioner", "tfl/data-protection"
    swap: Change = lambda d: (  # noqa: E731
        in_office(first, key=key(second), holder="Ben Brightwell")(d),
        in_office(second, key=key(first), holder="Ada Ashworth")(d),
        d.update(
            keys_ended=[
                {"office": one, "key": key(one), "reason": "rotated", "from_entry": 1}
                for one in (first, second)
            ]
        ),
    )
    assert "has ended" in refused(swap)


# --- what a consultation covered --------------------------------------------------------------------------


def left(draft: Document, new: Document, *, old: Document = BASE, at: Document = BASE) -> Amended:
    """What of `new` is not covered by a consultation on `draft` that was published under `at`."""
    old_charter, new_charter = parse_charter(old), parse_charter(new)
    return compare_with_draft(old_charter, new_charter, base=parse_charter(at), draft=parse_charter(draft))


@pytest.mark.parametrize("name", [name for name, one in CHANGES.items() if one[2] in ("wider", "entrenched")])
def test_what_was_proposed_is_covered_and_nothing_else_is(name: str) -> None:
    _, change, *_ = CHANGES[name]
    old = world.changed(BASE, BEFORE.get(name, lambda d: None))
    new = world.changed(old, put("charter.version", 2), change)
    covered = left(new, new, old=old, at=old)
    assert (covered.wider, covered.entrenched) == ((), ())
    nothing = world.changed(old, put("charter.version", 2), put("charter.title", "Draft"))
    assert left(nothing, new, old=old, at=old) == compared(old, new)


def retention(text: str) -> Change:
    return put("organisations.0.retention", text)


def test_less_than_was_proposed_is_covered_and_more_is_not() -> None:
    draft = amended(retention("P60D"))
    assert left(draft, amended(retention("P45D"))).wider == ()
    assert left(draft, amended(retention("P60D"))).wider == ()
    assert len(left(draft, amended(retention("P61D"))).wider) == 1
    # Nor does it cover that of another source, or another limit.
    assert len(left(draft, amended(retention("P60D"), put("limits.too_old", "P8D"))).wider) == 1


def test_a_new_source_is_covered_with_what_was_said_of_it() -> None:
    draft = amended(appended("organisations", COUNCIL))
    for member, value in (
        ("name", "Marsh Ltd"),
        ("retention", "P15D"),
        ("units", [{"id": "traffic", "name": "Everybody"}]),
        ("units", [{"id": "other", "name": "Other"}]),
    ):
        other = amended(appended("organisations", {**COUNCIL, member: value}))
        assert len(left(draft, other).wider) == 1, member
    assert left(draft, amended(appended("organisations", {**COUNCIL, "retention": "P7D"}))).wider == ()


def test_a_new_purpose_is_covered_in_its_own_words_alone() -> None:
    draft = amended(appended("purposes", {"id": "weather", "title": "Weather"}))
    assert left(draft, amended(appended("purposes", {"id": "weather", "title": "Anything"}))).wider


def test_a_new_overseer_is_covered_in_person_alone() -> None:
    draft = amended(appended("offices", office("ico/third", opening_key=OPENING)))
    assert left(draft, draft).entrenched == ()
    for members in ({"holder": "A Friend"}, {"opening_key": OTHER_OPENING}, {"key": key("a friend")}):
        other = amended(appended("offices", office("ico/third", **{"opening_key": OPENING, **members})))
        assert left(draft, other).entrenched


def test_a_rule_is_covered_case_by_case() -> None:
    rules = lambda **members: amended(  # noqa: E731
        put("limits.longest_validity.statute", "P1Y"), appended("signatures", {**STATUTE, **members})
    )
    draft = rules(purposes=["crime/serious"], offices=["tfl/data-protection", "ico/commissioner"])
    assert left(draft, draft).wider == ()
    stricter = rules(
        purposes=["crime/serious"], offices=["tfl/data-protection", "ico/commissioner", "met/serious-crime"]
    )
    assert left(draft, stricter).wider == ()
    (words,) = left(
        draft, rules(purposes=["crime"], offices=["tfl/data-protection", "ico/commissioner"])
    ).wider
    assert "purpose crime;" in words
    assert left(draft, rules(purposes=["crime/serious"])).wider


def test_a_draft_covers_only_what_it_itself_changed() -> None:
    """What was narrowed since was not proposed by a draft that leaves it as it was."""
    draft = amended(put("limits.too_old", "P8D"))
    narrowed = amended(retention("P7D"))
    back = amended(put("limits.too_old", "P8D"), version=3)
    assert left(draft, back, old=narrowed).wider == ("`tfl` keeps reads for 28 days, before 7 days",)


def test_what_was_proposed_while_it_was_not_entrenched_covers_nothing_entrenched() -> None:
    """A draft that keeps a clause was open for a shorter time than one that changes it."""
    draft = amended(put("limits.too_old", "P8D"))
    strengthened = amended(put("consulting.shortest", "P60D"))
    back = amended(put("limits.too_old", "P8D"), version=3)
    assert left(draft, back, old=strengthened).entrenched == ("the terms of consultations change",)
