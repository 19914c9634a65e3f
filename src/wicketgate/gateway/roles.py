"""The roles of a running gateway: who they are, and what the gateway answers them."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from typing import Final, Self

from wicketgate.base.errors import StreamError
from wicketgate.base.roles import RoleBook
from wicketgate.base.streams.calls import Answering
from wicketgate.base.streams.link import end_tasks
from wicketgate.commits.snapshots import Snapshots
from wicketgate.gateway.node import Gateway
from wicketgate.gateway.operations import roles_known
from wicketgate.gateway.readers.answers import ReaderAnswers

_LOOK_S: Final = 1.0


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
        self._gateway = gateway
        self._watching: asyncio.Task[None] | None = None
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
        roles._watching = asyncio.create_task(roles._watch())
        return roles

    async def close(self) -> None:
        """Answer no more."""
        if self._watching is not None:
            await end_tasks([self._watching])
        await self.answering.close()

    async def _watch(self) -> None:
        """Commit which roles on other hosts are known: at the start, where there are any, and at each change."""
        told: list[str] = []
        while True:
            known = [f"{role.role} {role.name}" for role in self.book.kept()]
            if known != told:
                with contextlib.suppress(StreamError):  # the second is full, or the gateway ends
                    await self._gateway.commits.commit(roles_known(known))
                    told = known
            await asyncio.sleep(_LOOK_S)
