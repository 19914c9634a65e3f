"""The roles of a running gateway: who they are, and what the gateway answers them."""

from __future__ import annotations

import secrets
from typing import Self

from wicketgate.base.roles import RoleBook
from wicketgate.base.streams.calls import Answering
from wicketgate.commits.snapshots import Snapshots
from wicketgate.gateway.node import Gateway
from wicketgate.gateway.readers.answers import ReaderAnswers


class Roles:
    """The sequencer's side of every role.

    Attributes
    ----------
    book : RoleBook
        The roles that are known.
    answering : Answering
        What they ask is answered there; whoever has an answer adds it.
    """

    def __init__(self, gateway: Gateway) -> None:
        self.book = RoleBook(gateway.deployment.roles)
        self.answering = Answering(gateway.link, self.book)
        snapshots = Snapshots(gateway.deployment.part("snapshots"), gateway.keys.of("snapshots"))
        ReaderAnswers(gateway, snapshots, secrets.token_hex(8)).begin(self.answering)

    @classmethod
    async def open(cls, gateway: Gateway) -> Self:
        """Begin to answer.

        Raises
        ------
        ConfigurationError
            If the book cannot be used.
        """
        roles = cls(gateway)
        await roles.answering.open()
        return roles

    async def close(self) -> None:
        """Answer no more."""
        await self.answering.close()
