"""Officers' key files, and the opening of a signer by name.

A signer is named `SCHEME:rest`, or by the path of a key file alone. This version builds `file` and `pkcs11` (`tokens`);
a key service is one more opener here and nothing elsewhere. docs/decisions/0017-keys-of-officers.md.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from wicketgate.base.errors import ConfigurationError, InputError, SignerError
from wicketgate.base.passphrases import is_encrypted
from wicketgate.base.signing import PrivateKey, Signer
from wicketgate.clients.officer.tokens import open_token, parse_address, public_of

Ask = Callable[[str], bytes]
"""Returns the passphrase of what it is told the name of; called at most once for a signer, and only if it is needed."""

_SCHEME = re.compile(r"([a-z][a-z0-9+-]+):(.*)", re.ASCII | re.DOTALL)
_MOST_BYTES = 64 << 10
_MOST_PASSPHRASE = 1024


def open_signer(spec: str, ask: Ask) -> Signer:
    """Return the signer of a `spec`.

    Parameters
    ----------
    spec : str
        The path of a key file, or `SCHEME:rest`. A path that looks like the latter is written `file:path`.
    ask : callable
        Asked for the passphrase where the key is encrypted.

    Raises
    ------
    ConfigurationError
        If the scheme is none that is known, or the file holds no key.
    SignerError
        `passphrase-wrong`, or what the signer raises.
    """
    scheme, rest = _split(spec)
    return _known(scheme).open(rest, ask)


def _split(spec: str) -> tuple[str, str]:
    match = _SCHEME.fullmatch(spec)
    return ("file", spec) if match is None else (match[1], match[2])


def _known(scheme: str) -> _Scheme:
    known = _SCHEMES.get(scheme)
    if known is None:
        raise ConfigurationError(
            f"`{scheme}:` names no signer that this version knows; known are {', '.join(sorted(_SCHEMES))}; for a "
            "key kept elsewhere use `sign --payload-out`, and then `sign --signature` and `--public`"
        )
    return known


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyGlimpse:
    """A key as it can be told before it is opened.

    Attributes
    ----------
    name : str
        Of the file, or of the key and its token.
    opened_by : {"passphrase", "PIN", ""}
        What opens it; empty where nothing need.
    made_for : str
        The office for which it was made, as it says itself: nothing proves that. Perhaps empty.
    public : bytes or None
        The raw public key, where that can be told.
    """

    name: str
    opened_by: str
    made_for: str
    public: bytes | None


def glimpse(spec: str) -> KeyGlimpse:
    """Return what can be told of the key of a `spec` without opening it.

    Raises
    ------
    ConfigurationError
        As `open_signer`.
    """
    scheme, rest = _split(spec)
    return _known(scheme).glimpse(rest)


def _glimpse_file(rest: str) -> KeyGlimpse:
    path = Path(rest)
    data = _read(path)
    first = data.split(b"\n", 1)[0].decode("utf-8", "replace")
    locked = is_encrypted(data)
    return KeyGlimpse(
        name=path.name,
        opened_by="passphrase" if locked else "",
        made_for=first[2:] if first.startswith("# ") and first.isprintable() else "",
        public=None if locked else open_key_file(path, _nobody).public,
    )


def _glimpse_token(rest: str) -> KeyGlimpse:
    key = parse_address(rest)
    return KeyGlimpse(name=key.name, opened_by="PIN", made_for="", public=public_of(key))


def _nobody(what: str) -> bytes:
    raise SignerError(f"`{what}` is encrypted", code="passphrase-wrong")


def open_key_file(path: Path, ask: Ask) -> PrivateKey:
    """Return the key in a file, encrypted or not.

    Raises
    ------
    ConfigurationError
        If the file cannot be read or holds no Ed25519 key.
    SignerError
        `passphrase-wrong` if the passphrase does not open it.
    """
    data = _read(path)
    if not is_encrypted(data):
        try:
            return PrivateKey.from_pem(data)
        except InputError as error:
            raise ConfigurationError(f"`{path}` is not a usable key file: {error}") from error
    try:
        return PrivateKey.from_pem(data, ask(str(path)))
    except InputError as error:
        raise SignerError(
            f"the passphrase does not open `{path}`, or the file is damaged", code="passphrase-wrong"
        ) from error


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MOST_BYTES)
    except OSError as error:
        raise ConfigurationError(f"cannot read the key file `{path}`: {error.strerror}") from error


def read_passphrase(path: Path) -> bytes:
    """Return the first line of a file as a passphrase.

    The file must be readable by its owner alone.

    Raises
    ------
    ConfigurationError
        If the file cannot be read, may be read by others, or holds none.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            line = file.readline(_MOST_PASSPHRASE + 2).rstrip(b"\r\n")
    except OSError as error:
        raise ConfigurationError(f"cannot read `{path}`: {error.strerror}") from error
    if mode & 0o077:
        raise ConfigurationError(f"`{path}` may be read by others: set its mode to 0600")
    return require_passphrase(line, f"`{path}`")


def require_passphrase(passphrase: bytes, where: str) -> bytes:
    """Return a passphrase of 1 to 1,024 bytes, or refuse it."""
    if not passphrase or len(passphrase) > _MOST_PASSPHRASE:
        raise ConfigurationError(f"{where} holds no passphrase of 1 to {_MOST_PASSPHRASE} bytes")
    return passphrase


def _open_file(rest: str, ask: Ask) -> Signer:
    return open_key_file(Path(rest), ask)


class _Scheme(NamedTuple):
    open: Callable[[str, Ask], Signer]
    glimpse: Callable[[str], KeyGlimpse]


_SCHEMES: Mapping[str, _Scheme] = {
    "file": _Scheme(_open_file, _glimpse_file),
    "pkcs11": _Scheme(open_token, _glimpse_token),
}
