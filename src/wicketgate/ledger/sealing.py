"""Encryption for overseers alone, in the age format (C2SP age, X25519)."""

from __future__ import annotations

from collections.abc import Sequence

from pyrage import DecryptError, IdentityError, RecipientError, decrypt, encrypt, x25519  # type: ignore[attr-defined]

from wicketgate.base.errors import ConfigurationError, InputError


def seal(data: bytes, opening_keys: Sequence[str]) -> bytes:
    """Return `data` encrypted to each of the overseers' keys (`age1…`).

    Raises
    ------
    ConfigurationError
        If there is no key, or one is not an age X25519 recipient.
    """
    if not opening_keys:
        raise ConfigurationError("the charter names no overseer with an `opening_key`")
    try:
        recipients = [x25519.Recipient.from_str(key) for key in opening_keys]
    except RecipientError as error:
        raise ConfigurationError("an `opening_key` is not an age recipient") from error
    sealed: bytes = encrypt(data, recipients)
    return sealed


class Opener:
    """What opens the seals for one overseer.

    Parameters
    ----------
    text : str
        An age identity file: lines `AGE-SECRET-KEY-1…`, and comments.

    Raises
    ------
    ConfigurationError
        If it holds no identity.
    """

    def __init__(self, text: str) -> None:
        lines = [line.strip() for line in text.splitlines()]
        try:
            self._identities = [
                x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")
            ]
        except IdentityError as error:
            raise ConfigurationError("the identity is no age X25519 identity") from error
        if not self._identities:
            raise ConfigurationError("the identity file holds no identity")

    def open(self, sealed: bytes) -> bytes:
        """Return what was sealed.

        Raises
        ------
        ConfigurationError
            If it is sealed to others alone.
        InputError
            If it is no age file.
        """
        if not sealed.startswith(b"age-encryption.org/v1\n"):
            raise InputError("it is no age file")
        try:
            opened: bytes = decrypt(sealed, self._identities)
        except DecryptError as error:
            raise ConfigurationError("it is sealed to somebody else, or damaged") from error
        return opened


def new_identity() -> tuple[str, str]:
    """Return a fresh identity and its public recipient."""
    identity = x25519.Identity.generate()
    return str(identity), str(identity.to_public())
