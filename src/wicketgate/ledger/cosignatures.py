"""Cosignatures of checkpoints, in both forms of C2SP tlog-cosignature: Ed25519 (0x04) and ML-DSA-44 (0x06).

Whoever cosigns says: of all trees of this origin that I have seen, this one is the largest, and each earlier one is its
beginning. A cosignature is a signature line of a note, and a `Cosigner` is a `Verifier` of notes.
"""

from __future__ import annotations

import base64
import enum
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from wicketgate.base.errors import InputError
from wicketgate.base.signing import Signer
from wicketgate.ledger.notes import NoteSignature, parse_checkpoint, split_vkey

_TIME_BYTES: Final = 8
_LATEST_S: Final = 2**63 - 1
_LABEL: Final = b"subtree/v1\n\0"
MOST_NAME: Final = 255
"""The most bytes of a name or an origin in the form of ML-DSA-44."""


class CosignatureKind(enum.IntEnum):
    """The forms, by the byte that stands before the public key."""

    ED25519 = 0x04
    ML_DSA_44 = 0x06

    @property
    def public_bytes(self) -> int:
        """The length of a public key."""
        return 32 if self is CosignatureKind.ED25519 else 1312

    @property
    def signature_bytes(self) -> int:
        """The length of a signature, without the time before it."""
        return 64 if self is CosignatureKind.ED25519 else 2420


@dataclass(frozen=True, slots=True, kw_only=True)
class Cosigner:
    """One public key of whoever cosigns, with a name.

    Parameters
    ----------
    name : str
        As it stands in signature lines; by custom an address without `https://`.
    public : bytes
        The raw public key.
    """

    name: str
    kind: CosignatureKind
    public: bytes

    def __post_init__(self) -> None:
        if len(self.public) != self.kind.public_bytes:
            raise InputError(f"a public key of this kind has {self.kind.public_bytes} bytes")

    @property
    def key_id(self) -> bytes:
        """The first four bytes of SHA-256(name || 0x0A || kind || public key)."""
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4]

    @property
    def vkey(self) -> str:
        """The key as text: `name+key id in hex+base64(kind || public key)`."""
        encoded = base64.b64encode(bytes([self.kind]) + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"

    def verify(self, text: bytes, signature: bytes) -> bool:
        """Return whether `signature`, its time before it, is this key's over the checkpoint in `text`."""
        at_s = int.from_bytes(signature[:_TIME_BYTES], "big")
        if len(signature) != _TIME_BYTES + self.kind.signature_bytes or at_s > _LATEST_S:
            return False
        try:
            message = cosigned_message(self.kind, self.name, at_s, text)
            if self.kind is CosignatureKind.ED25519:
                Ed25519PublicKey.from_public_bytes(self.public).verify(signature[_TIME_BYTES:], message)
            else:
                MLDSA44PublicKey.from_public_bytes(self.public).verify(signature[_TIME_BYTES:], message)
        except (InputError, InvalidSignature, ValueError):
            return False
        return True


def parse_cosigner(vkey: str) -> Cosigner:
    """Return the cosigner of a verifier key.

    Raises
    ------
    InputError
        If it is none, is of another kind, or its key id does not fit.
    """
    name, key_id, key = split_vkey(vkey)
    try:
        kind = CosignatureKind(key[0])
    except (IndexError, ValueError) as error:
        raise InputError("a verifier key that is not for cosignatures (type 0x04 or 0x06)") from error
    cosigner = Cosigner(name=name, kind=kind, public=key[1:])
    if cosigner.key_id.hex() != key_id:
        raise InputError("the key id of a verifier key does not fit its name and key")
    return cosigner


def cosigned_at_s(signature: bytes) -> int:
    """Return the second at which a cosignature says that it was made, of one that was verified."""
    return int.from_bytes(signature[:_TIME_BYTES], "big")


def cosigned_message(kind: CosignatureKind, name: str, at_s: int, text: bytes) -> bytes:
    """Return what is signed of a checkpoint.

    Parameters
    ----------
    name : str
        The cosigner's. The form of Ed25519 does not hold it, so that one such key has one name.
    at_s : int
        When, seconds since the epoch.
    text : bytes
        The note's text. Lines behind the root are signed in the form of Ed25519 alone, which says nothing of them.

    Raises
    ------
    InputError
        If `text` is no checkpoint, or a name too long for the form.
    """
    if kind is CosignatureKind.ED25519:
        return b"cosignature/v1\ntime %d\n" % at_s + text
    try:
        checkpoint = parse_checkpoint(text.decode())
    except UnicodeDecodeError as error:
        raise InputError("a checkpoint that is not UTF-8") from error
    return b"".join(
        (
            _LABEL,
            _short(name),
            at_s.to_bytes(8, "big"),
            _short(checkpoint.origin),
            (0).to_bytes(8, "big"),
            checkpoint.size.to_bytes(8, "big"),
            checkpoint.root,
        )
    )


def _short(text: str) -> bytes:
    encoded = text.encode()
    if not 0 < len(encoded) <= MOST_NAME:
        raise InputError(
            f"a name or an origin of more than {MOST_NAME} bytes cannot be cosigned in this form"
        )
    return bytes([len(encoded)]) + encoded


class CosignerKey(Protocol):
    """A private key that cosigns."""

    @property
    def cosigner(self) -> Cosigner:
        """The public half."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Return the signature over a message."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ed25519Cosigner:
    """An Ed25519 key that cosigns under a name. No other name may have the same key."""

    name: str
    private: Signer

    @property
    def cosigner(self) -> Cosigner:
        """The public half."""
        return Cosigner(name=self.name, kind=CosignatureKind.ED25519, public=self.private.public)

    def sign(self, message: bytes) -> bytes:
        """Return the signature over a message."""
        return self.private.sign(message)


class MlDsaCosigner:
    """An ML-DSA-44 key that cosigns under a name.

    Parameters
    ----------
    seed : bytes
        The private key: 32 bytes (FIPS 204).
    """

    def __init__(self, name: str, seed: bytes) -> None:
        try:
            self._private = MLDSA44PrivateKey.from_seed_bytes(seed)
        except ValueError as error:
            raise InputError("the seed of an ML-DSA-44 key has 32 bytes") from error
        self.cosigner: Cosigner = Cosigner(
            name=name,
            kind=CosignatureKind.ML_DSA_44,
            public=self._private.public_key().public_bytes_raw(),
        )

    def sign(self, message: bytes) -> bytes:
        """Return the signature over a message: another one each time."""
        return self._private.sign(message)


def cosign(key: CosignerKey, text: str, at_s: int) -> NoteSignature:
    """Return a cosignature over a checkpoint's text.

    Raises
    ------
    InputError
        As `cosigned_message`.
    """
    cosigner = key.cosigner
    message = cosigned_message(cosigner.kind, cosigner.name, at_s, text.encode())
    signature = at_s.to_bytes(_TIME_BYTES, "big") + key.sign(message)
    return NoteSignature(name=cosigner.name, key_id=cosigner.key_id, signature=signature)
