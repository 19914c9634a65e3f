"""`sign` refuses what `check` has just called refused, and keys that are not needed, unless it is told otherwise."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.registers import Chancery
from tests.simulator import charter as first_charter
from tests.vectors import make_documents as world
from wicketgate.base.clock import SystemClock
from wicketgate.base.signing import PrivateKey, parse_envelope
from wicketgate.cli import main
from wicketgate.regime.documents.toml import dump_toml

AUTHORITY = world.EXAMPLES / "authority.toml"


@pytest.fixture(autouse=True)
def at_the_time_of_the_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SystemClock, "now_us", lambda self: world.AT_US)


@pytest.fixture
def register(tmp_path: Path) -> Path:
    saved = tmp_path / "register.json"
    saved.write_text(json.dumps(Chancery().register()))
    return saved


def key_file(folder: Path, office: str) -> Path:
    path = folder / f"{office.replace('/', '-')}.pem"
    key = PrivateKey.generate() if office == "a stranger" else world.key_of(office)
    key.save(path, label=office)
    return path


def sign(folder: Path, document: Path, office: str, register: Path, *more: str) -> tuple[int, Path]:
    out = folder / "out.dsse.json"
    words = ["sign", str(document), "--key", str(key_file(folder, office)), "--out", str(out)]
    return main([*words, "--against", str(register), *more]), out


def test_a_document_that_would_be_refused_is_not_signed(
    tmp_path: Path, register: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text(
        dump_toml(
            world.changed(world.example("authority"), world.put("authority.recipient_retention", "P91D"))
        )
    )
    code, out = sign(tmp_path, bad, "tfl/data-protection", register)
    said = capsys.readouterr()
    assert (code, out.exists()) == (1, False)
    assert "Refused as term-too-long" in said.out
    assert "nothing was signed" in said.err
    assert said.err.endswith("--anyway signs it all the same [term-too-long]\n")
    (tmp_path / "tfl-data-protection.pem").unlink()
    assert sign(tmp_path, bad, "tfl/data-protection", register, "--anyway")[0] == 0
    assert len(parse_envelope(out.read_bytes()).signatures) == 1
    payload = ["sign", str(bad), "--payload-out", str(tmp_path / "bytes"), "--against", str(register)]
    assert main(payload) == 1
    assert not (tmp_path / "bytes").exists()
    assert main([*payload, "--anyway"]) == 0


@pytest.mark.parametrize("office", ["tfl/commissioner", "a stranger"])
def test_a_key_that_is_not_needed_does_not_sign(
    tmp_path: Path, register: Path, capsys: pytest.CaptureFixture[str], office: str
) -> None:
    code, out = sign(tmp_path, AUTHORITY, office, register)
    assert (code, out.exists()) == (1, False)
    error = capsys.readouterr().err
    assert all(needed in error for needed in world.CT_OFFICES)
    assert error.endswith("--anyway signs it all the same [not-entitled]\n")
    (tmp_path / f"{office.replace('/', '-')}.pem").unlink()
    assert sign(tmp_path, AUTHORITY, office, register, "--anyway")[0] == 0
    assert out.exists()


def test_signatures_that_are_still_missing_stop_nobody(tmp_path: Path, register: Path) -> None:
    for office in world.CT_OFFICES:
        code, out = sign(tmp_path, AUTHORITY, office, register)
        assert code == 0
    assert len(parse_envelope(out.read_bytes()).signatures) == len(world.CT_OFFICES)


def test_the_first_charter_is_signed_by_its_own_offices_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    charter = tmp_path / "charter.toml"
    charter.write_text(dump_toml(world.bound(first_charter())))
    out = tmp_path / "charter.dsse.json"
    words = ["sign", str(charter), "--out", str(out), "--key"]
    assert main([*words, str(key_file(tmp_path, "met/national-security"))]) == 1
    assert capsys.readouterr().err.endswith("[not-entitled]\n")
    assert main([*words, str(key_file(tmp_path, "tfl/commissioner"))]) == 0
