"""The courier: the gateway's side of the process that sends alerts."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from asyncio.subprocess import PIPE, Process
from typing import Final

import msgspec

from wicketgate.alerts.messages import AlertText
from wicketgate.alerts.orders import PATIENCE_S, SendOrder, SendResult, Way, frame
from wicketgate.base.children import dying_with_parent

log = logging.getLogger(__name__)

_COMMAND: Final = (sys.executable, "-m", "wicketgate.alerts.process")
_BEYOND_S: Final = 10.0
"""How long after its patience an order may stay unanswered, a start of the process among it, before that is ended."""
_MOST_ANSWER: Final = 64 * 1024
_decoder = msgspec.msgpack.Decoder(SendResult)


class Courier:
    """A process that sends; it begins with the first message, and again after its end.

    Parameters
    ----------
    patience_s : float
        Within which one attempt must end.

    Attributes
    ----------
    restarts : int
        How often it was ended, or ended by itself, while something was under way.
    """

    def __init__(self, *, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._process: Process | None = None
        self._hearing: asyncio.Task[None] | None = None
        self._waiting: dict[int, asyncio.Future[SendResult]] = {}
        self._beginning = asyncio.Lock()
        self._number = 0
        self.restarts = 0

    async def send(self, told: AlertText, way: Way) -> SendResult:
        """Send one message, once, and return what that came to; it never takes longer than its patience and a bit."""
        self._number += 1
        number = self._number
        order = SendOrder(number=number, told=told, way=way, patience_s=self._patience_s)
        answered: asyncio.Future[SendResult] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answered
        try:
            async with asyncio.timeout(self._patience_s + _BEYOND_S):
                process = await self._begun()
                assert process.stdin is not None
                process.stdin.write(frame(msgspec.msgpack.encode(order)))
                await process.stdin.drain()
                return await answered
        except TimeoutError:
            log.error("the process that sends alerts does not answer, and is ended")
            await self.close()
            return SendResult(number=number, fault="the process that sends did not answer")
        except OSError:
            return SendResult(number=number, fault="the process that sends has ended")
        finally:
            self._waiting.pop(number, None)

    async def close(self) -> None:
        """End the process; what is under way may have been sent or not."""
        process, self._process = self._process, None
        hearing, self._hearing = self._hearing, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        if hearing is not None:
            hearing.cancel()
            await asyncio.wait([hearing])
        self._ended()

    async def _begun(self) -> Process:
        async with self._beginning:
            if self._process is None or self._process.returncode is not None:
                self._process = await asyncio.create_subprocess_exec(
                    *_COMMAND, stdin=PIPE, stdout=PIPE, preexec_fn=dying_with_parent()
                )
                self._hearing = asyncio.create_task(self._hear(self._process))
            return self._process

    async def _hear(self, process: Process) -> None:
        assert process.stdout is not None
        try:
            while True:
                length = int.from_bytes(await process.stdout.readexactly(4), "big")
                if length > _MOST_ANSWER:
                    raise EOFError
                sent = _decoder.decode(await process.stdout.readexactly(length))
                answered = self._waiting.get(sent.number)
                if answered is not None and not answered.done():
                    answered.set_result(sent)
        except (EOFError, OSError, msgspec.DecodeError):
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            self._ended()

    def _ended(self) -> None:
        """Answer whoever waits: what they sent may have arrived or not."""
        if self._waiting:
            self.restarts += 1
        for number, answered in self._waiting.items():
            if not answered.done():
                answered.set_result(SendResult(number=number, fault="the process that sends has ended"))
