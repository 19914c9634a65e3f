from __future__ import annotations

import base64
import hashlib
import json
import shutil
import stat
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.registers import Chancery
from tests.terminals import type_into
from tests.vectors import make_documents as world
from wicketgate.base.clock import SystemClock
from wicketgate.base.signing import (
    PrivateKey,
    dump_envelope,
    format_public,
    key_id,
    parse_envelope,
    parse_public,
    verify_signature,
)
from wicketgate.cli import main
from wicketgate.regime.charter import parse_charter
from wicketgate.regime.documents.document import open_document
from wicketgate.regime.documents.signatures import signers

AUTHORITY = world.EXAMPLES / "authority.toml"


def run(*words: str | Path) -> int:
    return main([str(word) for word in words])


@dataclass
class Gateway:
    """A gateway that answers what it is told and remembers what it was asked."""

    url: str = ""
    status: int = 200
    body: bytes = b"{}"
    asked: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    def shows(self, *authorities: dict[str, Any]) -> None:
        shown = [{"name": one["authority"]["name"], "version": 1, "document": one} for one in authorities]
        self.body = json.dumps(
            {
                "charter": {"document": world.example("charter"), "entry": 0, "signatures": []},
                "authorities": shown,
            }
        ).encode()


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    known = Gateway()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers["Content-Length"])))

        def _answer(self, content: bytes) -> None:
            known.asked.append((self.path, dict(self.headers), content))
            self.send_response(known.status)
            self.send_header("Content-Length", str(len(known.body)))
            self.end_headers()
            self.wfile.write(known.body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    known.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield known
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def at_the_time_of_the_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SystemClock, "now_us", lambda self: world.AT_US)


def key_file(folder: Path, office: str) -> Path:
    path = folder / f"{office.replace('/', '-')}.pem"
    world.key_of(office).save(path, label=office)
    return path


# --- key new ----------------------------------------------------------------------------------------------


def test_a_new_key_is_private_and_its_public_half_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "k.pem"
    assert run("key", "new", "tfl/data-protection", "--out", path) == 0
    key = PrivateKey.load(path)
    said = capsys.readouterr()
    assert f'key = "{format_public(key.public)}"' in said.out
    # Nobody could be asked, and scripts rely on that it does not wait.
    assert "NOT ENCRYPTED" in said.err
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text().startswith("# tfl/data-protection\n")


def test_a_new_key_replaces_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "k.pem"
    path.write_text("mine")
    assert run("key", "new", "tfl/data-protection", "--out", path) == 2
    assert path.read_text() == "mine"
    assert capsys.readouterr().err.endswith("[configuration]\n")


@pytest.mark.parametrize("office", ["a\nb", "-----BEGIN"])
def test_an_office_that_would_break_the_file_is_refused(tmp_path: Path, office: str) -> None:
    assert run("key", "new", "--out", tmp_path / "k.pem", "--", office) == 2
    assert not (tmp_path / "k.pem").exists()


def secret_file(folder: Path, words: str = "a passphrase", mode: int = 0o600) -> Path:
    path = folder / "passphrase"
    path.write_text(words + "\n")
    path.chmod(mode)
    return path


def test_a_script_makes_an_encrypted_key_with_a_passphrase_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, secret = tmp_path / "k.pem", secret_file(tmp_path)
    assert run("key", "new", "tfl/data-protection", "--out", path, "--passphrase-file", secret) == 0
    made = capsys.readouterr()
    assert made.err == ""
    assert path.read_text().startswith("# tfl/data-protection\n-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert run("key", "show", path, "--passphrase-file", secret) == 0
    shown = capsys.readouterr().out
    assert "Made for tfl/data-protection, as the file says.\n" in shown
    (line,) = [line for line in made.out.splitlines() if line.startswith("key = ")]
    assert line in shown.splitlines()
    assert f"keyid {key_id(parse_public(line.split(chr(34))[1]))}" in shown


def test_a_passphrase_file_that_others_may_read_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = secret_file(tmp_path, mode=0o644)
    assert run("key", "new", "a/b", "--out", tmp_path / "k", "--passphrase-file", secret) == 2
    assert "0600" in capsys.readouterr().err
    assert not (tmp_path / "k").exists()


def test_an_encrypted_key_without_anybody_to_ask_is_said_so_and_never_waited_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    PrivateKey.generate().save(tmp_path / "k.pem", passphrase=b"a passphrase")
    for words in (
        ("key", "show", tmp_path / "k.pem"),
        ("sign", AUTHORITY, "--key", tmp_path / "k.pem", "--out", "o"),
    ):
        assert run(*words) == 2
        assert "--passphrase-file" in capsys.readouterr().err
    wrong = secret_file(tmp_path, "another")
    assert run("key", "show", tmp_path / "k.pem", "--passphrase-file", wrong) == 1
    assert capsys.readouterr().err.endswith("[passphrase-wrong]\n")


def test_at_a_terminal_a_passphrase_is_asked_for_twice_and_never_shown(tmp_path: Path) -> None:
    path = tmp_path / "k.pem"
    asked = [("A passphrase for the new key: ", "ein Törchen"), ("The same again: ", "ein Törchen")]
    code, shown = type_into("key", "new", "tfl/data-protection", "--out", path, answers=asked)
    assert code == 0
    assert "Törchen" not in shown
    assert "NOT ENCRYPTED" not in shown
    assert b"ENCRYPTED PRIVATE KEY" in path.read_bytes()
    code, shown = type_into("key", "show", path, answers=[(f"Passphrase of {path}: ", "ein Törchen")])
    assert code == 0
    assert 'key = "ed25519:' in shown


def test_two_passphrases_that_differ_make_no_key(tmp_path: Path) -> None:
    asked = [("A passphrase for the new key: ", "one"), ("The same again: ", "two")]
    code, shown = type_into("key", "new", "a/b", "--out", tmp_path / "k.pem", answers=asked)
    assert code == 2
    assert "differ; no key was made" in shown
    assert not (tmp_path / "k.pem").exists()


# --- check ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(world.EXAMPLES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_example_is_put_in_words(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", path) == 0
    assert len(capsys.readouterr().out.splitlines()) >= 3


def test_a_check_against_a_gateway_names_who_must_sign(
    gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.shows()
    assert run("check", AUTHORITY, "--against", gateway.url + "/") == 0
    text = capsys.readouterr().out
    assert "Must sign, all of: home-office/secretary-of-state (Clara Colborne" in text
    assert "National security units of Metropolitan Police Service" in text
    assert "Nothing found for which it would be refused." in text
    assert "Signatures: none yet" in text
    assert "`wicketgate verify` checks that" in text
    assert "It takes effect at once, and every page says that nobody was consulted on it." in text
    assert gateway.asked[0][0] == "/register.json"


def test_a_check_lists_every_fault_with_its_code(
    gateway: Gateway, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    gateway.shows(world.example("authority"))
    text = AUTHORITY.read_text().replace('"P28D"', '"P91D"').replace('"met"', '"tfl"')
    (tmp_path / "bad.toml").write_text(text)
    assert run("check", tmp_path / "bad.toml", "--against", gateway.url) == 1
    out = capsys.readouterr().out
    for code in ("unknown-organisation", "term-too-long", "version-not-next", "feed-purpose-fixed"):
        assert f"Refused as {code}: " in out


def test_a_signed_envelope_is_checked_with_its_signatures(
    gateway: Gateway, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    gateway.shows()
    from wicketgate.regime.documents.document import sign_document

    path = tmp_path / "a.dsse.json"
    path.write_bytes(
        dump_envelope(sign_document(world.example("authority"), world.keys_of(world.CT_OFFICES[:2])))
    )
    assert run("check", path, "--against", gateway.url) == 1
    assert (
        "Refused as signature-missing: missing are the signatures of met/national-security"
        in capsys.readouterr().out
    )


def test_a_check_warns_when_one_person_holds_two_offices_that_must_sign(
    gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    document = world.example("charter")
    for office in document["offices"]:
        office["holder"] = "Everywoman"
        if office["id"] in ("tfl/commissioner", "ico/commissioner"):
            office["holder"] = office["id"]
    gateway.body = json.dumps({"charter": {"document": document}, "authorities": []}).encode()
    assert run("check", AUTHORITY, "--against", gateway.url) == 1
    assert "Refused as signer-duplicate" in capsys.readouterr().out


def test_an_act_is_checked_against_the_authority_in_the_register(
    gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.shows()
    assert run("check", world.EXAMPLES / "revocation.toml", "--against", gateway.url) == 1
    assert "unknown-authority" in capsys.readouterr().out
    gateway.shows(world.example("authority"))
    assert run("check", world.EXAMPLES / "revocation.toml", "--against", gateway.url) == 0
    assert "Must sign, any of: tfl/data-protection" in capsys.readouterr().out


def test_a_charter_is_checked_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", world.EXAMPLES / "charter.toml") == 0
    assert "Must sign, all of: tfl/commissioner" in capsys.readouterr().out


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"charter": {"document": {}}}'])
def test_a_register_that_is_none_is_said_so(
    gateway: Gateway, body: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.body = body
    assert run("check", AUTHORITY, "--against", gateway.url) == 1
    assert capsys.readouterr().err.endswith("[malformed]\n")


def test_a_gateway_that_does_not_answer_is_said_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", AUTHORITY, "--against", "http://127.0.0.1:1") == 3
    assert capsys.readouterr().err.endswith("[no-answer]\n")


@pytest.mark.parametrize("url", ["no address", "http://a:b", "ftp://example.org"])
def test_an_address_that_is_none_is_a_fault_of_usage(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", AUTHORITY, "--against", url) == 2
    assert capsys.readouterr().err.endswith("[configuration]\n")


def test_a_gateway_that_answers_otherwise_is_said_so(
    gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.status = 503
    assert run("check", AUTHORITY, "--against", gateway.url) == 3
    assert "503" in capsys.readouterr().err


def test_a_document_that_cannot_be_read_is_said_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.toml").write_text("[authority")
    assert run("check", tmp_path / "bad.toml") == 1
    assert capsys.readouterr().err.endswith("[malformed]\n")
    assert run("check", tmp_path / "absent.toml") == 2
    assert capsys.readouterr().err.endswith("[configuration]\n")


def test_a_register_that_was_saved_is_as_good_as_a_gateway(
    gateway: Gateway, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chancery = Chancery()
    chancery.submit(world.example("authority"), world.CT_OFFICES)
    gateway.body = json.dumps(chancery.register()).encode()
    saved = tmp_path / "register.json"
    saved.write_bytes(gateway.body)
    assert run("check", AUTHORITY, "--against", gateway.url) == 1
    told = capsys.readouterr().out
    assert "Refused as version-not-next: " in told
    assert run("check", AUTHORITY, "--against", saved) == 1
    assert capsys.readouterr().out == told
    assert len(gateway.asked) == 1


def test_the_number_of_cameras_can_be_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved = tmp_path / "register.json"
    saved.write_text(json.dumps(Chancery().register()))
    assert run("check", AUTHORITY, "--against", saved) == 0
    assert "is not known here" in capsys.readouterr().out
    assert run("check", AUTHORITY, "--against", saved, "--cameras", 1500) == 0
    assert "It can use at most 1650 cameras at a time." in capsys.readouterr().out


def test_who_signed_so_far_is_told_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved = tmp_path / "register.json"
    saved.write_text(json.dumps(Chancery().register()))
    out = tmp_path / "a.dsse.json"
    assert run("sign", AUTHORITY, "--key", key_file(tmp_path, world.CT_OFFICES[0]), "--out", out) == 0
    assert run("check", out, "--against", saved) == 1
    told = capsys.readouterr().out
    assert f"Has signed: {world.CT_OFFICES[0]} (Clara Colborne" in told
    assert "Refused as signature-missing: " in told


# --- sign -------------------------------------------------------------------------------------------------


def test_offices_sign_one_after_another(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "a.dsse.json"
    for office in world.CT_OFFICES:
        assert run("sign", AUTHORITY, "--key", key_file(tmp_path, office), "--out", out) == 0
    assert "3." in capsys.readouterr().out
    document = open_document(out.read_bytes())
    charter = parse_charter(world.example("charter"))
    assert {office.id for office in signers(document.envelope, charter)} == set(world.CT_OFFICES)
    assert sorted(path.name for path in tmp_path.glob("*.new")) == []


def test_the_same_key_does_not_sign_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, key = tmp_path / "a.dsse.json", key_file(tmp_path, "tfl/data-protection")
    assert run("sign", AUTHORITY, "--key", key, "--out", out) == 0
    before = out.read_bytes()
    assert run("sign", AUTHORITY, "--key", key, "--out", out) == 1
    assert capsys.readouterr().err.endswith("[signer-duplicate]\n")
    assert out.read_bytes() == before


def test_a_changed_document_is_not_signed_into_the_old_envelope(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "a.dsse.json"
    first, second = (key_file(tmp_path, office) for office in world.CT_OFFICES[:2])
    assert run("sign", AUTHORITY, "--key", first, "--out", out) == 0
    before = out.read_bytes()
    (tmp_path / "changed.toml").write_text(AUTHORITY.read_text().replace('"P28D"', '"P90D"'))
    for document in (tmp_path / "changed.toml", world.EXAMPLES / "revocation.toml"):
        assert run("sign", document, "--key", second, "--out", out) == 2
        assert "nothing was signed" in capsys.readouterr().err
    assert out.read_bytes() == before
    assert len(parse_envelope(before).signatures) == 1


def test_what_is_malformed_is_not_signed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.toml").write_text(AUTHORITY.read_text() + "speed = 30\n")
    key = key_file(tmp_path, "tfl/data-protection")
    assert run("sign", tmp_path / "bad.toml", "--key", key, "--out", tmp_path / "o") == 1
    assert capsys.readouterr().err == "wicketgate: `scope.speed` is not known here [unknown-key]\n"
    assert not (tmp_path / "o").exists()


def test_an_envelope_that_cannot_be_written_is_said_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = key_file(tmp_path, "tfl/data-protection")
    assert run("sign", AUTHORITY, "--key", key, "--out", tmp_path / "absent" / "o") == 2
    assert capsys.readouterr().err.endswith("[configuration]\n")


def test_whoever_signs_has_seen_what_it_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved, key = tmp_path / "register.json", key_file(tmp_path, "tfl/data-protection")
    saved.write_text(json.dumps(Chancery().register()))
    assert run("sign", AUTHORITY, "--key", key, "--out", tmp_path / "o", "--against", saved) == 0
    told, signed = capsys.readouterr().out.split("Signed authority with ")
    assert "No other purpose is allowed." in told
    assert "nobody was consulted on it" in told
    assert "Must sign, all of:" in told
    assert "Signatures in" in signed


def test_at_a_terminal_whoever_signs_is_asked_and_no_is_no(tmp_path: Path) -> None:
    out, key = tmp_path / "a.dsse.json", key_file(tmp_path, "tfl/data-protection")
    for answer in ("", "n", "yess"):
        code, shown = type_into(
            "sign", AUTHORITY, "--key", key, "--out", out, answers=[("Sign? [y/N]", answer)]
        )
        assert code == 1
        assert "Nothing was signed." in shown
        assert not out.exists()
    code, shown = type_into("sign", AUTHORITY, "--key", key, "--out", out, answers=[("Sign? [y/N]", "y")])
    assert code == 0
    assert shown.index("No other purpose is allowed.") < shown.index("Sign? [y/N]")
    assert len(parse_envelope(out.read_bytes()).signatures) == 1


def test_at_a_terminal_it_signs_at_once_where_it_is_told_to(tmp_path: Path) -> None:
    key = tmp_path / "k.pem"
    world.key_of("tfl/data-protection").save(key, passphrase=b"a passphrase")
    words = ("sign", AUTHORITY, "--key", key, "--out", tmp_path / "o", "--yes")
    code, shown = type_into(*words, answers=[(f"Passphrase of {key}: ", "a passphrase")])
    assert code == 0
    assert "[y/N]" not in shown


def test_an_envelope_alone_can_be_signed_again(tmp_path: Path) -> None:
    out = tmp_path / "a.dsse.json"
    for number, office in enumerate(world.CT_OFFICES):
        document = AUTHORITY if number == 0 else out
        assert run("sign", document, "--key", key_file(tmp_path, office), "--out", out) == 0
    assert len(parse_envelope(out.read_bytes()).signatures) == 3


def test_a_signer_that_is_not_built_is_said_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("sign", AUTHORITY, "--key", "awskms:officer", "--out", tmp_path / "o") == 2
    error = capsys.readouterr().err
    assert error.startswith("wicketgate: `awskms:` names no signer")
    assert "known are file, pkcs11" in error


# --- keys elsewhere ---------------------------------------------------------------------------------------


def elsewhere(folder: Path, office: str) -> Path:
    """Return a signature made by whatever holds the key: `openssl` if there is one, else the library."""
    key = key_file(folder, office)
    signature = folder / "signature"
    if shutil.which("openssl") is None:
        signature.write_bytes(PrivateKey.load(key).sign((folder / "payload").read_bytes()))
        return signature
    subprocess.run(
        [
            "openssl",
            "pkeyutl",
            "-sign",
            "-rawin",
            "-inkey",
            key,
            "-in",
            folder / "payload",
            "-out",
            signature,
        ],
        check=True,
        capture_output=True,
    )
    return signature


@pytest.mark.parametrize("encoded", [False, True], ids=["raw", "base64"])
def test_a_key_that_is_kept_elsewhere_signs(
    tmp_path: Path, encoded: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    out, office = tmp_path / "a.dsse.json", "tfl/data-protection"
    assert run("sign", AUTHORITY, "--payload-out", tmp_path / "payload") == 0
    assert not out.exists()
    message = (tmp_path / "payload").read_bytes()
    told = capsys.readouterr().out
    assert hashlib.sha256(message).hexdigest() in told
    assert "No other purpose is allowed." in told
    signature = elsewhere(tmp_path, office)
    if encoded:
        signature.write_bytes(base64.encodebytes(signature.read_bytes()))
    public = format_public(world.key_of(office).public)
    assert run("sign", AUTHORITY, "--signature", signature, "--public", public, "--out", out) == 0
    (made,) = parse_envelope(out.read_bytes()).signatures
    assert verify_signature(world.key_of(office).public, message, made.signature)
    assert run("sign", AUTHORITY, "--key", key_file(tmp_path, "met/national-security"), "--out", out) == 0
    charter = parse_charter(world.example("charter"))
    found = {office.id for office in signers(open_document(out.read_bytes()).envelope, charter)}
    assert found == {office, "met/national-security"}


def test_a_signature_of_something_else_is_not_added(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key, out, signature = world.key_of("tfl/data-protection"), tmp_path / "o", tmp_path / "s"
    for content, ends, code in (
        (key.sign(b"another document"), 1, "signer-failed"),
        (b"short", 2, "configuration"),
    ):
        signature.write_bytes(content)
        words = ("--signature", signature, "--public", format_public(key.public))
        assert run("sign", AUTHORITY, *words, "--out", out) == ends
        assert capsys.readouterr().err.endswith(f"[{code}]\n")
    assert not out.exists()


@pytest.mark.parametrize(
    "words",
    [
        ("--out", "o"),
        ("--key", "k", "--payload-out", "p", "--out", "o"),
        ("--key", "k"),
        ("--payload-out", "p", "--out", "o"),
        ("--signature", "s", "--out", "o"),
        ("--key", "k", "--public", "ed25519:x", "--out", "o"),
    ],
    ids=" ".join,
)
def test_ways_to_sign_that_do_not_go_together_are_refused(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("sign", AUTHORITY, *words) == 2
    assert capsys.readouterr().err.endswith("[configuration]\n")


# --- submit -----------------------------------------------------------------------------------------------


@pytest.fixture
def signed(tmp_path: Path) -> Path:
    out = tmp_path / "a.dsse.json"
    assert run("sign", AUTHORITY, "--key", key_file(tmp_path, "tfl/data-protection"), "--out", out) == 0
    (tmp_path / "token").write_text("s3cret\n")
    return out


def test_a_submission_prints_its_entry_and_when_it_takes_effect(
    gateway: Gateway, signed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.status, gateway.body = 201, b'{"entry":12,"in_force_from":"2026-07-08T12:00:00Z"}'
    assert run("submit", signed, "--to", gateway.url, "--token-file", signed.parent / "token") == 0
    assert capsys.readouterr().out.endswith("entry 12\nin_force_from 2026-07-08T12:00:00Z\n")
    path, headers, content = gateway.asked[0]
    assert (path, headers["Authorization"], content) == (
        "/v1/documents",
        "Bearer s3cret",
        signed.read_bytes(),
    )


def test_a_refusal_prints_its_code_and_detail(
    gateway: Gateway, signed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.status, gateway.body = (
        422,
        b'{"code":"signature-missing","detail":"missing are \\u2026","status":422}',
    )
    assert run("submit", signed, "--to", gateway.url, "--token-file", signed.parent / "token") == 1
    assert capsys.readouterr().err == "wicketgate: missing are … [signature-missing]\n"


def test_an_answer_without_a_reason_is_said_so(
    gateway: Gateway, signed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.status, gateway.body = 502, b"<html>"
    assert run("submit", signed, "--to", gateway.url, "--token-file", signed.parent / "token") == 3
    assert "502" in capsys.readouterr().err
    assert run("submit", signed, "--to", "http://127.0.0.1:1", "--token-file", signed.parent / "token") == 3
    assert capsys.readouterr().err.endswith("[no-answer]\n")


@pytest.mark.parametrize(("status", "code"), [(429, "too-many-failures"), (503, "busy"), (500, "internal")])
def test_a_gateway_that_cannot_answer_now_is_not_one_that_refuses(
    gateway: Gateway, signed: Path, status: int, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.status = status
    gateway.body = json.dumps({"code": code, "detail": "try again", "status": status}).encode()
    assert run("submit", signed, "--to", gateway.url, "--token-file", signed.parent / "token") == 3
    assert capsys.readouterr().err == f"wicketgate: try again [{code}]\n"


def test_nothing_is_sent_without_a_token_or_a_document(
    gateway: Gateway, signed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = signed.parent / "empty"
    empty.write_bytes(b"\n")
    assert run("submit", signed, "--to", gateway.url, "--token-file", empty) == 2
    assert run("submit", AUTHORITY, "--to", gateway.url, "--token-file", signed.parent / "token") == 1
    assert gateway.asked == []
    assert "s3cret" not in capsys.readouterr().err
