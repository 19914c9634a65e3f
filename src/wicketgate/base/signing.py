"""Canonical JSON, Ed25519 keys and DSSE envelopes.

What was signed is read strictly. Canonical JSON is RFC 8785. Envelopes are DSSE v1
(https://github.com/secure-systems-lab/dsse). Signatures are Ed25519 (RFC 8032). Nothing here reaches a clock; the
only files are key files.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import rfc8785
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from wicketgate.base import passphrases
from wicketgate.base.errors import ConfigurationError, DocumentRefused, InputError, SignerError
from wicketgate.base.plain_json import is_plain, write_plain

MAX_ENVELOPE_BYTES = 1 << 16
"""The longest envelope that is read."""

MAX_SIGNATURES = 64
"""The most signatures that one envelope may carry."""

ENVELOPE_TYPE = "application/vnd.dsse.envelope.v1+json"
"""The media type of a DSSE envelope."""

_MAX_DEPTH = 32
_KEY_PREFIX = "ed25519:"
_HEX64 = re.compile(r"[0-9a-f]{64}", re.ASCII)


_P = 2**255 - 19
# The y coordinates of the eight points of small order: a signature under such a key proves nothing.
_SMALL_ORDER_Y = frozenset(
    {
        0,
        1,
        _P - 1,
        int.from_bytes(
            bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"
        ),
        int.from_bytes(
            bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little"
        ),
    }
)


# --- canonical JSON ---------------------------------------------------------------------------------------


def canonical(value: object) -> bytes:
    """Return `value` as canonical JSON (RFC 8785).

    Raises
    ------
    InputError
        If `value` has no such form: not JSON, a number that JSON cannot hold, broken Unicode, too deep.
    """
    try:
        if is_plain(value):
            return write_plain(value)
        return rfc8785.dumps(value)  # type: ignore[arg-type]  # what is not JSON raises below
    except (rfc8785.CanonicalizationError, UnicodeError, RecursionError) as error:
        raise InputError("a value that has no canonical JSON form") from error


def parse_canonical(data: bytes) -> dict[str, Any]:
    """Return the JSON object of canonical bytes (RFC 8785).

    An object has one canonical form only, and `data` must be it.

    Raises
    ------
    InputError
        If `data` is not JSON, not an object, repeats a key, nests deeper than 32, or is not canonical.
    """
    value = parse_json(data)
    if not isinstance(value, dict):
        raise InputError("the payload is not a JSON object")
    _check_depth(value, _MAX_DEPTH)
    if canonical(value) != data:
        raise InputError("the payload is not canonical JSON (RFC 8785)")
    return value


def parse_json(data: bytes) -> Any:
    """Return the JSON value of `data`, without repeated keys.

    Raises
    ------
    InputError
        If `data` is not UTF-8, not JSON, or repeats a key.
    """
    try:
        return json.loads(
            data.decode("utf-8"), object_pairs_hook=_distinct_keys, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError) as error:
        raise InputError("not JSON, or JSON with a repeated key") from error


def _distinct_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("repeated key")
    return table


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


def _check_depth(value: object, left: int) -> None:
    if left == 0:
        raise InputError("the payload nests too deep")
    if isinstance(value, dict):
        for item in value.values():
            _check_depth(item, left - 1)
    elif isinstance(value, list):
        for item in value:
            _check_depth(item, left - 1)


# --- keys -------------------------------------------------------------------------------------------------


class Signer(Protocol):
    """A holder of a private key: a file, a token, a key service.

    It may be slow, ask its owner, or fail. What it answers is verified before it is used (`add_signature`).
    """

    @property
    def public(self) -> bytes:
        """The raw public key, 32 bytes."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Return the Ed25519 signature over `message`, 64 bytes.

        Raises
        ------
        SignerError
            If it cannot be reached, or does not sign.
        """
        ...


class PrivateKey:
    """An Ed25519 private key held in memory.

    It is a `Signer`.
    """

    __slots__ = ("_key", "_public")

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self._public = key.public_key().public_bytes_raw()

    @classmethod
    def generate(cls) -> PrivateKey:
        """Return a new random key."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_pem(cls, data: bytes, passphrase: bytes | None = None) -> PrivateKey:
        """Return the key of a PKCS#8 PEM text.

        Lines before `-----BEGIN` are ignored (RFC 7468).

        Parameters
        ----------
        passphrase : bytes or None
            Of an encrypted key; None takes only one that is not.

        Raises
        ------
        InputError
            If `data` is no Ed25519 key, or not one that `passphrase` opens.
        """
        start = data.find(b"-----BEGIN")
        try:
            key = load_pem_private_key(data[max(start, 0) :], password=passphrase)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            what = (
                "an unencrypted PKCS#8 PEM private key" if passphrase is None else "a key of this passphrase"
            )
            raise InputError(f"not {what}") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise InputError("a private key, but not an Ed25519 one")
        return cls(key)

    @classmethod
    def load(cls, path: Path) -> PrivateKey:
        """Return the key in the file `path`.

        The file is not encrypted; officers' files are opened by `clients.officer.keyfiles.open_signer`.

        Raises
        ------
        ConfigurationError
            If the file cannot be read or holds no such key.
        """
        try:
            return cls.from_pem(path.read_bytes())
        except (OSError, InputError) as error:
            raise ConfigurationError(f"`{path}` is not a usable key file: {error}") from error

    def pem(self, passphrase: bytes | None = None) -> bytes:
        """Return the key as a PKCS#8 PEM text.

        It is encrypted where there is a passphrase.
        """
        if passphrase is None:
            return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        der = self._key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        salt, iv = os.urandom(passphrases.SALT_BYTES), os.urandom(passphrases.IV_BYTES)
        return passphrases.encrypt(der, passphrase, salt=salt, iv=iv)

    def save(self, path: Path, *, label: str | None = None, passphrase: bytes | None = None) -> None:
        """Write the key to a new file of mode 0600.

        `label` stands before it as a comment line. A crash here leaves at worst an incomplete file, which `load`
        refuses and which this never overwrites.

        Raises
        ------
        ConfigurationError
            If the file exists already or cannot be written.
        """
        text = (f"# {label}\n".encode() if label else b"") + self.pem(passphrase)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise ConfigurationError(f"cannot write a new key file `{path}`: {error.strerror}") from error

    @property
    def public(self) -> bytes:
        """The raw public key, 32 bytes."""
        return self._public

    def sign(self, message: bytes) -> bytes:
        """Return the Ed25519 signature over `message`, 64 bytes."""
        return self._key.sign(message)


def key_id(public: bytes) -> str:
    """Return the DSSE `keyid` of a raw public key.

    That is the lower-case hex SHA-256 over its 32 bytes.
    """
    return hashlib.sha256(public).hexdigest()


def format_public(public: bytes) -> str:
    """Return a raw public key as documents write it: `ed25519:` and base64."""
    return _KEY_PREFIX + base64.b64encode(public).decode("ascii")


def parse_public(text: str) -> bytes:
    """Return the raw public key of `ed25519:<base64>`.

    One point has one accepted form, so that equal bytes are equal keys: encodings that are not reduced, and
    points of small order, are refused (RFC 8032, section 5.1.3).

    Raises
    ------
    InputError
        If `text` is no such key.
    """
    if not text.startswith(_KEY_PREFIX):
        raise InputError("a public key is written as `ed25519:` and base64")
    public = _base64(text[len(_KEY_PREFIX) :])
    if len(public) != 32:
        raise InputError("an Ed25519 public key has 32 bytes")
    y = int.from_bytes(public, "little") & ((1 << 255) - 1)
    if y >= _P or y in _SMALL_ORDER_Y:
        raise InputError("an Ed25519 public key that is not a canonical point of full order")
    return public


def verify_signature(public: bytes, message: bytes, signature: bytes) -> bool:
    """Return whether `signature` is of the key `public` over `message`.

    The key is raw, 32 bytes.
    """
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


# --- DSSE -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One signature of an envelope.

    `key_id` says which key is claimed, and proves nothing.
    """

    key_id: str
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A DSSE v1 envelope: a payload, its type, and signatures over both."""

    payload_type: str
    payload: bytes
    signatures: tuple[Signature, ...] = ()


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return DSSE's pre-authentication encoding.

    These are the bytes that are signed (DSSE v1, protocol).
    """
    kind = payload_type.encode("utf-8")
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign_payload(payload_type: str, payload: bytes, keys: Iterable[Signer]) -> Envelope:
    """Return an envelope with `payload`, signed by each of `keys` in order."""
    envelope = Envelope(payload_type=payload_type, payload=payload)
    for key in keys:
        envelope = add_signature(envelope, key)
    return envelope


def add_signature(envelope: Envelope, key: Signer) -> Envelope:
    """Return `envelope` with the signature of `key` added.

    Other signatures are not looked at.

    Raises
    ------
    DocumentRefused
        `signer-duplicate` if that key has signed already; it is not asked again.
    SignerError
        If the signer does not sign, or its signature does not verify.
    """
    _require_new(envelope, key.public)
    return add_made_signature(envelope, key.public, key.sign(pae(envelope.payload_type, envelope.payload)))


def add_made_signature(envelope: Envelope, public: bytes, signature: bytes) -> Envelope:
    """Return `envelope` with a signature from elsewhere, once it verifies.

    The signature is over the envelope's `pae`.

    Raises
    ------
    DocumentRefused
        `signer-duplicate` if that key has signed already.
    SignerError
        If `signature` is not that of the key `public` over this document.
    """
    _require_new(envelope, public)
    if not verify_signature(public, pae(envelope.payload_type, envelope.payload), signature):
        raise SignerError(f"the signature is not one of `{format_public(public)}` over this document")
    added = Signature(key_id=key_id(public), signature=signature)
    return Envelope(
        payload_type=envelope.payload_type,
        payload=envelope.payload,
        signatures=(*envelope.signatures, added),
    )


def _require_new(envelope: Envelope, public: bytes) -> None:
    if any(signature.key_id == key_id(public) for signature in envelope.signatures):
        raise DocumentRefused("this key has signed the document already", code="signer-duplicate")


def parse_envelope(data: bytes) -> Envelope:
    """Read an envelope strictly.

    Members are exactly `payload`, `payloadType` and `signatures` of `keyid` and `sig`; base64 is the standard
    alphabet with padding; a `keyid` is as `key_id` makes it. Nothing is verified here.

    Raises
    ------
    InputError
        If `data` is longer than `MAX_ENVELOPE_BYTES` or is no such envelope.
    """
    if len(data) > MAX_ENVELOPE_BYTES:
        raise InputError(f"an envelope of more than {MAX_ENVELOPE_BYTES >> 10} KiB")
    value = parse_json(data)
    if not isinstance(value, dict) or set(value) != {"payload", "payloadType", "signatures"}:
        raise InputError("a DSSE envelope has the members `payload`, `payloadType` and `signatures`")
    payload_type, entries = value["payloadType"], value["signatures"]
    if not isinstance(payload_type, str) or not re.fullmatch(r"[!-~]{1,128}", payload_type, re.ASCII):
        raise InputError("`payloadType` is no media type")
    if not isinstance(entries, list) or len(entries) > MAX_SIGNATURES:
        raise InputError(f"`signatures` is no list of at most {MAX_SIGNATURES}")
    return Envelope(
        payload_type=payload_type,
        payload=_base64(value["payload"]),
        signatures=tuple(_parse_signature(entry) for entry in entries),
    )


def _parse_signature(value: object) -> Signature:
    if not isinstance(value, dict) or set(value) != {"keyid", "sig"}:
        raise InputError("a signature has the members `keyid` and `sig`")
    identifier = value["keyid"]
    if not isinstance(identifier, str) or not _HEX64.fullmatch(identifier):
        raise InputError("a `keyid` is the hex SHA-256 over the raw public key")
    signature = _base64(value["sig"])
    if len(signature) != 64:
        raise InputError("an Ed25519 signature has 64 bytes")
    return Signature(key_id=identifier, signature=signature)


def dump_envelope(envelope: Envelope) -> bytes:
    """Return the envelope as canonical JSON.

    `parse_envelope` reads it back.
    """
    return canonical(envelope_mapping(envelope))


def envelope_mapping(envelope: Envelope) -> dict[str, Any]:
    """Return the envelope as DSSE's JSON object."""
    return {
        "payload": base64.b64encode(envelope.payload).decode("ascii"),
        "payloadType": envelope.payload_type,
        "signatures": signature_mappings(envelope),
    }


def signature_mappings(envelope: Envelope) -> list[dict[str, str]]:
    """Return an envelope's signatures as DSSE's JSON objects."""
    return [
        {"keyid": one.key_id, "sig": base64.b64encode(one.signature).decode("ascii")}
        for one in envelope.signatures
    ]


def _base64(text: object) -> bytes:
    """Return the bytes of base64 text in its one encoding (RFC 4648, 3.5).

    Other encodings of the same bytes are refused.
    """
    if not isinstance(text, str):
        raise InputError("base64 text expected")
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError("not base64") from error
    if base64.b64encode(data).decode("ascii") != text:
        raise InputError("base64 that is not in its canonical form")
    return data
