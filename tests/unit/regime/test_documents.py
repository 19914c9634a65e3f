from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.vectors import make_documents as world
from wicketgate.base.clock import parse_rfc3339
from wicketgate.base.errors import DocumentRefused, InputError
from wicketgate.base.signing import PrivateKey, canonical, dump_envelope, format_public, sign_payload
from wicketgate.regime.charter import Charter, parse_charter
from wicketgate.regime.documents.authority import Authority
from wicketgate.regime.documents.consultations import Consultation, ConsultationDecision, Objection
from wicketgate.regime.documents.document import (
    KINDS,
    describe_charter,
    describe_document,
    kind_of,
    open_document,
    parse_payload,
    parse_toml,
    payload_type,
    sign_document,
)
from wicketgate.regime.documents.signatures import signers, verify_charter
from wicketgate.regime.fold import Regime

VECTORS = sorted(world.FOLDER.glob("*.json"))
EXAMPLES = sorted(world.EXAMPLES.glob("*.toml"))
SPECIFICATION = world.EXAMPLES.parent


def read_vector(name: str) -> dict[str, Any]:
    vector: dict[str, Any] = json.loads((world.FOLDER / f"{name}.json").read_bytes())
    return vector


def taken_of(item: dict[str, Any]) -> world.Taken:
    envelope = world.envelope_of(read_vector(item["of"]) if "of" in item else item)
    return world.Taken(envelope=envelope, at=item["at"], cameras=item["cameras"], entry=item["entry"])


# --- vectors ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [path.stem for path in VECTORS])
def test_a_named_document_is_answered_as_its_file_says(name: str) -> None:
    vector = read_vector(name)
    regime = Regime()
    for item in vector["before"]:
        regime, _ = world.take(regime, taken_of(item))
    submitted = taken_of(vector)
    if "code" in vector:
        assert "admitted" not in vector
        with pytest.raises(DocumentRefused) as caught:
            world.take(regime, submitted)
        assert caught.value.code == vector["code"], caught.value.detail
        assert list(caught.value.powers) == vector.get("powers", [])
        return
    _, admitted = world.take(regime, submitted)
    expected = world.outcome(submitted, admitted)
    assert {member: vector.get(member) for member in expected} == expected


def test_the_script_makes_these_very_files() -> None:
    made = world.all_cases()
    assert made.keys() == set(names_of_vectors())
    changed = [path.stem for path in VECTORS if path.read_bytes() != made[path.stem]]
    assert not changed, "run `python tests/vectors/make_documents.py`, and look at what has changed"
    assert len(VECTORS) >= 400


def codes_of_the_specification() -> set[str]:
    """Return the codes in the table of docs/spec/documents.md."""
    text = (SPECIFICATION / "documents.md").read_text()
    table = text[text.index("| code | when |") :]
    return {line.split("`")[1] for line in table.splitlines() if line.startswith("| `")}


def test_every_code_of_the_specification_has_a_named_document_and_no_other_is_answered() -> None:
    answered = {vector["code"] for vector in map(read_vector, names_of_vectors()) if "code" in vector}
    assert answered == codes_of_the_specification()


def names_of_vectors() -> Iterator[str]:
    return (path.stem for path in VECTORS)


def test_every_kind_has_a_named_document_that_takes_effect() -> None:
    good = [vector for vector in map(read_vector, names_of_vectors()) if "admitted" in vector]
    assert {open_document(world.envelope_of(vector)).kind for vector in good} == KINDS
    needs = {vector["admitted"].get("need") for vector in good} - {None}
    assert needs == {"covered", "notice", "marked", "within", "urgent"}


def test_what_goes_before_a_named_document_begins_with_a_charter_and_is_in_order() -> None:
    for name in names_of_vectors():
        vector = read_vector(name)
        items = [*vector["before"], vector]
        assert [item["entry"] for item in items] == sorted({item["entry"] for item in items})
        times = [parse_rfc3339(item["at"]) for item in items]
        assert times == sorted(times), name
        first = world.envelope_of(read_vector(items[0]["of"]) if "of" in items[0] else items[0])
        if vector["before"]:
            assert open_document(first).kind == "charter"


# --- examples ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_parses_signs_and_verifies_with_fresh_keys(path: Path) -> None:
    charter_document = parse_toml((world.EXAMPLES / "charter.toml").read_bytes())
    keys = {}
    for office in charter_document["offices"]:
        keys[office["id"]] = PrivateKey.generate()
        office["key"] = format_public(keys[office["id"]].public)
    document = parse_toml(path.read_bytes())
    kind = kind_of(document)
    if kind == "charter":
        document = charter_document
    assert kind in KINDS
    envelope = sign_document(document, keys.values())
    opened = open_document(dump_envelope(envelope))
    assert (opened.kind, opened.payload, opened.envelope) == (kind, document, envelope)
    charter = verify_charter(sign_document(charter_document, keys.values()))
    assert {office.id for office in signers(envelope, charter)} == set(keys)
    value = parse_payload(kind, opened.payload)
    assert value.document == document
    assert describe_document(value, charter)


def test_the_examples_take_effect_one_after_another() -> None:
    data, home = ("tfl/data-protection",), ("home-office/secretary-of-state",)
    dft, judge = ("dft/minister",), ("high-court/judge",)
    story = world.Story.under(world.example("charter"))
    for name, by, at in (
        ("authority", world.CT_OFFICES, "2026-07-04T09:00:00Z"),
        ("authority-match", world.MATCH_OFFICES, "2026-07-04T09:00:00Z"),
        ("authority-own-use", ("tfl/commissioner", *data), "2026-07-04T09:00:00Z"),
        ("consultation", home, "2026-07-08T09:00:00Z"),
        ("challenge", judge, "2026-07-20T09:00:00Z"),
        ("objection", dft, "2026-08-01T09:00:00Z"),
        ("suspension", data, "2026-08-01T09:00:00Z"),
        ("resumption", (*data, "ico/commissioner"), "2026-08-15T09:00:00Z"),
        ("decision", (*data, *dft), "2026-09-01T09:00:00Z"),
        ("review", home, "2026-09-28T09:00:00Z"),
        ("quashed", judge, "2026-11-20T09:00:00Z"),
    ):
        story = story.then(world.example(name), by, at=at)
    assert set(story.regime.authorities) == {"tfl-met-ct", "tfl-met-wanted", "tfl-charging"}
    revoked = world.Story.under(world.example("charter")).then(world.example("authority"), world.CT_OFFICES)
    revoked = revoked.then(world.example("revocation"), data, at="2026-09-01T09:00:00Z")
    assert revoked.regime.authorities["tfl-met-ct"].versions[0].ended_by == "revocation"


def test_there_is_an_example_of_every_kind() -> None:
    assert {kind_of(parse_toml(path.read_bytes())) for path in EXAMPLES} == KINDS


def test_the_charter_example_has_distinct_keys() -> None:
    charter = parse_charter(parse_toml((world.EXAMPLES / "charter.toml").read_bytes()))
    assert len({office.public for office in charter.offices.values()}) == len(charter.offices)


def test_the_values_of_the_kinds_that_are_no_acts() -> None:
    wanted = {
        "charter": Charter,
        "authority": Authority,
        "consultation": Consultation,
        "objection": Objection,
        "decision": ConsultationDecision,
    }
    for kind, value in wanted.items():
        assert isinstance(parse_payload(kind, world.example(kind)), value)


# --- TOML -------------------------------------------------------------------------------------------------


def test_times_become_rfc_3339_in_utc() -> None:
    document = parse_toml(b"[review]\nat = 2026-07-04T01:00:00+01:00\nlist = [2026-07-04T00:00:00.250Z]\n")
    assert document == {"review": {"at": "2026-07-04T00:00:00Z", "list": ["2026-07-04T00:00:00.250Z"]}}


@pytest.mark.parametrize("value", ["2026-07-04", "2026-07-04T01:00:00", "01:00:00"])
def test_a_time_without_a_zone_is_refused(value: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_toml(f"at = {value}".encode())
    assert caught.value.code == "zone-missing"


@pytest.mark.parametrize(
    "data",
    [
        b"\xff",
        b"a = ",
        b"a = 1\na = 2",
        b"a = nan",
        b"a = 9007199254740993",
        b"a = " + b"[" * 40 + b"]" * 40,
        b"a = " + b"[" * 100_000,
        b"a = 0001-01-01T00:00:00+23:00",
        b"#" * ((1 << 20) + 1),
    ],
    ids=["utf-8", "cut", "twice", "nan", "too-big-a-number", "deep", "very-deep", "before-year-one", "long"],
)
def test_what_is_no_toml_or_has_no_json_form_is_refused(data: bytes) -> None:
    with pytest.raises(InputError):
        parse_toml(data)


def test_a_document_has_exactly_one_kind() -> None:
    for document in ({}, {"note": 1}, {"charter": {}, "authority": {}}):
        with pytest.raises(DocumentRefused) as caught:
            kind_of(document)
        assert caught.value.code == "malformed"


# --- arbitrary input --------------------------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


@given(data=st.binary(max_size=300))
def test_any_bytes_are_a_document_or_refused(data: bytes) -> None:
    with pytest.raises(DocumentRefused):
        open_document(data)
    with contextlib.suppress(InputError):
        parse_toml(data)


@given(text=st.text(alphabet='[]{}=".,\n#abT-:0129+Z', max_size=80))
def test_any_text_is_toml_or_refused(text: str) -> None:
    with contextlib.suppress(InputError):
        assert isinstance(parse_toml(text.encode()), dict)


@given(kind=st.sampled_from(sorted(KINDS)), payload=st.binary(max_size=60) | json_values.map(repr))
def test_any_payload_is_opened_or_refused(kind: str, payload: bytes | str) -> None:
    data = payload if isinstance(payload, bytes) else payload.encode("utf-8", "replace")
    with pytest.raises(DocumentRefused):
        open_document(dump_envelope(sign_payload(payload_type(kind), data, [])))


def paths_of(value: Any, path: str = "") -> list[str]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = []
    for key, item in items:
        here = f"{path}.{key}" if path else str(key)
        found += [here, *paths_of(item, here)]
    return found


@settings(max_examples=60)
@given(data=st.data(), name=st.sampled_from([path.stem for path in EXAMPLES]))
def test_an_example_with_anything_in_any_place_is_a_value_or_refused(data: st.DataObject, name: str) -> None:
    document = world.example(name)
    kind = kind_of(document)
    path = data.draw(st.sampled_from(paths_of(document)))
    with contextlib.suppress(InputError, DocumentRefused):
        parse_payload(kind, world.changed(document, world.put(path, data.draw(json_values))))


@settings(max_examples=60)
@given(data=st.data(), name=st.sampled_from([path.stem for path in EXAMPLES]))
def test_a_member_that_nobody_asked_for_is_refused_in_every_table(data: st.DataObject, name: str) -> None:
    document = world.example(name)
    kind = kind_of(document)
    tables = [path for path in ["", *paths_of(document)] if isinstance(_at(document, path), dict)]
    path = data.draw(st.sampled_from(tables))
    with pytest.raises(DocumentRefused) as caught:
        parse_payload(kind, world.changed(document, world.put(f"{path}.zz".lstrip("."), 1)))
    assert caught.value.code == "unknown-key"
    assert "zz" in caught.value.detail


def _at(document: Any, path: str) -> Any:
    for part in filter(None, path.split(".")):
        document = document[int(part)] if isinstance(document, list) else document[part]
    return document


# --- in words ---------------------------------------------------------------------------------------------


def test_a_charter_is_described_with_its_rules() -> None:
    charter = parse_charter(world.changed(world.example("charter"), world.put("charter.demonstration", True)))
    text = "\n".join(describe_charter(charter))
    assert "demonstration" in text
    assert "revocation: signed by any of {controller}/data-protection" in text
    assert "Gatehouse Operations" in text


def test_a_proposal_is_described_with_what_is_proposed() -> None:
    charter = parse_charter(world.example("charter"))
    text = "\n".join(describe_document(parse_payload("consultation", world.example("consultation")), charter))
    assert "Everybody can respond from 2026-07-09T00:00:00Z until 2026-08-20T00:00:00Z" in text
    assert "the image of the scene" in text
    draft = {"charter": world.changed(world.example("charter"), world.put("charter.version", 2))}
    on_charter = world.changed(world.example("consultation"), world.put("draft", draft["charter"]))
    text = "\n".join(describe_document(parse_payload("consultation", on_charter), charter))
    assert "Proposed is the charter version 2." in text
    assert "Gatehouse Operations" in text


def test_a_decision_is_described_with_what_it_covers_of_the_draft() -> None:
    covered = world.changed(world.example("consultation")["draft"], world.put("scope.max_cameras", 7))
    document = world.changed(world.example("decision"), world.put("covered", covered))
    text = "\n".join(describe_document(parse_payload("decision", document)))
    assert "It covers less than what was proposed, until 2027-09-01T00:00:00Z." in text
    assert "at most 7 cameras" in text
    assert "To objection `o-2026-001`: Signs at the boundary" in text


def test_signing_does_not_change_what_is_signed() -> None:
    document = world.example("authority")
    assert sign_document(document, []).payload == canonical(document)
