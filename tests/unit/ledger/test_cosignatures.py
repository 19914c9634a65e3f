"""Cosignatures in both forms: what is signed, byte for byte, and what does not verify."""

from __future__ import annotations

import struct
from hashlib import sha256

import pytest

from tests.keys import seeded
from tests.logs import ORIGIN, SIGNER
from wicketgate.base.errors import InputError, VerificationError
from wicketgate.ledger.cosignatures import (
    CosignatureKind,
    Cosigner,
    CosignerKey,
    Ed25519Cosigner,
    MlDsaCosigner,
    cosign,
    cosigned_at_s,
    cosigned_message,
    parse_cosigner,
)
from wicketgate.ledger.notes import Checkpoint, open_note, parse_note, sign_note

NAME = "witness.example/w1"
AT_S = 1_783_512_000
HEAD = Checkpoint(origin=ORIGIN, size=461, root=sha256(b"root").digest())
NOTE = sign_note(HEAD.to_text(), [SIGNER])
KEYS = (Ed25519Cosigner(name=NAME, private=seeded(bytes(range(32)))), MlDsaCosigner(NAME, bytes(range(32))))


@pytest.fixture(params=KEYS, ids=["ed25519", "ml-dsa-44"])
def key(request: pytest.FixtureRequest) -> CosignerKey:
    """A key of each form."""
    found: CosignerKey = request.param
    return found


def test_what_is_signed_is_what_the_specification_says() -> None:
    text = HEAD.to_text().encode()
    assert cosigned_message(CosignatureKind.ED25519, NAME, AT_S, text) == (
        b"cosignature/v1\ntime 1783512000\n" + text
    )
    assert cosigned_message(CosignatureKind.ML_DSA_44, NAME, AT_S, text) == (
        b"subtree/v1\n\0"
        + bytes([len(NAME)])
        + NAME.encode()
        + struct.pack(">Q", AT_S)
        + bytes([len(ORIGIN)])
        + ORIGIN.encode()
        + struct.pack(">QQ", 0, 461)
        + HEAD.root
    )


def test_a_line_verifies_beside_the_logs_own(key: CosignerKey) -> None:
    line = cosign(key, HEAD.to_text(), AT_S)
    note = NOTE + line.line.encode()
    opened = open_note(note, [SIGNER.verifier, key.cosigner])
    assert [one.name for one in opened.signatures] == [ORIGIN, NAME]
    assert cosigned_at_s(opened.signatures[1].signature) == AT_S
    # Whoever does not know the witness opens it as before, and an older program does.
    assert [one.name for one in open_note(note, [SIGNER.verifier]).signatures] == [ORIGIN]
    assert opened.dump() == note


def test_a_changed_bit_of_text_time_or_signature_does_not(key: CosignerKey) -> None:
    signature = cosign(key, HEAD.to_text(), AT_S).signature
    text = HEAD.to_text().encode()
    assert key.cosigner.verify(text, signature)
    for at in (0, 7, 8, len(signature) - 1):
        changed = bytearray(signature)
        changed[at] ^= 1
        assert not key.cosigner.verify(text, bytes(changed)), at
    other = Checkpoint(origin=ORIGIN, size=462, root=HEAD.root).to_text().encode()
    assert not key.cosigner.verify(other, signature)
    assert not key.cosigner.verify(text, signature[:-1])
    assert not key.cosigner.verify(b"no checkpoint\n", signature)


def test_an_extension_is_signed_by_ed25519_alone() -> None:
    more = Checkpoint(origin=ORIGIN, size=461, root=HEAD.root, extensions=("more",)).to_text().encode()
    for key, holds in zip(KEYS, (False, True), strict=True):
        assert key.cosigner.verify(more, cosign(key, HEAD.to_text(), AT_S).signature) is holds


def test_a_line_of_another_key_under_the_same_name_is_bad(key: CosignerKey) -> None:
    line = cosign(key, HEAD.to_text(), AT_S)
    forged = NOTE + line.line.encode().replace(b" ", b" ", 1)
    wrong = bytearray(parse_note(forged).signatures[1].signature)
    wrong[9] ^= 1
    changed = NOTE + type(line)(name=line.name, key_id=line.key_id, signature=bytes(wrong)).line.encode()
    with pytest.raises(VerificationError):
        open_note(changed, [SIGNER.verifier, key.cosigner])


def test_a_key_is_read_from_what_it_writes(key: CosignerKey) -> None:
    assert parse_cosigner(key.cosigner.vkey) == key.cosigner


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        SIGNER.vkey,  # a log's key cosigns nothing
        KEYS[0].cosigner.vkey[:-4],
        KEYS[1].cosigner.vkey[:-4],
        KEYS[0].cosigner.vkey.replace(NAME, "other.example"),
        "a+00000000+BA==",
        "a+00000000+",
    ],
)
def test_what_is_no_cosigners_key_is_refused(vkey: str) -> None:
    with pytest.raises(InputError):
        parse_cosigner(vkey)


def test_names_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError):
        Cosigner(name=NAME, kind=CosignatureKind.ED25519, public=bytes(31))
    with pytest.raises(InputError):
        MlDsaCosigner(NAME, bytes(31))
    with pytest.raises(InputError):
        cosign(MlDsaCosigner("w" * 256, bytes(32)), HEAD.to_text(), AT_S)
