"""Keys in hardware, by PKCS#11: a smart card, a USB key, a hardware security module.

A key is named as RFC 7512 does, by what tells it apart and where the maker's module is:

    pkcs11:token=Office;object=data-protection?module-path=/usr/lib/softhsm/libsofthsm2.so

Ed25519 alone (`CKM_EDDSA`), as in every document: docs/decisions/0039-hardware-keys.md. The key never leaves the token,
and the PIN is asked for by whoever asks for passphrases. The library is the extra `wicketgate[pkcs11]`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import unquote, unquote_to_bytes

from wicketgate.base.errors import ConfigurationError, InputError, SignerError
from wicketgate.base.signing import format_public, parse_public

_ATTRIBUTES = ("token", "serial", "object", "id")
_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenKey:
    """A key in a token, by the parts of its address.

    Attributes
    ----------
    module : str
        The path of the maker's PKCS#11 module.
    token, serial : str or None
        The label and the number of the token; None is the only one that is there.
    object : str or None
        The label of the key.
    id : bytes or None
        Its `CKA_ID`.
    """

    module: str
    token: str | None = None
    serial: str | None = None
    object: str | None = None
    id: bytes | None = None

    @property
    def name(self) -> str:
        """What people call it."""
        return f"{self.object or 'the key'} in {self.token or 'the token'}"


def parse_address(rest: str) -> TokenKey:
    """Return the key of an address, what stands behind `pkcs11:`.

    Raises
    ------
    ConfigurationError
        If it is no such address, names something twice or something else, or has no `module-path`.
    """
    path, _, query = rest.partition("?")
    found: dict[str, str] = {}
    for part in (*path.split(";"), *query.split("&")):
        name, sign, value = part.partition("=")
        if not part:
            continue
        known = name in _ATTRIBUTES or name == "module-path"
        if not known or not sign or not value or name in found or not re.fullmatch(r"[!-~]+", value):
            raise ConfigurationError(
                f"`pkcs11:` cannot be followed by `{name[:40]}` in that way: write token=LABEL;object=LABEL, and "
                "behind a `?` module-path=FILE"
            )
        found[name] = value
    if "module-path" not in found:
        raise ConfigurationError("`pkcs11:` does not say which module: `?module-path=FILE` at its end")
    words = {name: unquote(value) for name, value in found.items() if name != "id"}
    return TokenKey(
        module=words["module-path"],
        token=words.get("token"),
        serial=words.get("serial"),
        object=words.get("object"),
        id=unquote_to_bytes(found["id"]) if "id" in found else None,
    )


class TokenSigner:
    """A signer whose key is in a token.

    Each signature opens a session with the PIN, and closes it.
    """

    def __init__(self, key: TokenKey, public: bytes, pin: str) -> None:
        self._key, self._public, self._pin = key, public, pin

    @property
    def public(self) -> bytes:
        """The raw public key, 32 bytes."""
        return self._public

    def sign(self, message: bytes) -> bytes:
        """Return the Ed25519 signature over `message`, 64 bytes."""
        pkcs11 = _library()
        with _session(self._key, self._pin) as session:
            private = _only(session, self._key, pkcs11.ObjectClass.PRIVATE_KEY)
            try:
                return bytes(private.sign(message, mechanism=pkcs11.Mechanism.EDDSA))
            except pkcs11.exceptions.PKCS11Error as error:
                raise SignerError(f"{self._key.name} does not sign with Ed25519: {_kind(error)}") from error


def open_token(rest: str, ask: Callable[[str], bytes]) -> TokenSigner:
    """Return the signer of an address; its PIN is asked for and tried.

    Raises
    ------
    ConfigurationError
        If the address, the module, the token or the key cannot be used.
    SignerError
        `passphrase-wrong` if the PIN is wrong, and `signer-failed` for what else the token refuses.
    """
    key = parse_address(rest)
    _library()
    try:
        pin = ask(key.name).decode("utf-8")
    except UnicodeDecodeError as error:
        raise SignerError("the PIN is not text", code="passphrase-wrong") from error
    with _session(key, pin) as session:
        return TokenSigner(key, _public(session, key), pin)


def public_of(key: TokenKey) -> bytes | None:
    """Return the public half of a key without a PIN, or None where the token shows it to nobody."""
    try:
        with _session(key, None) as session:
            return _public(session, key)
    except (ConfigurationError, SignerError):
        return None


# --- the library --------------------------------------------------------------------------------------------


def _library() -> Any:
    try:
        import pkcs11
    except ImportError as error:
        raise ConfigurationError(
            "keys in tokens need the extra `wicketgate[pkcs11]`, which is not installed"
        ) from error
    return pkcs11


@contextmanager
def _session(key: TokenKey, pin: str | None) -> Iterator[Any]:
    pkcs11 = _library()
    try:
        module = pkcs11.lib(key.module)
    except (pkcs11.exceptions.PKCS11Error, RuntimeError) as error:
        raise ConfigurationError(f"`{key.module}` is no module of PKCS#11 that works here") from error
    try:
        named: Mapping[str, Any] = {"token_label": key.token} if key.token is not None else {}
        if key.serial is not None:
            named = {**named, "token_serial": key.serial.encode()}
        token = module.get_token(token_flags=pkcs11.TokenFlag.TOKEN_INITIALIZED, **named)
        opened = token.open(user_pin=pin)
    except pkcs11.exceptions.PKCS11Error as error:
        _refuse(error, key, pkcs11.exceptions)
    try:
        with opened as session:
            yield session
    except pkcs11.exceptions.PKCS11Error as error:
        raise SignerError(f"{key.name} does not answer: {_kind(error)}") from error


def _refuse(error: Exception, key: TokenKey, kinds: Any) -> NoReturn:
    if isinstance(error, kinds.PinLocked):
        raise SignerError(
            f"the PIN of {key.name} was wrong too often, and the token has locked itself: unlock it as its maker says"
        ) from error
    if isinstance(error, kinds.PinIncorrect | kinds.PinInvalid | kinds.PinLenRange):
        raise SignerError(f"the PIN does not open {key.name}", code="passphrase-wrong") from error
    if isinstance(error, kinds.NoSuchToken):
        raise ConfigurationError(f"`{key.module}` has no token `{key.token or key.serial or ''}`") from error
    if isinstance(error, kinds.MultipleTokensReturned):
        raise ConfigurationError(
            f"`{key.module}` has several tokens: say which with `token=` or `serial=`"
        ) from error
    raise SignerError(f"{key.name} cannot be opened: {_kind(error)}") from error


def _only(session: Any, key: TokenKey, kind: Any) -> Any:
    """Return the only object of a kind that the address names."""
    pkcs11 = _library()
    wanted = {pkcs11.Attribute.CLASS: kind, pkcs11.Attribute.KEY_TYPE: pkcs11.KeyType.EC_EDWARDS}
    if key.object is not None:
        wanted[pkcs11.Attribute.LABEL] = key.object
    if key.id is not None:
        wanted[pkcs11.Attribute.ID] = key.id
    found = list(session.get_objects(wanted))
    if len(found) != 1:
        raise ConfigurationError(
            f"{key.name}: {len(found) or 'no'} Ed25519 keys are there of that name; say which with `object=` or `id=`"
        )
    return found[0]


def _public(session: Any, key: TokenKey) -> bytes:
    pkcs11 = _library()
    point = bytes(_only(session, key, pkcs11.ObjectClass.PUBLIC_KEY)[pkcs11.Attribute.EC_POINT])
    # Version 3.0 has the point in an OCTET STRING, and some modules have it bare.
    raw = point[2:] if len(point) == _BYTES + 2 and point[:2] == b"\x04\x20" else point
    try:
        return parse_public(format_public(raw))
    except InputError as error:
        raise ConfigurationError(f"{key.name}: {error.detail}") from error


def _kind(error: Exception) -> str:
    return type(error).__name__
