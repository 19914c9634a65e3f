"""The key of a log: given in a file, shown by a gateway, or named by the log itself."""

from __future__ import annotations

from pathlib import Path

from wicketgate.base.errors import (
    ConfigurationError,
    InputError,
    LedgerError,
    VerificationError,
)
from wicketgate.base.signing import parse_canonical
from wicketgate.clients.verify.remote import Remote
from wicketgate.ledger.notes import MAX_NOTE_BYTES, NoteVerifier, parse_vkey, unverified_checkpoint
from wicketgate.ledger.policies import MOST_POLICY_BYTES, WitnessPolicy, parse_policy
from wicketgate.ledger.tiles import Fetch, iterate_entries

MAX_KEY_BYTES = 2048


def read_key(path: Path) -> NoteVerifier:
    """Return the log's key in a file.

    The file has the line that `/log/key` shows.

    Raises
    ------
    ConfigurationError
        If the file cannot be read or holds something else.
    """
    try:
        return parse_vkey(path.read_text().strip())
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the key file `{path}` cannot be read") from error
    except InputError as error:
        raise ConfigurationError(f"`{path}`: {error.detail}") from error


def read_policy(path: Path) -> WitnessPolicy:
    """Return the policy in a file (C2SP tlog-policy).

    Raises
    ------
    ConfigurationError
        If the file cannot be read or holds something else.
    """
    try:
        with path.open("rb") as file:
            return parse_policy(file.read(MOST_POLICY_BYTES + 1))
    except OSError as error:
        raise ConfigurationError(f"the policy `{path}` cannot be read") from error
    except InputError as error:
        raise ConfigurationError(f"`{path}`: {error.detail}") from error


def shown_key(remote: Remote) -> NoteVerifier:
    """Return the log's key as the gateway shows it.

    It proves nothing: whoever runs the gateway chose it.

    Raises
    ------
    VerificationError, InputError
        If it shows none.
    """
    data = remote.need("/log/key", most=MAX_KEY_BYTES)
    try:
        return parse_vkey(data.decode("ascii").removesuffix("\n"))
    except UnicodeDecodeError as error:
        raise InputError("`/log/key` is not a verifier key") from error
    except InputError as error:
        raise InputError(f"`/log/key`: {error.detail}") from error


def key_within(fetch: Fetch) -> NoteVerifier:
    """Return the log's key in its own entry of `init`.

    It proves nothing by itself.
    """
    try:
        size = unverified_checkpoint(fetch("checkpoint")[: MAX_NOTE_BYTES + 1]).size
        for number, entry in enumerate(iterate_entries(fetch, min(size, 2**40))):
            if number == 1:
                return parse_vkey(str(parse_canonical(entry).get("log_key")))
    except (InputError, LedgerError) as error:
        raise VerificationError(f"the log names no key: {error.detail}; give it with --key") from error
    raise VerificationError("the log names no key; give it with --key")
