"""Private keys at rest: PKCS#8, encrypted under a passphrase with scrypt.

Pure. The library's own encryption derives the key with 2,048 rounds of PBKDF2, less than a millisecond for whoever
guesses. So the structure is written here: PBES2 (RFC 8018, section 6.2) with scrypt (RFC 7914, section 7) and
AES-256-CBC. It is read by the library, and by OpenSSL. docs/decisions/0017-keys-of-officers.md.
"""

from __future__ import annotations

import base64
import hashlib
import textwrap

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

SALT_BYTES = 16
IV_BYTES = 16

COST, BLOCK, LANES = 1 << 14, 8, 8
"""N, r and p of scrypt. OpenSSL reads no key that needs more than 32 MiB, so the work is in the lanes."""

_MEMORY = 64 << 20
# Object identifiers in DER: 1.2.840.113549.1.5.13, 1.3.6.1.4.1.11591.4.11 and 2.16.840.1.101.3.4.1.42.
_PBES2 = bytes.fromhex("06092a864886f70d01050d")
_SCRYPT = bytes.fromhex("06092b06010401da47040b")
_AES_256_CBC = bytes.fromhex("060960864801650304012a")
_INTEGER, _OCTETS, _SEQUENCE = 0x02, 0x04, 0x30


def encrypt(der: bytes, passphrase: bytes, *, salt: bytes, iv: bytes) -> bytes:
    """Return a PKCS#8 private key encrypted, as PEM text.

    The label is `ENCRYPTED PRIVATE KEY` (RFC 7468, section 11).

    Parameters
    ----------
    der : bytes
        The `PrivateKeyInfo`.
    salt, iv : bytes
        16 random bytes each, never used before.

    Notes
    -----
    Half a second and 16 MiB on one core of an ordinary machine, as each guess takes.
    """
    secret = hashlib.scrypt(passphrase, salt=salt, n=COST, r=BLOCK, p=LANES, maxmem=_MEMORY, dklen=32)
    padder = PKCS7(128).padder()
    cipher = Cipher(algorithms.AES256(secret), modes.CBC(iv)).encryptor()
    hidden = cipher.update(padder.update(der) + padder.finalize()) + cipher.finalize()
    derivation = _sequence(
        _SCRYPT, _sequence(_tagged(_OCTETS, salt), _integer(COST), _integer(BLOCK), _integer(LANES))
    )
    encryption = _sequence(_AES_256_CBC, _tagged(_OCTETS, iv))
    method = _sequence(_PBES2, _sequence(derivation, encryption))
    body = base64.b64encode(_sequence(method, _tagged(_OCTETS, hidden))).decode("ascii")
    lines = ["-----BEGIN ENCRYPTED PRIVATE KEY-----", *textwrap.wrap(body, 64)]
    return "\n".join([*lines, "-----END ENCRYPTED PRIVATE KEY-----", ""]).encode("ascii")


def is_encrypted(pem: bytes) -> bool:
    """Return whether a PEM text claims to hold an encrypted key."""
    return b"-----BEGIN ENCRYPTED PRIVATE KEY-----" in pem


def _tagged(tag: int, content: bytes) -> bytes:
    """Return one value in DER (X.690, section 8.1)."""
    if len(content) < 128:
        return bytes([tag, len(content)]) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def _sequence(*values: bytes) -> bytes:
    return _tagged(_SEQUENCE, b"".join(values))


def _integer(value: int) -> bytes:
    return _tagged(_INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))
