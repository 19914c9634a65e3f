"""The readers of a gateway's own, all on this machine."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from wicketgate.base.roles import READER, RoleBook, RoleCredential
from wicketgate.base.settings import Settings
from wicketgate.gateway.node import Gateway
from wicketgate.gateway.operations import replaced
from wicketgate.http.fronts.crew import Crew, Member
from wicketgate.http.fronts.frames import Frames
from wicketgate.http.fronts.messages import Counted
from wicketgate.http.fronts.passing import ConnectionTaker, passage
from wicketgate.http.readers.messages import (
    BeginReader,
    LeaveReader,
    ReaderCounted,
    StreamsTold,
    decode_from_reader,
    encode,
)

_MODULE: Final = "wicketgate.http.readers.process"


class ReaderMember(Member):
    """A reader that runs.

    Parameters
    ----------
    changed : callable
        Told when it becomes ready, or is so no longer.
    """

    def __init__(
        self,
        begin: BeginReader,
        taking: ConnectionTaker,
        changed: Callable[[], None],
        ended: Callable[[], None],
    ) -> None:
        super().__init__()
        self._begin = begin
        self._taker = taking
        self._changed = changed
        self._on_close = ended
        self._frames: Frames | None = None
        self.counted: ReaderCounted | None = None

    async def open(self, link: Any) -> None:
        """Take the link's end."""
        self._frames = await Frames.over(link, self._got, lambda: None)  # its process ends, and that is seen

    def begin(self) -> None:
        """Send the first word."""
        self._send(self._begin)

    def tell(self) -> None:
        """Tell it nothing: it asks."""

    def leave(self) -> None:
        """Send the last word."""
        self._send(LeaveReader())

    def close(self) -> None:
        """End the link, the way of connections, and what it may ask."""
        if self._frames is not None:
            self._frames.close()
        self._taker.close()
        self._on_close()

    def _send(self, message: msgspec.Struct) -> None:
        if self._frames is not None:
            self._frames.send(encode(message))

    def _got(self, frame: bytes) -> None:
        self.heard_s = asyncio.get_running_loop().time()
        self.counted = decode_from_reader(frame)
        ready = not self.counted.behind
        if ready != self.ready:
            self.ready = ready
            self._changed()


class ReaderFleet(Crew[ReaderMember]):
    """The readers of one gateway's own.

    Parameters
    ----------
    book : RoleBook
        In which each stands while it runs.
    adopt : callable
        Gets each connection that a reader gives back, and what was read of it.
    show : callable
        Gets the addresses at which readers that are ready take connections, whenever these change.
    """

    def __init__(
        self,
        gateway: Gateway,
        settings: Settings,
        book: RoleBook,
        *,
        connections: int,
        adopt: Callable[[socket.socket, bytes], None],
        missed: Callable[[], None],
        show: Callable[[list[str]], None],
    ) -> None:
        super().__init__(
            "reader",
            _MODULE,
            settings.reader_processes,
            lambda count: gateway.commits.commit(replaced("reader", count)),
        )
        self._gateway = gateway
        self._settings = settings
        self._book = book
        self._connections = connections
        self._adopt = adopt
        self._missed = missed
        self._show = show
        self._ended_refused: Counter[str] = Counter()
        self._ended_closed: Counter[str] = Counter()

    def counted(self) -> Counted:
        """Return what all of them count, with those that have ended."""
        counts = [one.counted for one in self._members.values() if one.counted is not None]
        return Counted(
            known=sum(one.known for one in counts),
            strangers=sum(one.strangers for one in counts),
            body_bytes=0,  # of bodies it takes none: whoever sends one is handed on
            is_short=any(one.is_short for one in counts),
            refused=sum((Counter(one.refused) for one in counts), start=self._ended_refused),
            closed=sum((Counter(one.closed) for one in counts), start=self._ended_closed),
        )

    def _recruit(self, number: int) -> tuple[ReaderMember, Sequence[socket.socket], Sequence[socket.socket]]:
        taking, giving = passage()
        credential = self._book.admit_child(READER, f"reader-{number + 1}", self._gateway.ledger.origin)
        member = ReaderMember(
            self._begin(number, credential),
            ConnectionTaker(taking, self._adopt, missed=self._missed),
            self._changed,
            lambda: self._book.dismiss_child(credential),
        )
        return member, [giving], ()

    def _begin(self, number: int, credential: RoleCredential) -> BeginReader:
        settings, gateway = self._settings, self._gateway
        streams = gateway.server.for_readers if gateway.server is not None else settings.streams
        assert streams is not None
        deployment = gateway.deployment
        return BeginReader(
            limits=settings.limits,
            connections=max(1, self._connections // settings.reader_processes),
            proxies=tuple(str(one) for one in settings.proxies),
            streams=StreamsTold.of(streams),
            credential=credential,
            folder=str(deployment.folder.resolve() / "readers" / str(number + 1)),
            shown=str(deployment.folder.resolve()),
            log=str(deployment.log.resolve()),
            address=settings.address,
            contact=settings.contact,
        )

    def _changed(self) -> None:
        ready = [one.counted.address for one in self._members.values() if one.ready and one.counted]
        self._show([] if self._left.is_set() else ready)

    def _ended(self, member: ReaderMember) -> None:
        if member.counted is not None:
            self._ended_refused.update(member.counted.refused)
            self._ended_closed.update(member.counted.closed)
