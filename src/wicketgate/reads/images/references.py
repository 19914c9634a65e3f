"""Make and open references to images."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from wicketgate.base.errors import InputError
from wicketgate.reads.observations import ImageKind

MAX_BYTES: Mapping[ImageKind, int] = {"patch": 512 * 1024, "overview": 4 * 1024 * 1024}
"""The largest image of each kind."""
NAME = re.compile(r"([a-z0-9][a-z0-9-]{0,63})/(\d{8})/([0-9a-f]{32})", re.ASCII)
_TEXT = re.compile(rf"({NAME.pattern}) ([0-9a-f]{{64}}) (image/(?:jpeg|png)) (\d{{1,8}})", re.ASCII)
_REF = re.compile(r"[A-Za-z0-9_-]{1,200}", re.ASCII)
_REF_BYTES = 88  # of a name, padded: the length of a reference does not tell its source


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredImage:
    """A durable image: its place and its kind."""

    name: str
    sha256: str
    media_type: str
    size: int

    def text(self) -> str:
        """Return it in a column's form: name, SHA-256, media type, bytes."""
        return f"{self.name} {self.sha256} {self.media_type} {self.size}"

    @staticmethod
    def parse(text: str) -> StoredImage:
        """Read the form of `text`.

        InputError for anything else.
        """
        found = _TEXT.fullmatch(text)
        if found is None:
            raise InputError("not the text of a stored image")
        return StoredImage(name=found[1], sha256=found[5], media_type=found[6], size=int(found[7]))


def media_type_of(body: bytes) -> str | None:
    """Return `image/jpeg` or `image/png` by the first bytes.

    Whatever a sender calls it; None for anything else.
    """
    if body.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    return None


def fault(kind: ImageKind, body: bytes) -> str | None:
    """Return the fault of a body as an image of a kind, or None.

    The fault is in words; None if the body can be taken.
    """
    if len(body) > MAX_BYTES[kind]:
        return f"larger than {MAX_BYTES[kind] // 1024} KiB, the most that a {kind} may have"
    if media_type_of(body) is None:
        return "neither JPEG nor PNG"
    return None


@lru_cache(maxsize=8)
def _cipher(secret: bytes) -> AESSIV:
    return AESSIV(hashlib.blake2b(key=secret, person=b"image references"[:16], digest_size=32).digest())


def make_ref(secret: bytes, authority: str, name: str) -> str:
    """Return the reference to an image for one authority, or for one answer of it.

    Parameters
    ----------
    secret : bytes
        The deployment's secret (`Deployment.index_secret`), 16 to 64 bytes.
    authority : str
        Whose it is: an authority's name, or what stands for one answer.
    name : str
        `Stored.name`.

    Returns
    -------
    str
        139 letters, digits, `_` and `-`: the same for the same image and authority.

    Notes
    -----
    AES-SIV (RFC 5297) with the authority as associated data: nobody without the secret can make one, read a source or
    a day in it, or see that two authorities were given the same image. About 5 µs.
    """
    found = NAME.fullmatch(name)
    if found is None:
        raise InputError("not the name of an image")
    plain = bytes.fromhex(found[3]) + int(found[2]).to_bytes(4, "big") + found[1].encode()
    sealed = _cipher(secret).encrypt(plain.ljust(_REF_BYTES, b"\0"), [authority.encode()])
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def open_ref(secret: bytes, authority: str, ref: str) -> str:
    """Return the name in an authority's reference.

    `make_ref` made it for this authority.

    Raises
    ------
    InputError
        For anything else, another authority's references among it.
    """
    if _REF.fullmatch(ref) is None:
        raise InputError("not a reference of an image")
    try:
        sealed = base64.urlsafe_b64decode(ref + "=" * (-len(ref) % 4))
        plain = _cipher(secret).decrypt(sealed, [authority.encode()])
    except (InvalidTag, ValueError) as error:
        raise InputError("not a reference of an image of this authority") from error
    day = int.from_bytes(plain[16:20], "big")
    return f"{plain[20:].rstrip(bytes(1)).decode()}/{day:08d}/{plain[:16].hex()}"
