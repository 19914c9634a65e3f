"""The roles of a deployment that run as processes of their own, known by their keys.

A role on another host has a credential, one file; the sequencer keeps a book of the keys that it knows, one file each.
Whoever takes a file out of the book ends that role. docs/decisions/0034-readers.md.
"""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from wicketgate.base.errors import ConfigurationError
from wicketgate.base.files import write_durably, write_secret
from wicketgate.base.forms import FIRST
from wicketgate.base.parts import private_folder
from wicketgate.base.settings import read_secret

FRONT: Final = "front"
READER: Final = "reader"
ROLES: Final = (FRONT, READER)
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.ASCII)
_OWN: Final = "sequencer.key"
_FOLLOWED: Final = "followed"
"""How far the other sequencer's book was followed: a number of COMMITS."""
_KEY_BYTES: Final = 32


class RoleCredential(msgspec.Struct, frozen=True, kw_only=True):
    """What a role shows the sequencer, and knows it by.

    Attributes
    ----------
    role : str
        `front` or `reader`.
    origin : str
        Of the deployment's log.
    key : bytes
        The role's own private key, X25519: 32 bytes.
    sequencer : bytes
        The sequencer's public key.
    """

    form: int = FIRST
    role: str
    name: str
    origin: str
    key: bytes
    sequencer: bytes

    def write(self, path: Path) -> None:
        """Write it to a new file, readable by its owner alone."""
        write_secret(path, msgspec.json.encode(self).decode())

    @classmethod
    def read(cls, path: Path) -> RoleCredential:
        """Return the credential in a file.

        Raises
        ------
        ConfigurationError
            If there is none, others may read it, or it is none of this version's.
        """
        try:
            found = msgspec.json.decode(read_secret(path), type=cls)
        except msgspec.DecodeError as error:
            raise ConfigurationError(f"`{path.name}` is no credential of a role") from error
        if found.form != FIRST or len(found.key) != _KEY_BYTES or len(found.sequencer) != _KEY_BYTES:
            raise ConfigurationError(f"`{path.name}` is no credential of a role that this version knows")
        return found


class KnownRole(msgspec.Struct, frozen=True, kw_only=True):
    """A role in the sequencer's book.

    Attributes
    ----------
    key : bytes
        Its public key.
    """

    form: int = FIRST
    role: str
    name: str
    key: bytes


class RoleBook:
    """The roles that the sequencer knows: those in its folder, and its own children.

    Parameters
    ----------
    folder : Path
        Private. A file is one role; without its file a role is known no longer. Children have none.

    Attributes
    ----------
    key : X25519PrivateKey
        The sequencer's own.
    """

    def __init__(self, folder: Path) -> None:
        private_folder(folder)
        self._folder = folder
        self._children: dict[bytes, KnownRole] = {}
        self._kept: dict[bytes, _KeptRole] = {}
        self.key = self._own_key()

    @property
    def public(self) -> bytes:
        """The sequencer's public key."""
        return self.key.public_key().public_bytes_raw()

    def admit(self, role: str, name: str, origin: str) -> RoleCredential:
        """Write a new role into the book, and return its credential, which is kept nowhere else.

        Raises
        ------
        ConfigurationError
            If the name is none, or is taken.
        """
        path = self._path(name)
        if path.exists():
            raise ConfigurationError(f"a role `{name}` is known already: withdraw it first")
        credential, known = self._made(role, name, origin)
        write_durably(path, msgspec.json.encode(known), aside=self._folder / "next.new")
        return credential

    def admit_child(self, role: str, name: str, origin: str) -> RoleCredential:
        """Return the credential of a child of this process: it is known until `dismiss_child`, and stands nowhere."""
        credential, known = self._made(role, name, origin)
        self._children[known.key] = known
        return credential

    def dismiss_child(self, credential: RoleCredential) -> None:
        """Know a child no longer."""
        self._children.pop(_public_of(credential.key), None)

    def withdraw(self, name: str) -> bool:
        """Take a role out of the book; return whether it was there."""
        try:
            self._path(name).unlink()
        except FileNotFoundError:
            return False
        return True

    def find(self, public: bytes) -> KnownRole | None:
        """Return the role of a public key, or None where the book has it no longer.

        Its file is looked at each time, and the folder where that is not what it was.
        """
        child = self._children.get(public)
        if child is not None:
            return child
        kept = self._kept.get(public)
        if kept is None or _bytes_of(self._path(kept.known.name)) != kept.data:
            self.kept()
            kept = self._kept.get(public)
        return None if kept is None else kept.known

    def kept(self) -> list[KnownRole]:
        """Return the roles in the folder, by name."""
        found = [kept for path in sorted(self._folder.glob("*.json")) if (kept := _kept_in(path)) is not None]
        self._kept = {kept.known.key: kept for kept in found}
        return [kept.known for kept in found]

    def follow(self, roles: list[KnownRole], sequence: int) -> None:
        """Have the same roles as the book of the sequencer that leads, as it was after a number of COMMITS.

        An older one than was followed before is left: it has roles that were withdrawn since.
        """
        mark = self._folder / _FOLLOWED
        if sequence < int(_bytes_of(mark) or b"0"):
            return
        named = {self._path(one.name): msgspec.json.encode(one) for one in roles}
        if {path: _bytes_of(path) for path in self._folder.glob("*.json")} == named:
            return
        aside = self._folder / "next.new"
        # The mark first, then those that were withdrawn: a crash in here leaves some too many or too few until the
        # book is looked at again, which is soon after the start.
        write_durably(mark, b"%d" % sequence, aside=aside)
        for path in set(self._folder.glob("*.json")) - named.keys():
            path.unlink()
        for path, data in named.items():
            if _bytes_of(path) != data:
                write_durably(path, data, aside=aside)

    def _path(self, name: str) -> Path:
        if _NAME.fullmatch(name) is None:
            raise ConfigurationError(f"`{name[:80]}` is no name of a role: small letters, digits and `-`")
        return self._folder / f"{name}.json"

    def _made(self, role: str, name: str, origin: str) -> tuple[RoleCredential, KnownRole]:
        if role not in ROLES:
            raise ConfigurationError(f"`{role}` is no role with a credential: {' or '.join(ROLES)}")
        key = secrets.token_bytes(_KEY_BYTES)
        credential = RoleCredential(role=role, name=name, origin=origin, key=key, sequencer=self.public)
        return credential, KnownRole(role=role, name=name, key=_public_of(key))

    def _own_key(self) -> X25519PrivateKey:
        path = self._folder / _OWN
        if not path.exists():
            # A crash in here leaves no file, or a short one that the next start refuses: remove it.
            write_secret(path, secrets.token_bytes(_KEY_BYTES).hex())
        try:
            return X25519PrivateKey.from_private_bytes(bytes.fromhex(read_secret(path).strip()))
        except ValueError as error:
            raise ConfigurationError(
                f"`{self._folder.name}/{_OWN}` is no key: restore or remove it"
            ) from error


class _KeptRole(NamedTuple):
    known: KnownRole
    data: bytes


def _kept_in(path: Path) -> _KeptRole | None:
    data = _bytes_of(path)
    try:
        known = msgspec.json.decode(data, type=KnownRole)
    except msgspec.DecodeError:
        return None
    return _KeptRole(known, data) if known.form == FIRST and path.stem == known.name else None


def _bytes_of(path: Path) -> bytes:
    """Return what stands in a file, or nothing where there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _public_of(key: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(key).public_key().public_bytes_raw()
