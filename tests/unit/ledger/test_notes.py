from __future__ import annotations

import base64
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.keys import seeded
from tests.logs import ORIGIN, OTHER_SIGNER, SIGNER, b64
from wicketgate.base.errors import InputError, VerificationError
from wicketgate.ledger.merkle import EMPTY_ROOT
from wicketgate.ledger.notes import (
    MAX_NOTE_BYTES,
    MAX_SIGNATURES,
    MAX_TREE_SIZE,
    Checkpoint,
    NoteSigner,
    NoteVerifier,
    open_checkpoint,
    open_note,
    parse_checkpoint,
    parse_note,
    parse_vkey,
    sign_note,
    unverified_checkpoint,
)

# The example of the Go authors' documentation of golang.org/x/mod/sumdb/note.
GO_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_SEED = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_TEXT = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
)
GO_SIGNATURE = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
GO_NOTE = f"{GO_TEXT}\n— PeterNeumann {GO_SIGNATURE}\n".encode()

ROOT = bytes(range(32))
TEXT = f"{ORIGIN}\n5\n{b64(ROOT)}\n"


def test_a_note_of_the_go_authors_opens() -> None:
    verifier = parse_vkey(GO_VKEY)
    assert verifier.vkey == GO_VKEY
    opened = open_note(GO_NOTE, [verifier])
    assert opened.text == GO_TEXT
    assert [line.name for line in opened.signatures] == ["PeterNeumann"]


def test_their_key_signs_their_note_to_the_byte() -> None:
    private = seeded(base64.b64decode(GO_SEED)[1:])
    signer = NoteSigner(name="PeterNeumann", private=private)
    assert signer.vkey == GO_VKEY
    assert sign_note(GO_TEXT, [signer]) == GO_NOTE


def test_the_key_id_is_over_name_type_and_key() -> None:
    other_name = NoteVerifier(name="another", public=SIGNER.verifier.public)
    assert len({SIGNER.verifier.key_id, OTHER_SIGNER.verifier.key_id, other_name.key_id}) == 3


def test_lines_of_unknown_keys_are_ignored() -> None:
    witness = NoteSigner(name="witness.example", private=OTHER_SIGNER.private)
    note = sign_note(TEXT, [witness, SIGNER])
    assert [line.name for line in open_note(note, [SIGNER.verifier]).signatures] == [ORIGIN]
    assert len(open_note(note, [SIGNER.verifier, witness.verifier]).signatures) == 2
    assert len(parse_note(note).signatures) == 2


def test_a_signature_of_another_type_fits_in_beside() -> None:
    class Everything:
        name = "witness.example"
        key_id = b"\x04\x04\x04\x04"

        def verify(self, text: bytes, signature: bytes) -> bool:
            return signature == b"timestamp and signature"

    line = f"— witness.example {b64(Everything.key_id + b'timestamp and signature')}\n"
    note = sign_note(TEXT, [SIGNER]) + line.encode()
    assert len(open_note(note, [SIGNER.verifier, Everything()]).signatures) == 2
    assert len(open_note(note, [SIGNER.verifier]).signatures) == 1


def test_a_repeated_line_counts_once() -> None:
    note = sign_note(TEXT, [SIGNER, SIGNER])
    assert len(open_note(note, [SIGNER.verifier]).signatures) == 1


def test_no_trusted_key_is_a_refusal() -> None:
    note = sign_note(TEXT, [SIGNER])
    with pytest.raises(VerificationError, match="no signature of a trusted key"):
        open_note(note, [OTHER_SIGNER.verifier])
    with pytest.raises(VerificationError, match="none is trusted"):
        open_note(note, [])


def test_a_bad_line_of_a_trusted_key_spoils_the_note() -> None:
    bad = sign_note("another text\n", [OTHER_SIGNER]).split(b"\n\n")[1]
    note = sign_note(TEXT, [SIGNER]) + bad
    assert open_note(note, [SIGNER.verifier]).text == TEXT
    with pytest.raises(VerificationError, match="is not over this text"):
        open_note(note, [SIGNER.verifier, OTHER_SIGNER.verifier])


@pytest.mark.parametrize("place", range(0, 40, 3))
def test_a_changed_text_does_not_verify(place: int) -> None:
    note = bytearray(sign_note(TEXT, [SIGNER]))
    note[place] ^= 1
    with pytest.raises((VerificationError, InputError)):
        open_note(bytes(note), [SIGNER.verifier])


def test_a_text_may_hold_blank_lines_and_dashes() -> None:
    text = "one\n\n— two three\n\n\n"
    assert open_note(sign_note(text, [SIGNER]), [SIGNER.verifier]).text == text


@pytest.mark.parametrize("text", ["", "no newline", "a\ttab\n", "a\rreturn\n", "\ud800\n"])
def test_texts_that_cannot_be_signed(text: str) -> None:
    with pytest.raises(InputError):
        sign_note(text, [SIGNER])


def test_a_note_needs_a_signer() -> None:
    with pytest.raises(InputError):
        sign_note(TEXT, [])


LINE = f"— a {b64(b'12345')}\n"
BAD_NOTES = {
    "empty": "",
    "no blank line": f"text\n{LINE}",
    "no signature": "text\n\n",
    "no last newline": f"text\n\n{LINE}"[:-1],
    "hyphen": f"text\n\n- a {b64(b'12345')}\n",
    "no name": f"text\n\n— {b64(b'12345')}\n",
    "empty name": f"text\n\n—  {b64(b'12345')}\n",
    "plus in a name": f"text\n\n— a+b {b64(b'12345')}\n",
    "wide space in a name": f"text\n\n— a\u2003b {b64(b'12345')}\n",
    "key id only": f"text\n\n— a {b64(b'1234')}\n",
    "not base64": "text\n\n— a $$$$$$$$\n",
    "base64 without padding": "text\n\n— a MTIzNDU\n",
    "base64 with stray bits": "text\n\n— a MTIzNDV=\n",
    "base64 and a space": "text\n\n— a MTIzNDU= \n",
    "a bad line among good ones": f"text\n\n{LINE}rubbish\n{LINE}",
    "carriage returns": f"text\r\n\r\n{LINE}",
    "too many": "text\n\n" + LINE * (MAX_SIGNATURES + 1),
    "too large": "a" * MAX_NOTE_BYTES + f"\n\n{LINE}",
}


@pytest.mark.parametrize("case", BAD_NOTES)
def test_malformed_notes(case: str) -> None:
    with pytest.raises(InputError):
        parse_note(BAD_NOTES[case].encode())


def test_as_many_signatures_as_the_specification_demands() -> None:
    line = f"— a {b64(bytes(5000))}\n"
    assert len(parse_note(f"text\n\n{line * 16}".encode()).signatures) == 16


def test_a_note_that_is_not_utf8() -> None:
    with pytest.raises(InputError, match="UTF-8"):
        parse_note(b"\xff\n\n" + LINE.encode())


@given(st.binary(max_size=200) | st.text("a\n— +=\r", max_size=60).map(str.encode))
def test_any_bytes_are_a_note_or_an_input_error(data: bytes) -> None:
    try:
        note = parse_note(data)
    except InputError:
        return
    assert note.text.encode() == data[: len(note.text.encode())]


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "name",
        "name+00000000",
        GO_VKEY.replace("c74f20a3", "c74f20a4"),
        GO_VKEY.replace("c74f20a3", "C74F20A3"),
        GO_VKEY.replace("PeterNeumann", "Peter Neumann"),
        GO_VKEY.replace("+ARpc", "+BRpc"),
        GO_VKEY[:-4],
        GO_VKEY + "\n",
        "x" * 2000,
    ],
)
def test_malformed_verifier_keys(vkey: str) -> None:
    with pytest.raises(InputError):
        parse_vkey(vkey)


@given(st.text(max_size=60))
def test_any_text_is_a_verifier_key_or_an_input_error(text: str) -> None:
    for candidate in (text, f"{text}+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"):
        with contextlib.suppress(InputError):
            assert parse_vkey(candidate).vkey == candidate


@pytest.mark.parametrize("signature", [b"", bytes(63), bytes(64), bytes(65)])
def test_signatures_of_any_length_are_only_false(signature: bytes) -> None:
    assert not SIGNER.verifier.verify(b"text", signature)


def test_a_public_key_of_another_length_is_refused() -> None:
    with pytest.raises(InputError):
        NoteVerifier(name="a", public=bytes(31))


def test_a_checkpoint_and_its_text() -> None:
    checkpoint = Checkpoint(origin=ORIGIN, size=5, root=ROOT)
    assert checkpoint.to_text() == TEXT
    assert parse_checkpoint(TEXT) == checkpoint
    assert open_checkpoint(sign_note(TEXT, [SIGNER]), [SIGNER.verifier]) == checkpoint


def test_a_checkpoint_can_be_read_from_a_note_that_anybody_signed() -> None:
    note = sign_note(TEXT, [SIGNER])
    checkpoint = Checkpoint(origin=ORIGIN, size=5, root=ROOT)
    assert unverified_checkpoint(note) == unverified_checkpoint(note[:-9] + b"AAAAAAA=\n") == checkpoint
    for other in (TEXT.encode(), b"", note[:-1], sign_note("two\nlines\n", [SIGNER])):
        with pytest.raises(InputError):
            unverified_checkpoint(other)


def test_the_checkpoint_of_the_specification() -> None:
    # C2SP tlog-checkpoint, its first example.
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    checkpoint = parse_checkpoint(text)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint.to_text() == text


def test_extension_lines_are_kept() -> None:
    checkpoint = parse_checkpoint(f"{TEXT}one\ntwo\n")
    assert checkpoint.extensions == ("one", "two")
    assert checkpoint.to_text() == f"{TEXT}one\ntwo\n"


R = b64(ROOT)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        f"{ORIGIN}\n5\n",
        f"{ORIGIN}\n5\n{R}",
        f"\n5\n{R}\n",
        f"{ORIGIN}\n05\n{R}\n",
        f"{ORIGIN}\n-5\n{R}\n",
        f"{ORIGIN}\n+5\n{R}\n",
        f"{ORIGIN}\n5 \n{R}\n",
        f"{ORIGIN}\n٥\n{R}\n",
        f"{ORIGIN}\n1_0\n{R}\n",
        f"{ORIGIN}\n{MAX_TREE_SIZE + 1}\n{R}\n",
        f"{ORIGIN}\n{10**40}\n{R}\n",
        f"{ORIGIN}\n5\n{R[:-4]}\n",
        f"{ORIGIN}\n5\n{R} \n",
        f"{ORIGIN}\n5\n{R}\n\n",
        f"{ORIGIN}\n5\n{R}\n\nx\n",
        f"{ORIGIN}\t\n5\n{R}\n",
        f"{'a' * MAX_NOTE_BYTES}\n5\n{R}\n",
    ],
)
def test_malformed_checkpoints(text: str) -> None:
    with pytest.raises(InputError):
        parse_checkpoint(text)


@given(st.text(max_size=80) | st.from_regex(r"[a\n]{1,3}\n[0-9]{1,4}\n.{0,50}\n", fullmatch=True))
def test_any_text_is_a_checkpoint_or_an_input_error(text: str) -> None:
    with contextlib.suppress(InputError):
        assert parse_checkpoint(text).to_text() == text


@pytest.mark.parametrize(
    "values",
    [
        {"origin": ""},
        {"origin": "two\nlines"},
        {"size": -1},
        {"size": MAX_TREE_SIZE + 1},
        {"root": b""},
        {"extensions": ("",)},
    ],
)
def test_values_that_no_checkpoint_has(values: dict[str, object]) -> None:
    with pytest.raises(InputError):
        Checkpoint(**({"origin": ORIGIN, "size": 0, "root": EMPTY_ROOT} | values))  # type: ignore[arg-type]
