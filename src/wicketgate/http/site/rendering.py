"""The renderer of pages: a process of its own, off the gateway's loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from asyncio.subprocess import PIPE, Process
from typing import Protocol

import msgspec

from wicketgate.base.errors import StreamError
from wicketgate.pages.orders import Body, Done, Failed, Order, Press, frame

log = logging.getLogger(__name__)

PATIENCE_S = 30.0
"""How long one page may take; then the process is ended, and the next order begins another."""
_COMMAND = (sys.executable, "-m", "wicketgate.pages.orders")
_MOST_ANSWER = 256 << 20
_decoder: msgspec.msgpack.Decoder[Done | Failed] = msgspec.msgpack.Decoder(Done | Failed)


class RegisterSent(msgspec.Struct, frozen=True, kw_only=True):
    """A register as it is sent to a renderer, with a number of its own."""

    number: int
    data: bytes


class PageRendering(Protocol):
    """Something that renders orders."""

    async def render(self, order: Order, register: RegisterSent | None = None) -> Body | None:
        """Return the page of an order, or None where there is no such page."""


class RenderingHere:
    """PageRendering in the caller's own process, where no gateway has to be kept going."""

    def __init__(self) -> None:
        self._press = Press()

    async def render(self, order: Order, register: RegisterSent | None = None) -> Body | None:
        """Return the page of an order, or None where there is no such page."""
        if register is not None:
            order = msgspec.structs.replace(order, register=register.data)
        return self._press.render(order)


class Renderer:
    """A process that renders one order after another.

    It begins with the first order, so that a gateway whose pages nobody asks for has none, and again after its end. A
    page that cannot be rendered is a `StreamError` with the code `busy`; nothing else of the gateway depends on it.
    """

    def __init__(self) -> None:
        self._process: Process | None = None
        self._one = asyncio.Lock()
        self._sent = -1
        self._closed = False

    async def render(self, order: Order, register: RegisterSent | None = None) -> Body | None:
        """Return the page of an order, or None where there is no such page.

        Raises
        ------
        StreamError
            If it cannot be rendered now.
        """
        async with self._one:
            if self._closed:
                raise _cannot()
            try:
                async with asyncio.timeout(PATIENCE_S):
                    answer = await self._ask(order, register)
            except (TimeoutError, OSError, EOFError, msgspec.DecodeError) as error:
                log.error("the renderer of pages is ended: %s", type(error).__name__)
                await self._end()
                raise _cannot() from error
            except asyncio.CancelledError:
                await self._end()  # its answer would be taken for that of the next order
                raise
        if isinstance(answer, Failed):
            log.error("the page `%s` cannot be rendered: %s", order.page, answer.error)
            raise _cannot()
        return answer.body

    async def close(self) -> None:
        """End the process; nothing is rendered any more."""
        self._closed = True
        await self._end()

    async def _ask(self, order: Order, register: RegisterSent | None) -> Done | Failed:
        process = await self._begun()
        assert process.stdin is not None
        assert process.stdout is not None
        if register is not None and register.number != self._sent:
            order = msgspec.structs.replace(order, register=register.data)
            self._sent = register.number
        process.stdin.write(frame(msgspec.msgpack.encode(order)))
        await process.stdin.drain()
        length = int.from_bytes(await process.stdout.readexactly(4), "big")
        if length > _MOST_ANSWER:
            raise EOFError
        return _decoder.decode(await process.stdout.readexactly(length))

    async def _begun(self) -> Process:
        if self._process is None or self._process.returncode is not None:
            self._sent = -1
            self._process = await asyncio.create_subprocess_exec(*_COMMAND, stdin=PIPE, stdout=PIPE)
        return self._process

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()  # it keeps nothing
        await process.wait()


def _cannot() -> StreamError:
    return StreamError("this page cannot be shown now: try again in a moment", code="busy")
