"""The book of roles: who is known, until when, and what a credential's file may be."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from wicketgate.base.errors import ConfigurationError
from wicketgate.base.roles import FRONT, READER, RoleBook, RoleCredential


def public_of(credential: RoleCredential) -> bytes:
    return X25519PrivateKey.from_private_bytes(credential.key).public_key().public_bytes_raw()


def test_a_role_is_known_by_its_key_until_it_is_withdrawn(tmp_path: Path) -> None:
    book = RoleBook(tmp_path / "roles")
    credential = book.admit(READER, "west", "gateway.example/london")
    other = RoleBook(tmp_path / "roles")  # another process: the operator's command, or a second sequencer
    assert other.public == book.public == credential.sequencer
    known = other.find(public_of(credential))
    assert known is not None
    assert (known.role, known.name) == (READER, "west")
    assert credential.key.hex() not in "".join(path.read_text() for path in tmp_path.rglob("*.json"))
    assert book.withdraw("west")
    assert not book.withdraw("west")
    assert other.find(public_of(credential)) is None


def test_a_name_given_again_is_another_role(tmp_path: Path) -> None:
    book = RoleBook(tmp_path / "roles")
    former = book.admit(READER, "west", "o")
    assert book.find(public_of(former)) is not None
    with pytest.raises(ConfigurationError, match="known already"):
        book.admit(READER, "west", "o")
    book.withdraw("west")
    later = book.admit(FRONT, "west", "o")
    assert book.find(public_of(former)) is None
    assert [known.role for known in book.kept()] == [FRONT]
    assert book.find(public_of(later)) is not None


def test_a_child_stands_nowhere_and_is_known_until_it_is_dismissed(tmp_path: Path) -> None:
    book = RoleBook(tmp_path / "roles")
    credential = book.admit_child(READER, "reader-1", "o")
    assert book.find(public_of(credential)) is not None
    assert not list((tmp_path / "roles").glob("*.json"))
    book.dismiss_child(credential)
    assert book.find(public_of(credential)) is None


@pytest.mark.parametrize("name", ["", "../x", "West", "a" * 64, "-a"])
def test_a_name_is_a_plain_word(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="is no name"):
        RoleBook(tmp_path / "roles").admit(READER, name, "o")


def test_what_is_no_role_of_the_book_is_passed_over(tmp_path: Path) -> None:
    book = RoleBook(tmp_path / "roles")
    book.admit(READER, "west", "o")
    (tmp_path / "roles" / "east.json").write_bytes(b"{")
    (tmp_path / "roles" / "north.json").write_bytes((tmp_path / "roles" / "west.json").read_bytes())
    assert [known.name for known in book.kept()] == ["west"]


def test_a_credential_is_a_private_file(tmp_path: Path) -> None:
    credential = RoleBook(tmp_path / "roles").admit(FRONT, "f", "o")
    path = tmp_path / "role.json"
    credential.write(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert RoleCredential.read(path) == credential
    with pytest.raises(FileExistsError):
        credential.write(path)
    path.chmod(0o644)
    with pytest.raises(ConfigurationError, match="0600"):
        RoleCredential.read(path)


@pytest.mark.parametrize("text", ["", "{}", '{"form": 1, "role": "reader"}', "[]", "\x00"])
def test_a_file_that_is_no_credential_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "role.json"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(ConfigurationError, match="no credential"):
        RoleCredential.read(path)


def test_a_later_form_is_refused(tmp_path: Path) -> None:
    credential = RoleBook(tmp_path / "roles").admit(FRONT, "f", "o")
    path = tmp_path / "role.json"
    msgspec.structs.replace(credential, form=2).write(path)
    with pytest.raises(ConfigurationError, match="that this version knows"):
        RoleCredential.read(path)


def test_another_kind_of_role_has_no_credential(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="front or reader"):
        RoleBook(tmp_path / "roles").admit("sequencer", "s", "o")


def test_the_book_of_the_one_that_leads_is_followed_and_no_older_one(tmp_path: Path) -> None:
    leading, waiting = RoleBook(tmp_path / "one"), RoleBook(tmp_path / "two")
    west, east = leading.admit(READER, "west", "o"), leading.admit(FRONT, "east", "o")
    waiting.admit(READER, "of-before", "o")
    both = leading.kept()
    waiting.follow(both, 10)
    assert waiting.kept() == both
    assert waiting.find(public_of(east)) is not None
    leading.withdraw("west")
    waiting.follow(leading.kept(), 12)
    assert waiting.find(public_of(west)) is None
    # Somebody puts back what was there: also behind a start, the withdrawn role stays so.
    waiting.follow(both, 11)
    RoleBook(tmp_path / "two").follow(both, 11)
    assert [one.name for one in waiting.kept()] == ["east"]
    waiting.follow([], 13)
    assert waiting.kept() == []
