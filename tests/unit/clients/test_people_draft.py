"""Names in clear become commitments, openings that fit them, and codes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.vectors import make_documents as world
from wicketgate.base.errors import DocumentRefused, InputError
from wicketgate.clients.officer.people import PeopleBefore, draft_people
from wicketgate.regime.documents.people import commit_to, enrolled_by, parse_people


def clear() -> dict[str, Any]:
    document = world.example("people")
    document["grants"][0]["claims"] = [{"claim": "groups", "value": "crime-desk"}]
    document["persons"] = [
        {
            "name": "Ada Archer",
            "subject": "s-1",
            "provider": "met-identity",
            "unit": "serious-crime",
            "roles": ["viewer"],
        },
        {"name": "Ben Bishop", "office": "serious-crime", "roles": ["approver"]},
    ]
    return document


def test_the_draft_names_nobody_and_its_openings_fit() -> None:
    drafted = draft_people(clear())
    people = parse_people(drafted.document)
    fitting = {commit_to(bytes.fromhex(one["salt"]), one["value"]): one["value"] for one in drafted.openings}
    assert {one["commitment"] for one in drafted.openings} == fitting.keys() == people.commitments()
    ada, ben = people.persons
    assert fitting[ada.commitment] == {"name": "Ada Archer", "subject": "s-1"}
    assert fitting[ben.commitment] == {"name": "Ben Bishop"}
    assert fitting[people.grants[0].claims[0].commitment] == "crime-desk"
    assert ada.enrol is None
    assert drafted.codes.keys() == {"Ben Bishop"}
    assert enrolled_by("met", ben, drafted.codes["Ben Bishop"])
    assert not enrolled_by("tfl", ben, drafted.codes["Ben Bishop"])
    assert list(people.awaiting(drafted.codes["Ben Bishop"])) == [ben]
    assert not any(word in str(drafted.document) for word in ("Archer", "Bishop", "s-1", "crime-desk"))


def test_no_two_drafts_are_alike() -> None:
    one, two = draft_people(clear()), draft_people(clear())
    assert one.codes != two.codes
    assert parse_people(one.document).commitments().isdisjoint(parse_people(two.document).commitments())


def test_whoever_stands_in_the_version_before_keeps_passkey_and_code() -> None:
    first = draft_people(clear())
    later = clear()
    later["people"]["version"] = 2
    later["persons"].append({"name": "Cy Cole", "office": "serious-crime", "roles": ["approver"]})
    later["persons"][0]["subject"] = "s-2"  # another account is another person
    second = draft_people(later, PeopleBefore(first.document, first.openings))
    one, two = parse_people(first.document), parse_people(second.document)
    assert two.persons[1] == one.persons[1]
    assert two.grants == one.grants
    assert two.persons[0].commitment != one.persons[0].commitment
    assert second.codes.keys() == {"Cy Cole"}
    assert enrolled_by("met", two.persons[2], second.codes["Cy Cole"])
    assert {one["commitment"] for one in second.openings} == two.commitments()


@pytest.mark.parametrize(
    "openings", [[{}], [None], [{"value": "x", "salt": 1}], [{"value": "x", "salt": "zz"}]]
)
def test_other_openings_of_before_are_refused(openings: Any) -> None:
    with pytest.raises(InputError, match="openings"):
        draft_people(clear(), PeopleBefore(draft_people(clear()).document, openings))


@pytest.mark.parametrize("name", [None, "", " ", 7])
def test_a_person_needs_a_name(name: Any) -> None:
    document = clear()
    document["persons"][0]["name"] = name
    with pytest.raises(InputError, match=r"persons\[0\]"):
        draft_people(document)


def test_two_of_one_name_cannot_be_told_apart() -> None:
    document = clear()
    document["persons"].append({**document["persons"][1]})
    with pytest.raises(InputError, match="another person has that name"):
        draft_people(document)


def test_what_is_no_document_of_people_is_refused() -> None:
    document = clear()
    document["persons"][1]["roles"] = ["chief"]
    with pytest.raises(DocumentRefused, match="roles"):
        draft_people(document)
