from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from wicketgate.base import passphrases

SEED = bytes(range(32))
KEY = Ed25519PrivateKey.from_private_bytes(SEED)
DER = KEY.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
SALT, IV = b"s" * 16, b"i" * 16


def seed_of(pem: bytes, passphrase: bytes) -> bytes:
    key = load_pem_private_key(pem, passphrase)
    assert isinstance(key, Ed25519PrivateKey)
    return key.private_bytes_raw()


@settings(max_examples=2, deadline=None)
@given(passphrase=st.binary(min_size=1, max_size=40))
def test_the_library_opens_what_is_encrypted_and_with_no_other_passphrase(passphrase: bytes) -> None:
    pem = passphrases.encrypt(DER, passphrase, salt=SALT, iv=IV)
    assert passphrases.is_encrypted(pem)
    assert seed_of(pem, passphrase) == SEED
    with pytest.raises(ValueError):
        load_pem_private_key(pem, passphrase + b"?")


def test_salt_and_iv_are_used() -> None:
    made = {
        passphrases.encrypt(DER, b"x", salt=salt, iv=iv) for salt, iv in ((SALT, IV), (IV, IV), (SALT, SALT))
    }
    assert len(made) == 3
    assert all(seed_of(pem, b"x") == SEED for pem in made)


def test_a_guess_costs_what_is_recommended() -> None:
    # OWASP's password storage advice for scrypt: 128 * N * r * p of at least 2^14 * 8 * 5, in kilobytes of work.
    assert passphrases.COST * passphrases.BLOCK * passphrases.LANES >= (1 << 14) * 8 * 5
    pem = passphrases.encrypt(DER, b"x", salt=SALT, iv=IV)
    assert b"PRIVATE KEY" in pem
    assert SEED not in pem


@pytest.mark.needs("openssl")
def test_openssl_opens_it(tmp_path: Path) -> None:
    (tmp_path / "k.pem").write_bytes(passphrases.encrypt(DER, b"a passphrase", salt=SALT, iv=IV))
    (tmp_path / "p").write_bytes(b"a passphrase\n")
    plain = subprocess.run(
        ["openssl", "pkey", "-in", tmp_path / "k.pem", "-passin", f"file:{tmp_path / 'p'}"],
        capture_output=True,
        check=True,
    ).stdout
    key = load_pem_private_key(plain, None)
    assert isinstance(key, Ed25519PrivateKey)
    assert key.private_bytes_raw() == SEED


@pytest.mark.parametrize("pem", [b"", b"# a\n-----BEGIN PRIVATE KEY-----", b"ENCRYPTED PRIVATE KEY"])
def test_what_is_not_encrypted_is_not_taken_for_it(pem: bytes) -> None:
    assert not passphrases.is_encrypted(pem)
