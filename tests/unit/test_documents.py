from __future__ import annotations

import base64
import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.vectors import make_documents as world
from wicketgate.authority import Authority, check_authority, parse_authority
from wicketgate.charter import Charter, parse_charter
from wicketgate.signatures import verify_charter
from wicketgate.clock import parse_rfc3339
from wicketgate.documents import KINDS, LATER_KINDS, SignedDocument, act_target, check_act, describe_charter, kind_of, open_document, parse_payload, parse_toml, payload_type, sign_document
from wicketgate.acts import ACTS, Resumption, Review, Revocation, Suspension, describe_act, parse_act
from wicketgate.signatures import signers
from wicketgate.errors import DocumentRefused, InputError
from wicketgate.signing import PrivateKey, canonical, dump_envelope, format_public, sign_payload

VECTORS = sorted(world.FOLDER.glob("*.json"))
EXAMPLES = sorted(world.EXAMPLES.glob("*.toml"))


def submit(vector: dict[str, Any]) -> Charter | Authority | object:
    """Do with a vector what a gateway does with a submission."""
    charter = parse_charter(vector["charter"] or world.example("charter"))
    previous = None if vector["previous"] is None else parse_authority(vector["previous"])
    at_us = parse_rfc3339(vector["at"])
    document = open_document(base64.b64decode(vector["envelope"]))
    if document.kind == "charter":
        return verify_charter(document.envelope)
    if document.kind == "authority":
        authority = parse_authority(document.payload)
        check_authority(authority, document.envelope, charter, at_us=at_us, previous=previous)
        return authority
    return check_act(document, charter, previous, at_us=at_us, **vector["known"])


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_a_named_document_is_answered_as_its_file_says(path: Path) -> None:
    vector = json.loads(path.read_bytes())
    if vector["code"] is None:
        submit(vector)
        return
    with pytest.raises(DocumentRefused) as caught:
        submit(vector)
    assert caught.value.code == vector["code"], caught.value.detail


def test_the_script_makes_these_very_files() -> None:
    assert {path.stem: path.read_bytes() for path in VECTORS} == world.all_cases()
    assert len(VECTORS) >= 25


def test_every_code_of_the_specification_has_a_named_document_or_a_reason() -> None:
    text = (world.EXAMPLES.parent / "documents.md").read_text()
    codes = {json.loads(path.read_bytes())["code"] for path in VECTORS} - {None}
    for code in codes:
        assert f"`{code}`" in text, code


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
    assert {office.id for office in signers(envelope, parse_charter(charter_document))} == set(keys)
    charter = verify_charter(sign_document(charter_document, keys.values()))
    value = parse_payload(kind, opened.payload)
    if isinstance(value, Authority):
        check_authority(value, envelope, charter, at_us=world.AT_US, previous=None)
    elif not isinstance(value, Charter):
        authority = parse_authority(world.example("authority"))
        act = check_act(
            opened,
            charter,
            authority,
            at_us=parse_rfc3339("2026-10-01T00:00:00Z"),
            suspensions={"sus-2026-001"},
        )
        assert act == value


def test_there_is_an_example_of_every_kind_that_is_taken() -> None:
    assert {kind_of(parse_toml(path.read_bytes())) for path in EXAMPLES} == KINDS


def test_the_charter_example_has_distinct_keys() -> None:
    charter = parse_charter(parse_toml((world.EXAMPLES / "charter.toml").read_bytes()))
    assert len({office.public for office in charter.offices.values()}) == len(charter.offices)


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
    for kind in LATER_KINDS:
        with pytest.raises(DocumentRefused) as caught:
            kind_of({kind: {}})
        assert caught.value.code == "unsupported"


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


@given(
    kind=st.sampled_from(sorted(KINDS | LATER_KINDS)), payload=st.binary(max_size=60) | json_values.map(repr)
)
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


# --- acts -------------------------------------------------------------------------------------------------


def test_acts_are_parsed_into_their_values() -> None:
    values = {kind: parse_act(kind, world.example(kind)) for kind in ACTS}
    assert isinstance(values["revocation"], Revocation)
    assert isinstance(values["suspension"], Suspension)
    assert isinstance(values["review"], Review)
    resumption = values["resumption"]
    assert isinstance(resumption, Resumption)
    assert (resumption.id, resumption.suspension) == ("res-2026-001", "sus-2026-001")
    assert values["review"].reviewed_us == parse_rfc3339("2026-09-25T14:00:00Z")
    for act in values.values():
        assert act.authority == "tfl-met-ct"
        assert act.id in describe_act(act)[0]


def test_what_is_no_act_is_refused_as_one() -> None:
    with pytest.raises(DocumentRefused):
        parse_act("charter", world.example("charter"))


def test_the_target_of_an_act_is_its_authority() -> None:
    document = world.example("suspension")
    signed = SignedDocument(kind="suspension", payload=document, envelope=sign_document(document, []))
    assert act_target(signed) == "tfl-met-ct"


def test_an_act_on_one_authority_does_not_touch_another() -> None:
    document = world.changed(world.example("suspension"), world.put("suspension.authority", "tfl-charging"))
    envelope = sign_document(document, world.keys_of(["tfl/data-protection"]))
    charter = parse_charter(world.example("charter"))
    signed = SignedDocument(kind="suspension", payload=document, envelope=envelope)
    with pytest.raises(DocumentRefused) as caught:
        check_act(signed, charter, parse_authority(world.example("authority")), at_us=world.AT_US)
    assert caught.value.code == "unknown-authority"


def test_an_act_that_no_rule_allows_is_refused() -> None:
    drop_reviews = world.changed(
        world.example("charter"),
        lambda charter: charter.update(
            signatures=[rule for rule in charter["signatures"] if rule["kind"] != "suspension"]
        ),
    )
    document = world.example("suspension")
    envelope = sign_document(document, world.keys_of(["ico/deputy"]))
    signed = SignedDocument(kind="suspension", payload=document, envelope=envelope)
    with pytest.raises(DocumentRefused) as caught:
        check_act(
            signed,
            parse_charter(drop_reviews),
            parse_authority(world.example("authority")),
            at_us=world.AT_US,
        )
    assert caught.value.code == "not-entitled"


def test_a_charter_is_described_with_its_rules() -> None:
    charter = parse_charter(world.changed(world.example("charter"), world.put("charter.demonstration", True)))
    text = "\n".join(describe_charter(charter))
    assert "demonstration" in text
    assert "revocation: signed by any of {controller}/data-protection" in text
    assert "Gatehouse Operations" in text


def test_signing_does_not_change_what_is_signed() -> None:
    document = world.example("authority")
    assert sign_document(document, []).payload == canonical(document)
