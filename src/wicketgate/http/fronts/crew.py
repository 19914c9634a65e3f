"""Children of a process: begun, looked after, replaced when they end, and told to leave."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sys
from abc import ABC, abstractmethod
from asyncio.subprocess import Process
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from wicketgate.base.children import dying_with_parent
from wicketgate.base.errors import StreamError

log = logging.getLogger(__name__)

_PYTHON: Final = (sys.executable, "-P", "-m")
_PATIENCE_S: Final = 30.0
_LEAVE_S: Final = 8.0
_PAUSES_S: Final = (0.1, 0.5, 2.0, 5.0)
_STEADY_S: Final = 60.0
_TOLD_EVERY_S: Final = 60.0
_SILENT_S: Final = 10.0
_STOOD_STILL_S: Final = 3.0


class Member(ABC):
    """A child, as its parent has it.

    Attributes
    ----------
    ready : bool
        Whether it serves.
    heard_s : float
        When it was heard of, by the loop's clock: it counts each second.
    """

    def __init__(self) -> None:
        self.process: Process | None = None
        self.ready = False
        self.heard_s = 0.0

    @abstractmethod
    async def open(self, link: socket.socket) -> None:
        """Take the link's end."""

    @abstractmethod
    def begin(self) -> None:
        """Send the first word."""

    @abstractmethod
    def tell(self) -> None:
        """Send what is told each second, if anything is."""

    @abstractmethod
    def leave(self) -> None:
        """Send the last word."""

    @abstractmethod
    def close(self) -> None:
        """End the link, and every other way to it."""

    def end(self) -> None:
        """End it, if it has not ended."""
        self.close()
        if self.process is not None and self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()


_Member = TypeVar("_Member", bound=Member)


class Crew(ABC, Generic[_Member]):
    """The children of one kind; one that ends is replaced.

    Parameters
    ----------
    what : str
        What one is called, in messages and in the log.
    module : str
        What it runs, with its descriptors as arguments: the link's first.
    told : callable
        Told how many were replaced: at once, and then at most once a minute. It raises a StreamError where it must be
        told again.

    Attributes
    ----------
    restarts : int
        How many were replaced.
    """

    def __init__(self, what: str, module: str, count: int, told: Callable[[int], object]) -> None:
        self._told = told
        self._what = what
        self._module = module
        self._count = count
        self._members: dict[int, _Member] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._left = asyncio.Event()
        self.restarts = 0

    @property
    def ready(self) -> int:
        """The number of those that serve."""
        return sum(member.ready for member in self._members.values())

    @abstractmethod
    def _recruit(self, number: int) -> tuple[_Member, Sequence[socket.socket], Sequence[socket.socket]]:
        """Return a new member, and its descriptors beside the link: those that are closed here then, and others."""

    @abstractmethod
    def _changed(self) -> None:
        """Take note that one serves, or has ended."""

    @abstractmethod
    def _ended(self, member: _Member) -> None:
        """Take note of one that has ended."""

    async def start(self) -> None:
        """Begin all of them; return once each serves, or after a while without."""
        self._tasks = [asyncio.create_task(self._keep(number)) for number in range(self._count)]
        self._tasks.append(asyncio.create_task(self._tell()))
        try:
            async with asyncio.timeout(_PATIENCE_S):
                while self.ready < self._count:
                    await asyncio.sleep(0.01)
        except TimeoutError:
            log.error("%d of %d %ss have not begun", self._count - self.ready, self._count, self._what)
            self._changed()

    async def stop(self, *, at_once: bool = False) -> None:
        """Let them answer what is under way, and end; or end them `at_once`."""
        self._left.set()
        members = [] if at_once else list(self._members.values())
        for member in members:
            member.leave()
        if members:
            await asyncio.wait(self._tasks[:-1], timeout=_LEAVE_S)
        for member in self._members.values():
            member.end()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _tell(self) -> None:
        """Tell members the time, and the log of those that were replaced: at once, and then at most once a minute."""
        loop = asyncio.get_running_loop()
        told, told_at = 0, float("-inf")
        while True:
            slept_from = loop.time()
            await asyncio.sleep(1)
            stood_still = loop.time() - slept_from > _STOOD_STILL_S  # so that nothing was heard meanwhile
            for number, member in self._members.items():
                member.tell()
                if stood_still:
                    member.heard_s = loop.time()
                if member.ready and loop.time() - member.heard_s > _SILENT_S:
                    log.error("%s %d says nothing, and is ended", self._what, number + 1)
                    member.end()
            if self.restarts > told and loop.time() - told_at >= _TOLD_EVERY_S:
                with contextlib.suppress(StreamError):  # the second is full, or the gateway ends
                    self._told(self.restarts - told)
                    told, told_at = self.restarts, loop.time()

    async def _keep(self, number: int) -> None:
        """Keep one going, until all leave."""
        loop = asyncio.get_running_loop()
        quick = 0  # ends, one behind another, soon after their beginning
        while not self._left.is_set():
            began = loop.time()
            try:
                await self._man(number)
            except OSError as error:  # no process, or no descriptor, just now
                log.error("%s %d cannot begin: %s", self._what, number + 1, type(error).__name__)
            if self._left.is_set():
                return
            self.restarts += 1
            log.error("%s %d has ended, and is replaced", self._what, number + 1)
            quick = quick + 1 if loop.time() - began < _STEADY_S else 0
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._left.wait(), _PAUSES_S[min(quick, len(_PAUSES_S) - 1)])

    async def _man(self, number: int) -> None:
        """Begin one, and wait for its end."""
        ours, theirs = socket.socketpair()
        member, handed, kept = self._recruit(number)
        passed = [theirs, *handed, *kept]
        try:
            member.process = process = await asyncio.create_subprocess_exec(
                *_PYTHON,
                self._module,
                *(str(one.fileno()) for one in passed),
                pass_fds=[one.fileno() for one in passed],
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                preexec_fn=dying_with_parent(),
            )
        except OSError:
            ours.close()
            member.close()
            raise
        finally:
            theirs.close()
            for one in handed:
                one.close()
        try:
            await member.open(ours)
            # Both at once: whatever changes from here on is sent behind the beginning.
            self._members[number] = member
            member.begin()
            await process.wait()
        finally:
            self._members.pop(number, None)
            self._ended(member)
            member.end()
            await process.wait()
            self._changed()
