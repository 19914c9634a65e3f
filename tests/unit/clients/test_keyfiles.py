from __future__ import annotations

import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.keys import seeded
from wicketgate.base.errors import ConfigurationError, DocumentRefused, SignerError, WicketgateError
from wicketgate.base.signing import Envelope, PrivateKey, Signer, add_made_signature, add_signature, pae
from wicketgate.clients.officer.keyfiles import (
    open_key_file,
    open_signer,
    read_passphrase,
    require_passphrase,
)

KEY = seeded(bytes(range(32)))
OTHER = seeded(bytes(32))
PASSPHRASE = "a gate, a wicket; ein Törchen".encode()


def told(passphrase: bytes = PASSPHRASE) -> tuple[Callable[[str], bytes], list[str]]:
    """Return somebody who gives a passphrase, and what they were asked."""
    asked: list[str] = []

    def ask(what: str) -> bytes:
        asked.append(what)
        return passphrase

    return ask, asked


def nobody(what: str) -> bytes:
    raise AssertionError(f"asked for the passphrase of {what}")


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "locked.pem"
    KEY.save(path, label="tfl/data-protection", passphrase=PASSPHRASE)
    return path


# --- key files --------------------------------------------------------------------------------------------


def test_an_encrypted_key_file_is_private_and_opens_with_its_passphrase_alone(locked: Path) -> None:
    assert stat.S_IMODE(locked.stat().st_mode) == 0o600
    assert locked.read_bytes().startswith(b"# tfl/data-protection\n-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    ask, asked = told()
    assert open_signer(str(locked), ask).public == KEY.public
    assert asked == [str(locked)]
    with pytest.raises(SignerError) as caught:
        open_signer(str(locked), told(b"guess")[0])
    assert caught.value.code == "passphrase-wrong"
    assert "guess" not in caught.value.detail


def test_the_gateway_opens_no_encrypted_key(locked: Path) -> None:
    with pytest.raises(ConfigurationError):
        PrivateKey.load(locked)


def test_a_key_file_that_is_not_encrypted_asks_for_nothing(tmp_path: Path) -> None:
    KEY.save(tmp_path / "k.pem")
    assert open_signer(str(tmp_path / "k.pem"), nobody).public == KEY.public
    assert open_signer(f"file:{tmp_path / 'k.pem'}", nobody).public == KEY.public


def test_a_file_that_another_program_encrypted_opens(tmp_path: Path) -> None:
    (tmp_path / "k.pem").write_bytes(
        Ed25519PrivateKey.from_private_bytes(bytes(range(32))).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSPHRASE)
        )
    )
    assert open_key_file(tmp_path / "k.pem", told()[0]).public == KEY.public


@pytest.mark.needs("openssl")
def test_a_key_that_openssl_made_opens(tmp_path: Path) -> None:
    (tmp_path / "p").write_bytes(PASSPHRASE + b"\n")
    (tmp_path / "p").chmod(0o600)
    subprocess.run(
        ["openssl", "genpkey", "-algorithm", "ed25519", "-aes256", "-pass", "file:p", "-out", "k.pem"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    assert len(open_key_file(tmp_path / "k.pem", lambda _: read_passphrase(tmp_path / "p")).public) == 32


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.binary(max_size=80)
    | st.binary(max_size=80).map(lambda tail: b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n" + tail)
)
def test_any_bytes_are_a_key_or_an_error_of_the_tree(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "k.pem").write_bytes(data)
    with pytest.raises((ConfigurationError, SignerError)):
        open_key_file(tmp_path / "k.pem", told()[0])


def test_a_key_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    for name in ("absent", "."):
        with pytest.raises(ConfigurationError):
            open_signer(str(tmp_path / name), nobody)


# --- signers by name --------------------------------------------------------------------------------------


@pytest.mark.parametrize("spec", ["yubihsm:1", "awskms:key/1", "gcp-kms:x", "env:KEY"])
def test_a_signer_that_is_not_built_is_refused_with_what_is_known(spec: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        open_signer(spec, nobody)
    assert f"`{spec.partition(':')[0]}:`" in caught.value.detail
    assert "known are file, pkcs11" in caught.value.detail
    assert "--payload-out" in caught.value.detail


def test_a_path_with_a_colon_is_reached_by_its_scheme(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    KEY.save(Path("odd:name"))
    for spec in ("file:odd:name", "./odd:name"):
        assert open_signer(spec, nobody).public == KEY.public


# --- passphrases ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"secret", b"secret\n", b"secret\r\n", b"secret\nsecond line\n"])
def test_the_first_line_of_a_file_is_the_passphrase(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "p").write_bytes(content)
    (tmp_path / "p").chmod(0o600)
    assert read_passphrase(tmp_path / "p") == b"secret"
    (tmp_path / "p").chmod(0o640)
    with pytest.raises(ConfigurationError):
        read_passphrase(tmp_path / "p")


@pytest.mark.parametrize("content", [b"", b"\n", b"x" * 1025, b"x" * 5000])
def test_a_file_without_a_passphrase_is_refused_without_repeating_it(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "p").write_bytes(content)
    (tmp_path / "p").chmod(0o600)
    with pytest.raises(ConfigurationError) as caught:
        read_passphrase(tmp_path / "p")
    assert "xx" not in caught.value.detail.removeprefix(str(tmp_path))
    with pytest.raises(ConfigurationError):
        read_passphrase(tmp_path / "absent")


def test_blanks_belong_to_a_passphrase() -> None:
    assert require_passphrase(b" a ", "here") == b" a "


# --- signers that fail ------------------------------------------------------------------------------------

ENVELOPE = Envelope(payload_type="application/vnd.wicketgate.review+json", payload=b"{}")


class Token:
    """A hardware token that signs with another key, not at all, or in another form."""

    def __init__(self, answer: bytes | WicketgateError) -> None:
        self.answer = answer
        self.asked: list[bytes] = []

    @property
    def public(self) -> bytes:
        return KEY.public

    def sign(self, message: bytes) -> bytes:
        self.asked.append(message)
        if isinstance(self.answer, WicketgateError):
            raise self.answer
        return self.answer


MESSAGE = pae(ENVELOPE.payload_type, ENVELOPE.payload)


@pytest.mark.parametrize(
    "answer",
    [
        OTHER.sign(MESSAGE),
        KEY.sign(ENVELOPE.payload),
        KEY.sign(MESSAGE)[:63],
        b"",
        SignerError("the token is locked"),
    ],
    ids=["of another key", "of the bare payload", "cut off", "nothing", "locked"],
)
def test_a_signer_that_does_not_sign_adds_nothing(answer: bytes | WicketgateError) -> None:
    token: Signer = Token(answer)
    with pytest.raises(SignerError) as caught:
        add_signature(ENVELOPE, token)
    assert caught.value.code == "signer-failed"


def test_a_signer_is_asked_once_and_not_for_what_it_signed_already() -> None:
    token = Token(KEY.sign(MESSAGE))
    envelope = add_signature(ENVELOPE, token)
    assert envelope == add_signature(ENVELOPE, KEY) == add_made_signature(ENVELOPE, KEY.public, token.answer)
    with pytest.raises(DocumentRefused) as caught:
        add_signature(envelope, token)
    assert caught.value.code == "signer-duplicate"
    assert token.asked == [MESSAGE]
    with pytest.raises(DocumentRefused):
        add_made_signature(envelope, KEY.public, KEY.sign(MESSAGE))
