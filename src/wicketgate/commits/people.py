"""Who people are and by what they sign in: the part of the state that is nobody's but the gateway's. Pure.

The signed document has commitments (`regime.documents.people`); their openings and the passkeys are here.
docs/spec/people.md.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec


class CommitmentOpened(msgspec.Struct, frozen=True, kw_only=True):
    """What a commitment in a document of people is to.

    Attributes
    ----------
    salt : bytes
        32 bytes.
    value : object
        A claim's value; of a person an object with `name`, and `subject` where a provider knows the person.
    """

    commitment: str
    salt: bytes
    value: Any


class PeopleOpened(msgspec.Struct, frozen=True, kw_only=True):
    """Openings handed in for an organisation's people."""

    organisation: str
    openings: tuple[CommitmentOpened, ...]


class Passkey(msgspec.Struct, frozen=True, kw_only=True, tag="enrolled"):
    """A passkey by which a person signs in.

    Attributes
    ----------
    id : str
        The authenticator's id of it, base64url.
    public : bytes
        Its public key, as the authenticator gave it (COSE).
    spent : str
        The hash of the code by which it was enrolled, as it stands in the document.
    """

    id: str
    organisation: str
    person: str
    public: bytes
    spent: str
    enrolled_us: int


class PasskeyWithdrawn(msgspec.Struct, frozen=True, kw_only=True, tag="withdrawn"):
    """The end of a passkey."""

    id: str


class KnownPeople(msgspec.Struct, kw_only=True):
    """What the gateway knows of people, beside the signed documents.

    Attributes
    ----------
    openings : dict of str to dict
        By organisation and commitment.
    passkeys : dict of str to Passkey
        By id.
    spent : set of str
        Of whom, and by which code, a passkey was enrolled (`code_spent`): each does once.
    """

    openings: dict[str, dict[str, CommitmentOpened]] = {}
    passkeys: dict[str, Passkey] = {}
    spent: set[str] = set()

    def take(self, opened: PeopleOpened | None, passkey: Passkey | PasskeyWithdrawn | None) -> None:
        """Take what a transaction says of people."""
        if opened is not None:
            self._open(opened)
        if isinstance(passkey, Passkey):
            self._enrol(passkey)
        elif passkey is not None:
            self._withdraw(passkey)

    def _open(self, opened: PeopleOpened) -> None:
        known = self.openings.setdefault(opened.organisation, {})
        known.update((one.commitment, one) for one in opened.openings)

    def _enrol(self, passkey: Passkey) -> None:
        self.passkeys[passkey.id] = passkey
        self.spent.add(code_spent(passkey.organisation, passkey.person, passkey.spent))

    def _withdraw(self, withdrawn: PasskeyWithdrawn) -> None:
        self.passkeys.pop(withdrawn.id, None)  # its code is spent all the same

    def keep_only(self, organisation: str, commitments: Collection[str]) -> None:
        """Forget what an organisation's people are not any more: openings, passkeys.

        Whoever is named by no version in force or to come has no name here.
        """
        known = self.openings.get(organisation, {})
        self.openings[organisation] = {name: one for name, one in known.items() if name in commitments}
        self.passkeys = {
            id_: one
            for id_, one in self.passkeys.items()
            if one.organisation != organisation or one.person in commitments
        }


def code_spent(organisation: str, person: str, enrol: str) -> str:
    """Return by what it is kept that a person used a code: what another organisation does spends nothing here."""
    return f"{organisation}/{person}/{enrol}"
