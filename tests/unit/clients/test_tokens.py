"""Keys in hardware, by a token of SoftHSM."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.soft_token import NEEDS_TOKEN, PIN, SoftToken, soft_token
from wicketgate.base.errors import ConfigurationError, SignerError
from wicketgate.base.signing import Envelope, add_signature, key_id, verify_signature
from wicketgate.clients.officer.keyfiles import glimpse, open_signer
from wicketgate.clients.officer.tokens import TokenKey, parse_address

MODULE = "?module-path=/usr/lib/softhsm/libsofthsm2.so"


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoftToken]:
    with pytest.MonkeyPatch.context() as patch, soft_token(tmp_path_factory.mktemp("token")) as made:
        for name, value in made.environment.items():
            patch.setenv(name, value)  # the module reads it when it is first used in this process
        yield made


def pin(what: str) -> bytes:
    return PIN.encode()


@NEEDS_TOKEN
def test_a_key_in_a_token_signs_documents_as_every_other_does(token: SoftToken) -> None:
    asked: list[str] = []
    signer = open_signer(token.address(), lambda what: asked.append(what) or pin(what))  # type: ignore[func-returns-value]
    assert asked == ["data-protection in An office's token"]
    envelope = Envelope(payload_type="application/vnd.wicketgate.suspension+json", payload=b"{}")
    signed = add_signature(envelope, signer)
    assert [one.key_id for one in signed.signatures] == [key_id(signer.public)]
    assert verify_signature(signer.public, b"again", signer.sign(b"again"))


@NEEDS_TOKEN
def test_whose_key_it_is_can_be_told_without_a_pin(token: SoftToken) -> None:
    shown = glimpse(token.address())
    assert (shown.name, shown.opened_by, shown.made_for) == (
        "data-protection in An office's token",
        "PIN",
        "",
    )
    assert shown.public == open_signer(token.address(), pin).public


@NEEDS_TOKEN
def test_a_wrong_pin_is_said_so_and_signs_nothing(token: SoftToken) -> None:
    for wrong in (b"000000", b"1", b"\xff", b"x" * 1000):
        with pytest.raises(SignerError) as caught:
            open_signer(token.address(), lambda what, wrong=wrong: wrong)  # type: ignore[misc]
        assert caught.value.code == "passphrase-wrong"
    assert open_signer(token.address(), pin).public


@NEEDS_TOKEN
def test_what_is_not_there_is_said_so(token: SoftToken) -> None:
    for address, words in (
        (token.address(label="Another"), "has no token `Another`"),
        (token.address(object="another"), "no Ed25519 keys are there"),
        (token.address(id="%02"), "no Ed25519 keys are there"),
        (token.address().replace(str(token.module), "/nowhere.so"), "`/nowhere.so` is no module of PKCS#11"),
        (token.address().replace(str(token.module), "/etc/hostname"), "is no module of PKCS#11"),
    ):
        with pytest.raises(ConfigurationError, match=words):
            open_signer(address, pin)
        assert glimpse(address).public is None


@NEEDS_TOKEN
def test_a_key_of_another_kind_is_not_taken(token: SoftToken) -> None:
    token.tool("--keypairgen", "--key-type", "EC:prime256v1", "--label", "p256", "--id", "02")
    with pytest.raises(ConfigurationError, match="no Ed25519 keys"):
        open_signer(token.address(object="p256"), pin)


def test_an_address_has_the_form_of_rfc_7512() -> None:
    assert parse_address("token=An%20office;object=dpo;id=%01%ff" + MODULE) == TokenKey(
        module="/usr/lib/softhsm/libsofthsm2.so", token="An office", object="dpo", id=b"\x01\xff"
    )


@pytest.mark.parametrize(
    "bad",
    [
        "token=a",
        "token=a;token=b" + MODULE,
        "pin-value=1234;token=a" + MODULE,
        "token=a" + MODULE + "&pin-value=1234",
        "token" + MODULE,
        "token=" + MODULE,
        "token=a b" + MODULE,
    ],
)
def test_another_address_is_refused(bad: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_address(bad)
    assert "1234" not in str(caught.value)


@given(st.text())
def test_any_text_is_an_address_or_refused(text: str) -> None:
    try:
        parse_address(text)
    except ConfigurationError:
        return


def test_without_the_extra_the_command_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "pkcs11", None)
    with pytest.raises(ConfigurationError, match=r"wicketgate\[pkcs11\]"):
        open_signer("pkcs11:token=a" + MODULE, pin)
