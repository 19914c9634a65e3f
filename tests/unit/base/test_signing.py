from __future__ import annotations

import base64
import contextlib
import json
import os
import stat
import string
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from hypothesis import example, given
from hypothesis import strategies as st
from securesystemslib import dsse
from securesystemslib.signer import CryptoSigner, SSlibKey

from tests.keys import seeded
from wicketgate.base.errors import ConfigurationError, DocumentRefused, InputError
from wicketgate.base.signing import (
    MAX_ENVELOPE_BYTES,
    MAX_SIGNATURES,
    Envelope,
    PrivateKey,
    Signature,
    add_signature,
    canonical,
    dump_envelope,
    envelope_mapping,
    format_public,
    key_id,
    pae,
    parse_canonical,
    parse_envelope,
    parse_json,
    parse_public,
    sign_payload,
    verify_signature,
)
from wicketgate.regime.members import Members

KEY = seeded(bytes(range(32)))
OTHER = seeded(bytes(32))
TYPE = "application/vnd.wicketgate.authority+json"

# Whole floats from 2**53 on are written without a point, and refused when read back as such integers are.
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(-1e15, 1e15) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


# --- canonical JSON ---------------------------------------------------------------------------------------


def test_canonical_json_is_that_of_rfc_8785() -> None:
    value = {
        "\u20ac": "Euro",
        "\r": 1,
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 1e-27],
        "a": [True, None],
    }
    expected = '{"\\r":1,"a":[true,null],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"€":"Euro"}'
    assert canonical(value) == expected.encode()


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), 2**53, {1: 2}, "\ud800", b"x", {"a": object()}], ids=range(7)
)
def test_what_has_no_canonical_form_is_an_input_error(value: object) -> None:
    with pytest.raises(InputError):
        canonical(value)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text()
        | st.sampled_from(['"\\/<\x7f', 2**53]),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
        max_leaves=10,
    )
    | st.dictionaries(st.text(string.printable, max_size=3), st.integers() | st.text(string.printable))
)
@example({"\uff01": 1, "\U0001f600": 2})
@example([1.0, -0.0, -(2**53) + 1])
def test_the_fast_way_to_canonical_json_is_the_way_of_the_library(value: object) -> None:
    try:
        expected = rfc8785.dumps(value)  # type: ignore[arg-type]
    except (rfc8785.CanonicalizationError, UnicodeError):
        with pytest.raises(InputError):
            canonical(value)
    else:
        assert canonical(value) == expected


def test_endless_nesting_is_an_input_error() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(InputError):
        canonical(deep)
    with pytest.raises(InputError):
        parse_json(b"[" * 200_000)


@given(value=st.dictionaries(st.text(), json_values, max_size=4))
def test_canonical_json_reads_back_and_is_a_fixed_point(value: dict[str, Any]) -> None:
    data = canonical(value)
    assert parse_canonical(data) == value
    assert canonical(parse_canonical(data)) == data


@pytest.mark.parametrize(
    "data",
    [
        b'{"a": 1}',
        b'{"b":1,"a":2}',
        b'{"a":1,"a":1}',
        b'{"a":1.0}',
        b'{"a":1e400}',
        b'{"a":NaN}',
        b'{"a":"\\u0041"}',
        b'{"a":"\\ud800"}',
        b"[]",
        b'"a"',
        b"",
        b"\xff",
        b'{"a":1}\n',
        b'{"a":' + b"9" * 5000 + b"}",
        b'{"a":' * 40 + b"1" + b"}" * 40,
    ],
    ids=range(15),
)
def test_a_payload_that_is_not_the_one_canonical_form_is_refused(data: bytes) -> None:
    with pytest.raises(InputError):
        parse_canonical(data)


# --- keys -------------------------------------------------------------------------------------------------


def test_the_key_of_a_seed_is_that_of_rfc_8032() -> None:
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    key = seeded(seed)
    assert key.public.hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert key.sign(b"").hex().startswith("e5564300c360ac729086e2cc806e828a")
    assert verify_signature(key.public, b"", key.sign(b""))


def test_a_key_file_is_new_private_and_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    KEY.save(path, label="tfl/data-protection")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert path.read_bytes().startswith(b"# tfl/data-protection\n-----BEGIN PRIVATE KEY-----")
    assert PrivateKey.load(path).public == KEY.public
    with pytest.raises(ConfigurationError):
        OTHER.save(path)
    assert PrivateKey.load(path).public == KEY.public


def test_a_key_file_that_is_none_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    for name in ("empty", "absent", "."):
        with pytest.raises(ConfigurationError):
            PrivateKey.load(tmp_path / name)


def test_only_unencrypted_ed25519_keys_are_read() -> None:
    encrypted = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )
    for pem in (encrypted, _x25519_pem(), KEY.pem()[:60], b"-----BEGIN"):
        with pytest.raises(InputError):
            PrivateKey.from_pem(pem)


def _x25519_pem() -> bytes:
    from cryptography.hazmat.primitives.serialization import NoEncryption

    return X25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@given(
    data=st.binary(max_size=200)
    | st.binary(max_size=80).map(lambda tail: b"-----BEGIN PRIVATE KEY-----\n" + tail)
)
def test_any_bytes_are_a_key_or_an_input_error(data: bytes) -> None:
    with pytest.raises(InputError):
        PrivateKey.from_pem(data)


def test_generated_keys_differ() -> None:
    assert PrivateKey.generate().public != PrivateKey.generate().public


@given(
    text=st.text(max_size=60)
    | st.binary(max_size=40).map(lambda raw: "ed25519:" + base64.b64encode(raw).decode())
)
def test_any_text_is_a_public_key_or_an_input_error(text: str) -> None:
    with contextlib.suppress(InputError):
        assert format_public(parse_public(text)) == text


def test_a_public_key_reads_back() -> None:
    assert parse_public(format_public(KEY.public)) == KEY.public


@pytest.mark.parametrize(
    "public",
    [
        bytes(32),
        b"\x01" + bytes(31),
        b"\x01" + bytes(30) + b"\x80",
        bytes.fromhex("ec" + "ff" * 30 + "7f"),
        bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
        bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"),
        bytes.fromhex("ed" + "ff" * 30 + "7f"),
        bytes.fromhex("ff" * 32),
        KEY.public[:31],
    ],
    ids=["zero", "one", "one-signed", "minus-one", "order-8", "order-8-signed", "p", "all-ones", "short"],
)
def test_points_of_small_order_and_other_forms_of_a_point_are_no_keys(public: bytes) -> None:
    with pytest.raises(InputError):
        parse_public(format_public(public))


def test_the_points_refused_really_have_small_order() -> None:
    """A signature of zeros but for R verifies under them: that is why they are refused."""
    identity = b"\x01" + bytes(31)
    forged = identity + bytes(32)
    assert verify_signature(identity, b"anything", forged)


# --- DSSE -------------------------------------------------------------------------------------------------


def test_the_encoding_is_that_of_the_dsse_specification() -> None:
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )
    assert pae("é", b"") == b"DSSEv1 2 \xc3\xa9 0 "


def test_securesystemslib_verifies_our_envelopes() -> None:
    envelope = sign_payload(TYPE, b'{"a":1}', [KEY, OTHER])
    theirs = dsse.Envelope.from_dict(json.loads(dump_envelope(envelope)))
    keys = [
        SSlibKey(key_id(key.public), "ed25519", "ed25519", {"public": key.public.hex()})
        for key in (KEY, OTHER)
    ]
    assert theirs.pae() == pae(envelope.payload_type, envelope.payload)
    assert set(theirs.verify(keys, 2)) == {key_id(KEY.public), key_id(OTHER.public)}


def test_we_verify_what_securesystemslib_signed() -> None:
    private = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    public = SSlibKey(key_id(KEY.public), "ed25519", "ed25519", {"public": KEY.public.hex()})
    theirs = dsse.Envelope(b'{"a":1}', TYPE, {})
    theirs.sign(CryptoSigner(private, public))
    envelope = parse_envelope(json.dumps(theirs.to_dict()).encode())
    assert envelope == sign_payload(TYPE, b'{"a":1}', [KEY])
    assert verify_signature(KEY.public, pae(TYPE, b'{"a":1}'), envelope.signatures[0].signature)


@given(payload=st.binary(max_size=200), signers=st.sets(st.sampled_from([KEY, OTHER])))
def test_an_envelope_reads_back_and_its_signatures_verify(payload: bytes, signers: set[PrivateKey]) -> None:
    envelope = sign_payload(TYPE, payload, signers)
    assert parse_envelope(dump_envelope(envelope)) == envelope
    for key, signature in zip(signers, envelope.signatures, strict=True):
        assert signature.key_id == key_id(key.public)
        assert verify_signature(key.public, pae(TYPE, payload), signature.signature)
        assert not verify_signature(key.public, pae(TYPE, payload + b"x"), signature.signature)
        assert not verify_signature(key.public, pae(TYPE + "x", payload), signature.signature)


def test_one_key_signs_once() -> None:
    envelope = sign_payload(TYPE, b"{}", [KEY])
    with pytest.raises(DocumentRefused) as caught:
        add_signature(envelope, KEY)
    assert caught.value.code == "signer-duplicate"
    assert len(add_signature(envelope, OTHER).signatures) == 2


def test_a_signature_of_the_wrong_size_does_not_verify() -> None:
    assert not verify_signature(KEY.public, b"", b"")
    assert not verify_signature(b"", b"", bytes(64))


@given(data=st.binary(max_size=200))
def test_any_bytes_are_an_envelope_or_an_input_error(data: bytes) -> None:
    with pytest.raises(InputError):
        parse_envelope(data)


@given(data=st.data())
def test_an_envelope_with_anything_in_any_place_is_one_or_an_input_error(data: st.DataObject) -> None:
    mapping = envelope_mapping(sign_payload(TYPE, b"{}", [KEY]))
    place = data.draw(st.sampled_from([mapping, mapping["signatures"][0]]))
    place[data.draw(st.sampled_from(sorted(place)) | st.text(max_size=5))] = data.draw(json_values)
    with contextlib.suppress(InputError):
        assert isinstance(parse_envelope(json.dumps(mapping).encode()), Envelope)


@pytest.mark.parametrize(
    "change",
    [
        {"payload": "e30"},
        {"payload": "e31="},
        {"payload": "e30=\n"},
        {"payload": "_-=="},
        {"payload": 5},
        {"payloadType": ""},
        {"payloadType": "a b"},
        {"payloadType": "é"},
        {"payloadType": None},
        {"signatures": {}},
        {"signatures": [[]]},
        {"signatures": [{"keyid": "A" * 64, "sig": base64.b64encode(bytes(64)).decode()}]},
        {"signatures": [{"keyid": "a" * 64, "sig": ""}]},
        {"signatures": [{"keyid": "a" * 64, "sig": base64.b64encode(bytes(64)).decode(), "cert": ""}]},
        {"extra": 1},
    ],
    ids=range(15),
)
def test_an_envelope_is_read_strictly(change: dict[str, Any]) -> None:
    mapping = envelope_mapping(sign_payload(TYPE, b"{}", [KEY])) | change
    with pytest.raises(InputError):
        parse_envelope(json.dumps(mapping).encode())


def test_an_envelope_is_bounded() -> None:
    many = tuple(Signature(key_id=f"{n:064x}", signature=bytes(64)) for n in range(MAX_SIGNATURES + 1))
    with pytest.raises(InputError):
        parse_envelope(dump_envelope(Envelope(payload_type=TYPE, payload=b"{}", signatures=many)))
    parse_envelope(dump_envelope(Envelope(payload_type=TYPE, payload=b"{}", signatures=many[1:])))
    with pytest.raises(InputError):
        parse_envelope(b" " * (MAX_ENVELOPE_BYTES + 1))


# --- members ----------------------------------------------------------------------------------------------


def test_members_are_read_by_kind_and_name_their_path() -> None:
    members = Members(
        {
            "t": "x",
            "l": ["a", "b"],
            "n": 3,
            "b": True,
            "at": "2026-07-04T00:00:00Z",
            "in": {"x": 1},
            "list": [{}],
        },
        "top",
    )
    assert members.text("t") == "x"
    assert members.texts("l") == ("a", "b")
    assert members.integer("n", least=3, most=3) == 3
    assert members.boolean("b") is True
    assert members.time_us("at") == 1_783_123_200_000_000
    assert members.one_of("t", ["x"]) == "x"
    assert members.parsed("t", str.upper) == "X"
    inner = members.table("in")
    assert inner.at("x") == "top.in.x"
    assert members.tables("list")[0].path == "top.list[0]"
    assert members.tables("none") == ()
    members.end()
    with pytest.raises(DocumentRefused) as caught:
        inner.end()
    assert (caught.value.code, caught.value.detail) == ("unknown-key", "`top.in.x` is not known here")


@pytest.mark.parametrize("value", [None, 1, 1.0, [], {}, "", "  ", "x" * 201, "a\x00", "\u202ea", "a\x7f"])
def test_what_is_no_readable_text_is_refused(value: object) -> None:
    with pytest.raises(DocumentRefused):
        Members({"a": value}).text("a")


def test_members_of_the_wrong_form_are_refused() -> None:
    members = Members(
        {"n": True, "b": 1, "l": ["a", "a"], "t": "x", "at": "2026-07-04", "far": "9000-01-01T00:00:00Z"}
    )
    reads = [
        lambda: members.integer("n", least=0, most=9),
        lambda: members.boolean("b"),
        lambda: members.texts("l"),
        lambda: members.texts("l", most=1),
        lambda: members.texts("t"),
        lambda: members.table("t"),
        lambda: members.tables("t"),
        lambda: members.tables("none", least=1),
        lambda: members.one_of("t", ["y"]),
        lambda: members.time_us("at"),
        lambda: members.time_us("far"),
        lambda: members.get("none"),
        lambda: Members([]),
    ]
    for read in reads:
        with pytest.raises(DocumentRefused) as caught:
            read()
        assert caught.value.code == "malformed"
