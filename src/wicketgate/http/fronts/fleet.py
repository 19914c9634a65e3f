"""The fronts of a gateway: begun, looked after, replaced when they end, and told to leave."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sys
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Final

from wicketgate.base.children import dying_with_parent
from wicketgate.base.errors import StreamError
from wicketgate.base.settings import Settings
from wicketgate.commits.transactions import Transaction
from wicketgate.gateway.node import Gateway
from wicketgate.gateway.operations import fronts_replaced
from wicketgate.http.fronts.desk import FrontDesk, Viewing
from wicketgate.http.fronts.messages import Begin, Counted, Leave, MqttBegin, MqttCounted, Now
from wicketgate.http.fronts.passing import ConnectionTaker, passage
from wicketgate.reads.mqtt.ingress import Ingress

log = logging.getLogger(__name__)

_COMMAND: Final = (sys.executable, "-P", "-m", "wicketgate.http.fronts.process")
_PATIENCE_S: Final = 30.0
_LEAVE_S: Final = 8.0
_PAUSES_S: Final = (0.1, 0.5, 2.0, 5.0)
_STEADY_S: Final = 60.0
_TOLD_EVERY_S: Final = 60.0
_SILENT_S: Final = 10.0
_STOOD_STILL_S: Final = 3.0


class Fleet:
    """The fronts of one gateway, all on this machine and at the same sockets.

    A front that ends is replaced; while there is none the gateway accepts by itself.

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

    Attributes
    ----------
    restarts : int
        How many fronts were replaced.
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
        self._gateway = gateway
        self._settings = settings
        self._listening = listening
        self._connections = connections
        self._adopt = adopt
        self._missed = missed
        self._accept = accept
        self._ingress = ingress
        self._viewing = Viewing(gateway)
        self._fronts: dict[int, _Manned] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._left = asyncio.Event()
        self._ended_refused: Counter[str] = Counter()
        self._ended_closed: Counter[str] = Counter()
        self._ended_mqtt = MqttCounted()
        self.restarts = 0

    @property
    def ready(self) -> int:
        """The number of fronts that accept connections."""
        return sum(front.ready.is_set() for front in self._fronts.values())

    def counted(self) -> Counted:
        """Return what all of them count, with those that have ended."""
        counts = [front.desk.counted for front in self._fronts.values() if front.desk.counted is not None]
        return Counted(
            known=sum(one.known for one in counts),
            strangers=sum(one.strangers for one in counts),
            is_short=any(one.is_short for one in counts),
            refused=sum((Counter(one.refused) for one in counts), start=self._ended_refused),
            closed=sum((Counter(one.closed) for one in counts), start=self._ended_closed),
            mqtt=reduce(MqttCounted.plus, (one.mqtt for one in counts), self._ended_mqtt),
        )

    async def start(self) -> None:
        """Begin all fronts; return once each accepts, or once the gateway has to accept by itself."""
        count = self._settings.front_processes
        self._gateway.commits.followers.append(self._follow)
        self._tasks = [asyncio.create_task(self._keep(number)) for number in range(count)]
        self._tasks.append(asyncio.create_task(self._tell()))
        try:
            async with asyncio.timeout(_PATIENCE_S):
                while self.ready < count:
                    await asyncio.sleep(0.01)
        except TimeoutError:
            log.error("%d of %d fronts have not begun", count - self.ready, count)
            self._accept(self.ready == 0)

    async def stop(self) -> None:
        """Let the fronts answer what is under way, and end."""
        self._left.set()
        fronts = list(self._fronts.values())
        for front in fronts:
            front.desk.send(Leave())
        if fronts:
            await asyncio.wait(self._tasks[:-1], timeout=_LEAVE_S)
        for front in self._fronts.values():
            front.end()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._follow in self._gateway.commits.followers:
            self._gateway.commits.followers.remove(self._follow)

    def _follow(self, transaction: Transaction) -> None:
        """Show the fronts a state that has changed, before whoever changed it is answered."""
        if transaction.cameras is None and transaction.token is None and transaction.document is None:
            return
        self._viewing.renew()
        for front in self._fronts.values():
            front.desk.send(self._viewing.view)

    async def _tell(self) -> None:
        """Tell fronts the time, and the log of those that were replaced: at once, and then at most once a minute."""
        loop = asyncio.get_running_loop()
        told, told_at = 0, float("-inf")
        while True:
            slept_from = loop.time()
            await asyncio.sleep(1)
            stood_still = loop.time() - slept_from > _STOOD_STILL_S  # so that nothing was heard meanwhile
            for number, front in self._fronts.items():
                front.desk.send(Now(at_us=self._gateway.clock.now_us()))
                if stood_still:
                    front.desk.heard_s = loop.time()
                if front.ready.is_set() and loop.time() - front.desk.heard_s > _SILENT_S:
                    log.error("front %d says nothing, and is ended", number + 1)
                    front.end()
            if self.restarts > told and loop.time() - told_at >= _TOLD_EVERY_S:
                with contextlib.suppress(StreamError):  # the second is full, or the gateway ends
                    self._gateway.commits.commit(fronts_replaced(self.restarts - told))
                    told, told_at = self.restarts, loop.time()

    async def _keep(self, number: int) -> None:
        """Keep one front going, until all leave."""
        loop = asyncio.get_running_loop()
        quick = 0  # ends, one behind another, soon after their beginning
        while not self._left.is_set():
            began = loop.time()
            try:
                await self._man(number)
            except OSError as error:  # no process, or no descriptor, just now
                log.error("front %d cannot begin: %s", number + 1, type(error).__name__)
            if self._left.is_set():
                return
            self.restarts += 1
            log.error("front %d has ended, and is replaced", number + 1)
            quick = quick + 1 if loop.time() - began < _STEADY_S else 0
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._left.wait(), _PAUSES_S[min(quick, len(_PAUSES_S) - 1)])

    async def _man(self, number: int) -> None:
        """Begin a front, and wait for its end."""
        ours, theirs = socket.socketpair()
        taking, giving = passage()
        ready = asyncio.Event()
        desk = FrontDesk(self._gateway, self._viewing, lambda: self._begun(number))
        handed = [theirs, giving, *self._listening]
        mqtt = self._mqtt()
        try:
            process = await asyncio.create_subprocess_exec(
                *_COMMAND,
                *(str(one.fileno()) for one in handed),
                pass_fds=[one.fileno() for one in handed] + ([] if mqtt is None else [mqtt.listening]),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                preexec_fn=dying_with_parent(),
            )
        except OSError:
            ours.close()
            taking.close()
            raise
        finally:
            theirs.close()
            giving.close()
        taker = ConnectionTaker(taking, self._adopt, missed=self._missed, faulty=desk.close)
        front = _Manned(process, desk, taker, ready)
        try:
            await desk.open(ours)
            # Both at once: whatever changes from here on is sent behind the beginning.
            self._fronts[number] = front
            desk.send(self._begin(mqtt))
            await process.wait()
        finally:
            self._fronts.pop(number, None)
            if desk.counted is not None:
                self._ended_refused.update(desk.counted.refused)
                self._ended_closed.update(desk.counted.closed)
                self._ended_mqtt = self._ended_mqtt.plus(desk.counted.mqtt.past())
            front.end()
            await process.wait()
            self._accept(self.ready == 0 and not self._left.is_set())

    def _begin(self, mqtt: MqttBegin | None) -> Begin:
        settings = self._settings
        return Begin(
            limits=settings.limits,
            connections=max(1, self._connections // settings.front_processes),
            proxies=tuple(str(one) for one in settings.proxies),
            view=self._viewing.now(),
            mqtt=mqtt,
        )

    def _mqtt(self) -> MqttBegin | None:
        ingress, fronts = self._ingress, self._settings.front_processes
        if ingress is None or ingress.listening is None:
            return None
        settings, limits = ingress.settings, ingress.limits
        return MqttBegin(
            listening=ingress.listening.fileno(),
            host=settings.host,
            port=settings.port,
            certificate=None if settings.certificate is None else str(settings.certificate),
            key=None if settings.key is None else str(settings.key),
            connections=max(1, (limits.places.known + limits.places.strangers) // fronts),
            bytes=max(1, limits.held_bytes // fronts),
            bytes_of_source=max(1, limits.held_bytes_of_source // fronts),
        )

    def _begun(self, number: int) -> None:
        front = self._fronts.get(number)
        if front is None:
            return
        front.desk.send(Now(at_us=self._gateway.clock.now_us()))  # its beginning took a while
        front.ready.set()
        self._accept(False)


class _Manned:
    """A front that runs."""

    def __init__(
        self, process: Process, desk: FrontDesk, taking: ConnectionTaker, ready: asyncio.Event
    ) -> None:
        self.process = process
        self.desk = desk
        self.taking = taking
        self.ready = ready

    def end(self) -> None:
        """End it, if it has not ended."""
        self.desk.close()
        self.taking.close()
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
