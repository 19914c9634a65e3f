"""The parser of a front's Arrow bodies: a child process, begun at the first of them.

The library takes more memory than a front has, and parses what the net sends in C++: a body that breaks it breaks
the child, which is begun again.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncGenerator
from typing import Any, Final

import msgspec

from wicketgate.base.aside import TasksAside
from wicketgate.base.children import dying_with_parent
from wicketgate.base.errors import InputError, StreamError
from wicketgate.reads.parse import Faulty, Rows, rows_from

COMMAND: Final = (sys.executable, "-P", "-m", "wicketgate.reads.arrow_child")
_LENGTH: Final = 4
_PATIENCE_S: Final = 20.0
"""Seconds for an answer, also of a child that has only begun."""
_IDLE_S: Final = 60.0
_MOST: Final = 64 << 20
"""Bytes of an answer: more is a fault of the child."""
_decode = msgspec.msgpack.Decoder(list[dict[str, Any]]).decode


class ArrowChild:
    """The parser child of one front.

    It has one body at a time. One that dies, is silent, or says what it never does is ended; whoever's body it had
    posts again. One that had nothing to do for a while is ended too.

    Parameters
    ----------
    command : sequence of str
        What is run.
    """

    def __init__(self, command: tuple[str, ...] = COMMAND, patience_s: float = _PATIENCE_S) -> None:
        self._command = command
        self._patience_s = patience_s
        self._turn = asyncio.Lock()
        self._process: Process | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._ending = TasksAside()

    @property
    def pid(self) -> int | None:
        """The child's process id, while there is one."""
        return None if self._process is None else self._process.pid

    async def pieces(self, body: bytes) -> AsyncGenerator[Rows | Faulty, None]:
        """Yield the reads of a body, as `posts.parse_arrow` does.

        Raises
        ------
        InputError
            If it cannot be read.
        StreamError
            If the child could not do it: the source must post again.
        """
        async with self._turn:
            is_over = waits = (
                False  # whether the child waits for us: for the next body, or for a word to a piece
            )
            try:
                process = await self._running()
                await self._say(process, len(body).to_bytes(_LENGTH, "little") + body)
                while True:
                    message = await self._hear(process)
                    if message[:1] != b"P":
                        break
                    rows = rows_from(_decode(message[1:]))
                    waits = True
                    yield rows
                    waits = False
                    await self._say(process, b"n")
                if message[:1] not in (b"E", b"F"):
                    raise ValueError("no answer of a child")
                is_over = True
                if message[:1] == b"F":
                    raise InputError(message[1:].decode())
            except (OSError, EOFError, TimeoutError, ValueError) as error:
                raise StreamError("the body could not be read in time: post it again", code="busy") from error
            finally:
                if waits and self._process is not None:
                    with contextlib.suppress(OSError, TimeoutError):
                        await self._say(self._process, b"s")
                        is_over = True
                if is_over:
                    self._rest()
                else:
                    await self.close()

    async def close(self) -> None:
        """End the child, if there is one."""
        if self._idle is not None:
            self._idle.cancel()
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.communicate()  # its pipes are closed with it

    def _rest(self) -> None:
        self._idle = asyncio.get_running_loop().call_later(_IDLE_S, self._end_idle)

    def _end_idle(self) -> None:
        self._ending.begin(self.close())

    async def _running(self) -> Process:
        if self._idle is not None:
            self._idle.cancel()
        process = self._process
        if process is None or process.returncode is not None:
            process = self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,  # an error of its could show what was posted
                preexec_fn=dying_with_parent(),
            )
        return process

    async def _say(self, process: Process, data: bytes) -> None:
        assert process.stdin is not None
        process.stdin.write(data)
        async with asyncio.timeout(self._patience_s):
            await process.stdin.drain()

    async def _hear(self, process: Process) -> bytes:
        assert process.stdout is not None
        async with asyncio.timeout(self._patience_s):
            length = int.from_bytes(await process.stdout.readexactly(_LENGTH), "little")
            if not 0 < length <= _MOST:
                raise ValueError("no answer of a child")
            return await process.stdout.readexactly(length)
