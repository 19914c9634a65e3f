"""The process that sends alerts: `python -m wicketgate.alerts.process`, orders in and answers out by frames.

Whatever a receiver does, it does it to this process: it has no state, no key of the log and no stream.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO

import msgspec

from wicketgate.alerts.orders import MOST_ORDER, SendOrder, frame
from wicketgate.alerts.sending import send

_THREADS = 128
"""For look-ups of names and mail: one that hangs is one of many."""
_decoder = msgspec.msgpack.Decoder(SendOrder)


async def serve(taking: BinaryIO, giving: BinaryIO) -> None:
    """Send what is ordered, each by itself, until nobody orders any more."""
    reader = asyncio.StreamReader(limit=MOST_ORDER + 4)
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(_THREADS, "sending"))
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), taking)
    under_way: set[asyncio.Task[None]] = set()

    async def carry_out(order: SendOrder) -> None:
        giving.write(frame(msgspec.msgpack.encode(await send(order))))
        giving.flush()

    while True:
        try:
            length = int.from_bytes(await reader.readexactly(4), "big")
            order = _decoder.decode(await reader.readexactly(min(length, MOST_ORDER)))
        except (EOFError, msgspec.DecodeError):
            return
        task = asyncio.create_task(carry_out(order))
        under_way.add(task)
        task.add_done_callback(under_way.discard)


def main() -> None:
    """Run until the gateway ends."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it writes what it was told to send
    loop = asyncio.new_event_loop()
    loop.run_until_complete(serve(sys.stdin.buffer, sys.stdout.buffer))
    os._exit(0)  # a thread may wait for a server that says nothing


if __name__ == "__main__":
    main()
