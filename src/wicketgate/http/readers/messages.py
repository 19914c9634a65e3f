"""Messages between the gateway and a reader of its own, over the socket that the reader inherits."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import TypeAlias

import msgspec

from wicketgate.base.limits import ConnectionLimits
from wicketgate.base.roles import RoleCredential
from wicketgate.base.settings import Network, PasswordLogin, SeedLogin, StreamsSettings
from wicketgate.gateway.progress import Behind
from wicketgate.gateway.readers.reader import ReaderSettings
from wicketgate.ledger.tiles import folder_fetch


class StreamsTold(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach the streams: by a seed, or by a user and a password."""

    url: str
    trusted: str | None
    seed: str = ""
    user: str = ""
    password: str = ""

    @classmethod
    def of(cls, settings: StreamsSettings) -> StreamsTold:
        """Return what tells a reader of streams."""
        login = settings.login
        if isinstance(login, SeedLogin):
            return cls(url=settings.url, trusted=settings.trusted, seed=login.seed)
        return cls(url=settings.url, trusted=settings.trusted, user=login.user, password=login.password)

    def settings(self) -> StreamsSettings:
        """Return the settings; of the system user a reader knows nothing."""
        login = (
            SeedLogin(seed=self.seed) if self.seed else PasswordLogin(user=self.user, password=self.password)
        )
        return StreamsSettings(url=self.url, login=login, system=login, trusted=self.trusted)


class BeginReader(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The gateway's first word: what a reader has to keep to.

    Attributes
    ----------
    connections : int
        As many as it may have.
    folder, shown, log : str
        As in `ReaderSettings`.
    """

    limits: ConnectionLimits
    connections: int
    proxies: tuple[str, ...]
    streams: StreamsTold
    credential: RoleCredential
    folder: str
    shown: str
    log: str
    address: str
    contact: str = ""

    def networks(self) -> list[Network]:
        """Return the proxies that are believed."""
        return [ipaddress.ip_network(one) for one in self.proxies]

    def settings(self) -> ReaderSettings:
        """Return what the reader itself must know."""
        return ReaderSettings(
            folder=Path(self.folder),
            streams=self.streams.settings(),
            credential=self.credential,
            shown=Path(self.shown),
            log=folder_fetch(Path(self.log)),
            address=self.address,
            contact=self.contact,
        )


class LeaveReader(msgspec.Struct, frozen=True, tag=True):
    """The gateway's last word: answer what is under way, and end."""


class ReaderCounted(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """How a reader stands, once a second.

    Attributes
    ----------
    address : str
        Where it takes connections (`ways`).
    behind : tuple of Behind
        What is behind: nothing, where it is ready.
    """

    address: str
    behind: tuple[Behind, ...]
    known: int
    strangers: int
    is_short: bool
    refused: dict[str, int]
    closed: dict[str, int]


ToReader: TypeAlias = BeginReader | LeaveReader
encode = msgspec.msgpack.Encoder().encode
decode_at_reader = msgspec.msgpack.Decoder(ToReader).decode
decode_from_reader = msgspec.msgpack.Decoder(ReaderCounted).decode
