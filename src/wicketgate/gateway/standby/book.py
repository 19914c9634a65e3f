"""The book of roles at both sequencers: the one that leads shares its own, and the one that waits keeps it.

It lies beside the shared keys, sealed under a key that follows from the deployment's secret: whoever reads or writes
the streams learns nothing, lets nobody in, and brings no withdrawn role back, because an older book is never taken.
"""

from __future__ import annotations

import logging
import os
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from nats.js.errors import NotFoundError

from wicketgate.base.forms import FIRST
from wicketgate.base.roles import KnownRole, RoleBook
from wicketgate.base.streams.link import Link
from wicketgate.gateway.standby.keys import SHARED

log = logging.getLogger(__name__)

_SUBJECT: Final = f"{SHARED}.roles"
_LABEL: Final = b"wicketgate shared roles 1"
_NONCE: Final = 12


class _BookTold(msgspec.Struct, frozen=True, kw_only=True):
    """The book as it was after a transaction: a later sequencer's number is above all of one before."""

    form: int = FIRST
    sequence: int
    roles: list[KnownRole]


class SharedBook:
    """The book of one sequencer, shared with the other.

    Parameters
    ----------
    secret : bytes
        The deployment's.
    """

    def __init__(self, link: Link, secret: bytes, book: RoleBook) -> None:
        self._cipher = ChaCha20Poly1305(HKDF(SHA256(), 32, salt=None, info=_LABEL).derive(secret))
        self._link = link
        self._book = book

    async def put(self, roles: list[KnownRole], sequence: int) -> None:
        """Share the book of the one that leads.

        Raises
        ------
        nats.errors.Error, TimeoutError
            If the streams do not answer: then it is put again.
        """
        nonce = os.urandom(_NONCE)
        told = msgspec.msgpack.encode(_BookTold(sequence=sequence, roles=roles))
        await self._link.jetstream.publish(_SUBJECT, nonce + self._cipher.encrypt(nonce, told, _LABEL))

    async def look(self) -> None:
        """Keep the book of the one that leads, where it is a later one."""
        try:
            found = await self._link.ask(
                lambda: self._link.jetstream.get_msg(SHARED, seq=1, subject=_SUBJECT, next=True)
            )
        except NotFoundError:
            return
        sealed: bytes = found.data or b""
        try:
            data = self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], _LABEL)
            told = msgspec.msgpack.decode(data, type=_BookTold)
        except (InvalidTag, ValueError, msgspec.DecodeError):
            log.warning("the shared book of roles is none of this deployment's")
            return
        if told.form == FIRST:
            self._book.follow(told.roles, told.sequence)
