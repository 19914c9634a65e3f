"""Encryption of what only overseers may open, in the age format (C2SP age, X25519)."""

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


def unseal(sealed: bytes, identity: str) -> bytes:
    """Return what was sealed to the overseer whose identity (`AGE-SECRET-KEY-1…`) is given.

    Raises
    ------
    InputError
        If it was sealed to somebody else or is damaged.
    """
    try:
        opened: bytes = decrypt(sealed, [x25519.Identity.from_str(identity)])
    except (DecryptError, IdentityError) as error:
        raise InputError("these openings cannot be opened with this key") from error
    return opened


def new_identity() -> tuple[str, str]:
    """Return a fresh identity and its public recipient."""
    identity = x25519.Identity.generate()
    return str(identity), str(identity.to_public())
