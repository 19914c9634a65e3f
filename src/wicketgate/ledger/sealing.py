"""Encryption for overseers alone, in the age format (C2SP age, X25519)."""

from __future__ import annotations

from collections.abc import Sequence

from pyrage import RecipientError, encrypt, x25519  # type: ignore[attr-defined]

from wicketgate.base.errors import ConfigurationError


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


def new_identity() -> tuple[str, str]:
    """Return a fresh identity and its public recipient."""
    identity = x25519.Identity.generate()
    return str(identity), str(identity.to_public())
