"""Signed notes and checkpoints, with Ed25519 keys.

C2SP signed-note 1.0 and tlog-checkpoint 1.0; keys are of type 0x01. A note is a text and, after a blank line,
signature lines `— name base64(key id || signature)`. Other kinds of signature fit in beside these: whatever has a
name, a four-byte key id and `verify` is a `Verifier`. A line of a key that nobody asked about is ignored, as the
specification demands: so witnesses can cosign.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from wicketgate.base.errors import InputError, VerificationError
from wicketgate.base.signing import Signer

MAX_NOTE_BYTES = 256 * 1024  # room for 16 post-quantum signatures, which the specification demands
MAX_SIGNATURES = 64
MAX_TREE_SIZE = 2**63 - 1

_ED25519 = b"\x01"
_MOST_VKEY = 4096  # one of ML-DSA-44 has 1,752 letters beside its name
_DASH = "\u2014 "
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_KEY_ID = re.compile(r"[0-9a-f]{8}")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\ud800-\udfff]")  # and what cannot be UTF-8


class Verifier(Protocol):
    """A judge of a note's signature lines."""

    @property
    def name(self) -> str:
        """The key's name as it stands in the signature line."""
        ...

    @property
    def key_id(self) -> bytes:
        """The four bytes before the signature."""
        ...

    def verify(self, text: bytes, signature: bytes) -> bool:
        """Return whether `signature` (without the key id) is this key's over `text`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteVerifier:
    """An Ed25519 public key with a name.

    Parameters
    ----------
    name : str
        Not empty, without spaces and `+`.
    public : bytes
        The raw 32 bytes.
    """

    name: str
    public: bytes

    def __post_init__(self) -> None:
        _check_name(self.name)
        if len(self.public) != 32:
            raise InputError("an Ed25519 public key has 32 bytes")

    @property
    def key_id(self) -> bytes:
        """The first four bytes of SHA-256(name || 0x0A || 0x01 || public key)."""
        return sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:4]

    @property
    def vkey(self) -> str:
        """The verifier key as text.

        It has the form `name+key id in hex+base64(0x01 || public key)`.
        """
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(_ED25519 + self.public).decode()}"

    def verify(self, text: bytes, signature: bytes) -> bool:
        """Return whether `signature` is this key's over `text` (RFC 8032)."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteSigner:
    """An Ed25519 private key with a name.

    A text is never signed two ways (RFC 8032 is deterministic).
    """

    name: str
    private: Signer

    def __post_init__(self) -> None:
        _check_name(self.name)

    @property
    def verifier(self) -> NoteVerifier:
        """The public half."""
        return NoteVerifier(name=self.name, public=self.private.public)

    @property
    def vkey(self) -> str:
        """The public half as text (`NoteVerifier.vkey`)."""
        return self.verifier.vkey

    def sign(self, text: bytes) -> bytes:
        """Return the signature over `text`, without the key id."""
        return self.private.sign(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteSignature:
    """One signature line of a note.

    It proves nothing before a `Verifier` has looked at it.
    """

    name: str
    key_id: bytes
    signature: bytes

    @property
    def line(self) -> str:
        """The line, with its newline."""
        return f"{_DASH}{self.name} {base64.b64encode(self.key_id + self.signature).decode()}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A text with its signature lines.

    Parameters
    ----------
    text : str
        With its last newline.
    signatures : tuple of Signature
        In `parse_note` all lines; in `open_note` those that were verified.
    """

    text: str
    signatures: tuple[NoteSignature, ...]

    def dump(self) -> bytes:
        """Return the note as it is sent."""
        return f"{self.text}\n{''.join(one.line for one in self.signatures)}".encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The head of a log: origin, number of entries, root hash (C2SP tlog-checkpoint).

    Parameters
    ----------
    origin : str
        The log's identity; one line.
    size : int
        Number of entries.
    root : bytes
        The Merkle tree hash, 32 bytes.
    extensions : tuple of str
        Further lines, not empty; Wicketgate writes none.
    """

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for line in (self.origin, *self.extensions):
            if not line or "\n" in line or _CONTROL.search(line):
                raise InputError("a line of a checkpoint is empty or holds a control character")
        if not 0 <= self.size <= MAX_TREE_SIZE:
            raise InputError(f"a checkpoint's size cannot be {self.size}")
        if len(self.root) != 32:
            raise InputError("a checkpoint's root has 32 bytes")

    def to_text(self) -> str:
        """Return the note text, as signed."""
        lines = (self.origin, str(self.size), base64.b64encode(self.root).decode(), *self.extensions)
        return "".join(f"{line}\n" for line in lines)


def parse_checkpoint(text: str) -> Checkpoint:
    """Return the checkpoint of a note text.

    Raises
    ------
    InputError
        If `text` is not precisely what `Checkpoint.to_text` gives.
    """
    if len(text) > MAX_NOTE_BYTES:
        raise InputError(f"a checkpoint of more than {MAX_NOTE_BYTES} characters")
    lines = text.split("\n")
    if len(lines) < 4 or lines.pop() != "":
        raise InputError("a checkpoint has an origin, a size and a root, a line each")
    origin, size, encoded, *extensions = lines
    if not _SIZE.fullmatch(size):
        raise InputError("the size of a checkpoint is not a plain decimal number")
    return Checkpoint(origin=origin, size=int(size), root=_base64(encoded), extensions=tuple(extensions))


def parse_vkey(vkey: str) -> NoteVerifier:
    """Return the verifier of a verifier key `name+key id+base64`.

    Raises
    ------
    InputError
        If it is none, is not for Ed25519, or its key id does not fit.
    """
    name, key_id, key = split_vkey(vkey)
    if key[:1] != _ED25519:
        raise InputError("a verifier key that is not for Ed25519 (type 0x01)")
    verifier = NoteVerifier(name=name, public=key[1:])
    if verifier.key_id.hex() != key_id:
        raise InputError("the key id of a verifier key does not fit its name and key")
    return verifier


def split_vkey(vkey: str) -> tuple[str, str, bytes]:
    """Return the name, the key id in hexadecimal and the key, its type before it, of a verifier key of any type.

    Raises
    ------
    InputError
        If it is none. Whether the key id fits is for whoever knows the type.
    """
    # The base64 may hold `+`; name and key id may not.
    parts = vkey.split("+", 2) if len(vkey) <= _MOST_VKEY else []
    if len(parts) != 3 or not _KEY_ID.fullmatch(parts[1]):
        raise InputError("a verifier key has the form `name+key id+base64`")
    _check_name(parts[0])
    return parts[0], parts[1], _base64(parts[2])


def sign_note(text: str, signers: Sequence[NoteSigner]) -> bytes:
    """Return `text` as a note, a signature line for each signer.

    The lines are in the signers' order.

    Raises
    ------
    InputError
        If `text` does not end in a newline or holds control characters, or there is no signer.
    """
    if not text.endswith("\n") or _CONTROL.search(text):
        raise InputError("the text of a note ends in a newline and holds no control characters")
    if not signers:
        raise InputError("a note needs a signature")
    message = text.encode()
    signatures = (
        NoteSignature(name=one.name, key_id=one.verifier.key_id, signature=one.sign(message))
        for one in signers
    )
    return Note(text=text, signatures=tuple(signatures)).dump()


def parse_note(note: bytes) -> Note:
    """Return a note's text and signature lines, none verified.

    Raises
    ------
    InputError
        If `note` is not one, is larger than `MAX_NOTE_BYTES` or has more than `MAX_SIGNATURES` signatures.
    """
    if len(note) > MAX_NOTE_BYTES:
        raise InputError(f"a note of more than {MAX_NOTE_BYTES} bytes")
    try:
        whole = note.decode()
    except UnicodeDecodeError as error:
        raise InputError("a note that is not UTF-8") from error
    if _CONTROL.search(whole):
        raise InputError("a note that holds control characters")
    # The last blank line divides: the text may hold blank lines of its own.
    text, blank, rest = whole.rpartition("\n\n")
    if not blank or not rest.endswith("\n"):
        raise InputError("a note is a text, a blank line and signature lines")
    lines = rest[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise InputError(f"a note with more than {MAX_SIGNATURES} signatures")
    return Note(text=f"{text}\n", signatures=tuple(_parse_line(line) for line in lines))


def open_note(note: bytes, verifiers: Sequence[Verifier]) -> Note:
    """Return a note's text and the signatures found good by `verifiers`.

    Parameters
    ----------
    note : bytes
        As received.
    verifiers : sequence of Verifier
        The keys that are trusted. Lines of other keys are ignored.

    Returns
    -------
    Note
        With at least one signature, each of them verified, none of a key twice.

    Raises
    ------
    InputError
        If `note` is not one.
    VerificationError
        If a line of a trusted key is bad, or no line is of a trusted key.
    """
    parsed = parse_note(note)
    text = parsed.text.encode()
    known = {(verifier.name, verifier.key_id): verifier for verifier in verifiers}
    good: dict[tuple[str, bytes], NoteSignature] = {}
    for line in parsed.signatures:
        key = (line.name, line.key_id)
        verifier = known.get(key)
        if verifier is None or key in good:
            continue
        if not verifier.verify(text, line.signature):
            raise VerificationError(f"the signature of `{line.name}` is not over this text")
        good[key] = line
    if not good:
        names = ", ".join(sorted({f"`{verifier.name}+{verifier.key_id.hex()}`" for verifier in verifiers}))
        raise VerificationError(f"no signature of a trusted key ({names or 'none is trusted'})")
    return Note(text=parsed.text, signatures=tuple(good.values()))


def open_checkpoint(note: bytes, verifiers: Sequence[Verifier]) -> Checkpoint:
    """Return the checkpoint in a signed note.

    Raises
    ------
    InputError
        If `note` is not a note or its text no checkpoint.
    VerificationError
        As `open_note`.
    """
    return parse_checkpoint(open_note(note, verifiers).text)


def unverified_checkpoint(note: bytes) -> Checkpoint:
    """Return the checkpoint in a note, whoever signed it.

    It proves nothing.

    Raises
    ------
    InputError
        If `note` is not a note or its text no checkpoint.
    """
    return parse_checkpoint(parse_note(note).text)


def _parse_line(line: str) -> NoteSignature:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space:
        raise InputError("a signature line that is not `\u2014 name base64`")
    _check_name(name)
    value = _base64(encoded)
    if len(value) < 5:
        raise InputError("a signature line without a signature")
    return NoteSignature(name=name, key_id=value[:4], signature=value[4:])


def _check_name(name: str) -> None:
    if not name or "+" in name or _CONTROL.search(name) or any(letter.isspace() for letter in name):
        raise InputError("a key's name is not empty and holds no space and no `+`")


def _base64(encoded: str) -> bytes:
    try:
        value = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError("a value that is not base64") from error
    # Bits that are dropped would let one value be written two ways.
    if base64.b64encode(value).decode() != encoded:
        raise InputError("a value that is not canonical base64")
    return value
