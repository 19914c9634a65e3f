"""Charters that trap their authors, and `check`, which warns of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.registers import Chancery
from tests.simulator import charter as example
from tests.vectors import make_documents as world
from wicketgate.base.errors import DocumentRefused
from wicketgate.base.signing import PrivateKey, format_public
from wicketgate.cli import main
from wicketgate.clients.officer.appraisal import appraise, founding
from wicketgate.clients.officer.from_register import learn
from wicketgate.clients.officer.traps import traps
from wicketgate.regime.charter import parse_charter
from wicketgate.regime.documents.document import open_document, sign_document
from wicketgate.regime.documents.toml import dump_toml

Document = dict[str, Any]


def office(document: Document, id_: str) -> Document:
    return next(one for one in document["offices"] if one["id"] == id_)


def without(kind: str) -> Callable[[Document], object]:
    def change(document: Document) -> None:
        document["signatures"] = [rule for rule in document["signatures"] if rule["kind"] != kind]

    return change


def rule_of(document: Document, kind: str) -> Document:
    return next(rule for rule in document["signatures"] if rule["kind"] == kind)


def one_holder(document: Document) -> None:
    """Let one person hold both offices that must decide."""
    office(document, "dft/minister")["holder"] = office(document, "tfl/data-protection")["holder"]


def two_of_one(document: Document) -> None:
    """Want any one of an office, twice: its only holder counts once."""
    rule_of(document, "suspension").update(offices=["ico/commissioner"], need="any")
    document["offices"].append(
        {
            "id": "ico/other",
            "title": "The same again",
            "holder": office(document, "ico/commissioner")["holder"],
            "key": format_public(PrivateKey.generate().public),
        }
    )
    document["signatures"].append({"kind": "suspension", "offices": ["ico/other"], "need": "any"})


def nobody_holds(document: Document) -> None:
    rule_of(document, "revocation").update(offices=["{controller}/nobody"], need="any")


def overseer_sources(document: Document) -> None:
    overseer = next(one for one in document["organisations"] if one["id"] == "ico")
    overseer["roles"] = [*overseer["roles"], "operator"]


def no_successor(document: Document) -> None:
    ended = format_public(PrivateKey.generate().public)
    document["keys_ended"] = [{"key": ended, "office": "tfl/gone", "reason": "lost", "from_entry": 0}]


def single_overseer(document: Document) -> None:
    document["offices"] = [one for one in document["offices"] if one["id"] != "ico/deputy"]
    for rule in document["signatures"]:
        rule["offices"] = [one for one in rule["offices"] if one != "ico/deputy"] or ["ico/commissioner"]


def no_people(document: Document) -> None:
    document["signatures"].append(
        {"kind": "people", "organisations": ["tfl"], "offices": ["{organisation}/nobody"]}
    )


TRAPS: dict[str, tuple[Callable[[Document], object], str]] = {
    "nobody opens": (without("consultation"), "a consultation is wanted, and nobody can open one: no rule"),
    "nobody decides": (without("decision"), "a consultation is wanted, and nobody can decide one: no rule"),
    "one holder decides for two": (one_holder, "nobody can decide one: `dft/minister` and"),
    "nobody suspends": (without("suspension"), "Nobody can suspend an authority over `tfl`"),
    "one counts for two": (two_of_one, "one holder or one key would count for two offices"),
    "nobody revokes": (nobody_holds, "Nobody can revoke an authority over `tfl`"),
    "nobody resumes": (without("resumption"), "can never go on: no rule of kind resumption applies"),
    "nobody reviews": (without("review"), "which lapses without: no rule of kind review applies"),
    "one overseer": (single_overseer, "`ico/commissioner` is the only office of an overseer"),
    "it oversees itself": (overseer_sources, "oversees its own organisation, which is operator too"),
    "a key without successor": (no_successor, "The key of `tfl/gone` has ended and has no successor"),
    "no amendment": (lambda document: document.pop("amendment", None), "It has no `amendment`"),
    "nobody names people": (no_people, "Nobody can say who the people of `tfl` are"),
}


def changed(change: Callable[[Document], object]) -> Document:
    document = world.changed(example())
    change(document)
    return world.bound(document)


@pytest.mark.parametrize("trap", TRAPS)
def test_a_charter_that_traps_its_authors_is_told_so(trap: str) -> None:
    change, words = TRAPS[trap]
    found = traps(parse_charter(changed(change)))
    assert any(words in one for one in found), found
    assert not any(words in one for one in traps(parse_charter(world.bound(example())))), (
        "it is no trap of its own"
    )
    assert len(set(found)) == len(found)


def test_the_example_traps_nobody() -> None:
    assert traps(parse_charter(world.bound(example()))) == ()


def test_a_trap_is_one_for_the_gateway_too() -> None:
    """What is said that nobody can do, nobody can: here with every signature that there is."""
    chancery = Chancery(world.put("signatures", changed(without("suspension"))["signatures"]))
    chancery.submit(world.example("authority"), world.CT_OFFICES)
    everybody = [one["id"] for one in example()["offices"]]
    with pytest.raises(DocumentRefused) as caught:
        chancery.submit(world.example("suspension"), everybody)
    assert caught.value.code == "not-entitled"


def test_check_warns_and_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "charter.toml"
    path.write_text(dump_toml(changed(without("suspension"))))
    assert main(["check", str(path)]) == 0
    said = capsys.readouterr().out
    assert "Warning: Nobody can suspend an authority over `tfl`" in said


def test_an_amendment_and_a_consultation_on_one_are_warned_of() -> None:
    chancery = Chancery()
    draft = world.changed(changed(without("suspension")), world.put("charter.version", 2))
    known = learn(chancery.register())
    amended = open_document(world_envelope(draft))
    assert any("Nobody can suspend" in one for one in appraise(amended, known, at_us=chancery.at_us).warnings)
    consultation = world.changed(world.example("consultation"), world.put("draft", draft))
    asked = open_document(world_envelope(world.bound(consultation)))
    assert any("Nobody can suspend" in one for one in appraise(asked, known, at_us=chancery.at_us).warnings)
    first = open_document(world_envelope(changed(without("suspension"))))
    assert founding(first, parse_charter(first.payload)).warnings


def world_envelope(document: Document) -> bytes:
    from wicketgate.base.signing import dump_envelope

    return dump_envelope(sign_document(document, []))
