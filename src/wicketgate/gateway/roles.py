"""The roles of a running gateway: who they are, and what the gateway answers them."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from typing import Final, Self

from nats.errors import Error as NatsError

from wicketgate.base.errors import StreamError
from wicketgate.base.roles import KnownRole, RoleBook
from wicketgate.base.streams.calls import Answering
from wicketgate.base.streams.link import end_tasks
from wicketgate.commits.snapshots import Snapshots
from wicketgate.gateway.node import Gateway
from wicketgate.gateway.operations import roles_known
from wicketgate.gateway.readers.answers import ReaderAnswers
from wicketgate.gateway.standby.book import SharedBook

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
        self._shared = SharedBook(gateway.link, gateway.deployment.index_secret(), self.book)
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
        """Commit which roles on other hosts are known: at the start, where there are any, and at each change.

        Then the other sequencer may know: a book that has changed has a later number than the one before.
        """
        told: list[KnownRole] = []
        commits = self._gateway.commits
        while True:
            kept = self.book.kept()
            if kept != told:
                with contextlib.suppress(StreamError):  # the second is full, or the gateway ends
                    await commits.commit(roles_known([f"{role.role} {role.name}" for role in kept]))
                    told = kept
            if kept == told and self._gateway.shared is not None:
                # Each time: all servers of the streams may have stopped, and forgotten it.
                with contextlib.suppress(StreamError, NatsError, TimeoutError, OSError):
                    await self._shared.put(kept, commits.committed.sequence)
            await asyncio.sleep(_LOOK_S)
