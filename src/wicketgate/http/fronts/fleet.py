"""The fronts of a gateway, all on this machine and at the same sockets."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Final

from wicketgate.base.settings import Settings
from wicketgate.commits.transactions import Transaction
from wicketgate.gateway.node import Gateway
from wicketgate.gateway.operations import replaced
from wicketgate.http.fronts.crew import Crew, Member
from wicketgate.http.fronts.desk import FrontDesk, Viewing
from wicketgate.http.fronts.messages import Begin, Counted, Leave, MqttBegin, MqttCounted, Now, Readers
from wicketgate.http.fronts.passing import ConnectionTaker, passage
from wicketgate.reads.mqtt.ingress import Ingress

_MODULE: Final = "wicketgate.http.fronts.process"


class FrontMember(Member):
    """A front that runs."""

    def __init__(
        self,
        gateway: Gateway,
        viewing: Viewing,
        taking: socket.socket,
        adopt: Callable[[socket.socket, bytes], None],
        missed: Callable[[], None],
        begun: Callable[[FrontMember], None],
        beginning: Callable[[], Begin],
    ) -> None:
        super().__init__()
        self._gateway = gateway
        self._beginning = beginning
        self.desk = FrontDesk(gateway, viewing, lambda: begun(self), self._heard)
        self._taker = ConnectionTaker(taking, adopt, missed=missed, faulty=self.desk.close)

    async def open(self, link: socket.socket) -> None:
        """Take the link's end."""
        await self.desk.open(link)

    def begin(self) -> None:
        """Send the first word."""
        self.desk.send(self._beginning())

    def tell(self) -> None:
        """Tell the time."""
        self.desk.send(Now(at_us=self._gateway.clock.now_us()))

    def leave(self) -> None:
        """Send the last word."""
        self.desk.send(Leave())

    def close(self) -> None:
        """End the link, and the way of connections."""
        self.desk.close()
        self._taker.close()

    def _heard(self) -> None:
        self.heard_s = asyncio.get_running_loop().time()


class Fleet(Crew[FrontMember]):
    """The fronts of one gateway, all on this machine and at the same sockets.

    While there is none the gateway accepts by itself.

    Parameters
    ----------
    listening : sequence of socket
        Where they accept.
    adopt : callable
        Gets each connection that a front gives away, and what was read of it.
    missed : callable
        Told of each connection that was lost for want of a descriptor.
    accept : callable
        Told whether the gateway has to accept by itself.
    ingress : Ingress, optional
        The gateway's own of MQTT: fronts take its part.
    """

    def __init__(
        self,
        gateway: Gateway,
        settings: Settings,
        listening: Sequence[socket.socket],
        *,
        connections: int,
        adopt: Callable[[socket.socket, bytes], None],
        missed: Callable[[], None],
        accept: Callable[[bool], None],
        ingress: Ingress | None = None,
    ) -> None:
        super().__init__(
            "front",
            _MODULE,
            settings.front_processes,
            lambda count: gateway.commits.commit(replaced("front", count)),
        )
        self._gateway = gateway
        self._settings = settings
        self._listening = listening
        self._connections = connections
        self._adopt = adopt
        self._missed = missed
        self._accept = accept
        self._ingress = ingress
        self._viewing = Viewing(gateway)
        self._ended_refused: Counter[str] = Counter()
        self._ended_closed: Counter[str] = Counter()
        self._ended_mqtt = MqttCounted()
        self._readers: list[str] = []

    def counted(self) -> Counted:
        """Return what all of them count, with those that have ended."""
        counts = [one.desk.counted for one in self._members.values() if one.desk.counted is not None]
        return Counted(
            known=sum(one.known for one in counts),
            strangers=sum(one.strangers for one in counts),
            body_bytes=sum(one.body_bytes for one in counts),
            is_short=any(one.is_short for one in counts),
            refused=sum((Counter(one.refused) for one in counts), start=self._ended_refused),
            closed=sum((Counter(one.closed) for one in counts), start=self._ended_closed),
            mqtt=reduce(MqttCounted.plus, (one.mqtt for one in counts), self._ended_mqtt),
        )

    async def start(self) -> None:
        """Begin all fronts; return once each accepts, or once the gateway has to accept by itself."""
        self._gateway.commits.followers.append(self._follow)
        await super().start()

    async def stop(self, *, at_once: bool = False) -> None:
        """Let the fronts answer what is under way, and end."""
        await super().stop(at_once=at_once)
        if self._follow in self._gateway.commits.followers:
            self._gateway.commits.followers.remove(self._follow)

    def show_readers(self, addresses: list[str]) -> None:
        """Tell every front where readers take connections."""
        self._readers = addresses
        for front in self._members.values():
            front.desk.send(Readers(addresses=addresses))

    def _follow(self, transaction: Transaction) -> None:
        """Show the fronts a state that has changed, before whoever changed it is answered."""
        if transaction.cameras is None and transaction.token is None and transaction.document is None:
            return
        self._viewing.renew()
        for front in self._members.values():
            front.desk.send(self._viewing.view)

    def _recruit(self, number: int) -> tuple[FrontMember, Sequence[socket.socket], Sequence[socket.socket]]:
        taking, giving = passage()
        member = FrontMember(
            self._gateway, self._viewing, taking, self._adopt, self._missed, self._begun, self._begin
        )
        mqtt = None if self._ingress is None else self._ingress.listening
        return member, [giving], [*self._listening, *([] if mqtt is None else [mqtt])]

    def _begin(self) -> Begin:
        settings = self._settings
        return Begin(
            limits=settings.limits,
            connections=max(1, self._connections // settings.front_processes),
            proxies=tuple(str(one) for one in settings.proxies),
            view=self._viewing.now(),
            readers=self._readers,
            mqtt=self._mqtt(),
        )

    def _mqtt(self) -> MqttBegin | None:
        ingress, fronts = self._ingress, self._settings.front_processes
        if ingress is None or ingress.listening is None:
            return None
        return MqttBegin.divided(ingress.settings, ingress.limits, ingress.listening, fronts)

    def _begun(self, front: FrontMember) -> None:
        front.tell()  # its beginning took a while
        front.ready = True
        self._changed()

    def _changed(self) -> None:
        if not self._left.is_set():
            self._accept(self.ready == 0)

    def _ended(self, member: FrontMember) -> None:
        counted = member.desk.counted
        if counted is not None:
            self._ended_refused.update(counted.refused)
            self._ended_closed.update(counted.closed)
            self._ended_mqtt = self._ended_mqtt.plus(counted.mqtt.past())
