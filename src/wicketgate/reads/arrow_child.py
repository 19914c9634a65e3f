"""A process that reads posted Arrow streams, so that its front need not: `python -m wicketgate.reads.arrow_child`.

It gets bodies at its standard input, and answers each with its reads in pieces, one whenever it is asked. It has
nothing else: no socket, no file to write, and no more memory than `MEMORY`.
"""

from __future__ import annotations

import resource
import sys
from typing import BinaryIO, Final

import msgspec
import pyarrow as pa

from wicketgate.base.errors import InputError
from wicketgate.reads.arrow_posts import arrow_pieces

LENGTH: Final = 4
"""Bytes that say how long a message is: little end first."""
PIECE, FAULT, END = b"P", b"F", b"E"
"""The first byte of an answer: some reads, what is wrong with the body, or that there are no more."""
NEXT, STOP = b"n", b"s"
"""What is said to a piece: more of it, or no more."""
MEMORY: Final = 2 << 30
"""Bytes of addresses: most of them are the library's own, and are not used."""


def bound() -> None:
    """Give up whatever parsing does not need."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)


def serve(asked: BinaryIO, told: BinaryIO) -> None:
    """Answer bodies until there are no more."""
    while len(head := asked.read(LENGTH)) == LENGTH:
        _answer(asked.read(int.from_bytes(head, "little")), asked, told)


def _answer(body: bytes, asked: BinaryIO, told: BinaryIO) -> None:
    try:
        for values in arrow_pieces(body):
            _say(told, PIECE + msgspec.msgpack.encode(values))
            if asked.read(1) != NEXT:
                return
    except InputError as error:
        _say(told, FAULT + error.detail.encode())
    else:
        _say(told, END)


def _say(told: BinaryIO, message: bytes) -> None:
    told.write(len(message).to_bytes(LENGTH, "little") + message)
    told.flush()


if __name__ == "__main__":
    bound()
    serve(sys.stdin.buffer, sys.stdout.buffer)
