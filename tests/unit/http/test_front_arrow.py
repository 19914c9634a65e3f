"""A front's parser of Arrow bodies: it says what the parser within a process says, and outlives whatever breaks it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pyarrow as pa
import pytest

from wicketgate.base.errors import InputError, StreamError
from wicketgate.http.fronts.arrow import COMMAND, ArrowChild
from wicketgate.reads import arrow_child
from wicketgate.reads.parse import rows_of
from wicketgate.reads.posts import ArrowParser, parse_arrow


def stream(columns: dict[str, Any], *, compression: str | None = None) -> bytes:
    """Return an Arrow stream of a table."""
    table = pa.table(columns)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as to:
        to.write_table(table)
    return sink.getvalue().to_pybytes()


def reads(count: int, **more: Any) -> bytes:
    """Return a stream of as many reads."""
    columns: dict[str, Any] = {
        "camera": ["c0"] * count,
        "captured_at": ["2026-07-08T12:00:00.25+01:00"] * count,
        "plate": [f"AB{n % 100:02d}CDE" for n in range(count)],
        "confidence": [n / count for n in range(count)],
    }
    return stream(columns | more)


async def said(parser: ArrowParser, body: bytes) -> list[object]:
    """Return what a parser says of a body."""
    found: list[object] = []
    try:
        async for piece in parser(body):
            found += [row for rows in rows_of(piece) for row in rows]
    except InputError as error:
        found.append((error.code, error.detail))
    return found


@pytest.fixture
async def child() -> AsyncIterator[ArrowChild]:
    made = ArrowChild()
    yield made
    await made.close()


BODIES = {
    "reads": reads(3),
    "many": reads(20_000),
    "nothing": reads(0),
    "times": reads(2, captured_at=pa.array([1_783_500_000_000_000_001] * 2, pa.timestamp("ns", "UTC"))),
    "nulls": reads(2, lane=[None, 1], direction=pa.array([None, "away"])),
    "structs": reads(2, vehicle=[{"make": "Morris"}, None]),
    "numbers": reads(1, lane=pa.array([2**64 - 1], pa.uint64()), confidence=[float("nan")]),
    "another kind": reads(1, camera=[7]),
    "lists": reads(1, lane=[[1]]),
    "compressed": stream({"camera": ["c0"] * 100}, compression="zstd"),
    "junk": b"\0" * 100,
    "half": reads(9)[:-200],
    "none": b"",
}


async def test_the_child_says_what_the_parser_within_says(child: ArrowChild) -> None:
    pids = set()
    for name, body in BODIES.items():
        assert repr(await said(child.pieces, body)) == repr(await said(parse_arrow, body)), name
        pids.add(child.pid)
    assert len(pids) == 1


async def test_bodies_have_their_turn(child: ArrowChild) -> None:
    found = await asyncio.gather(*(said(child.pieces, reads(n)) for n in range(1, 12)))
    assert [len(one) for one in found] == list(range(1, 12))


async def test_whoever_goes_in_the_middle_holds_up_nobody(child: ArrowChild) -> None:
    async with aclosing(child.pieces(BODIES["many"])) as found:
        async for _ in found:
            break
    pid = child.pid
    assert pid is not None
    assert len(await said(child.pieces, reads(2))) == 2
    assert child.pid == pid
    asked = asyncio.ensure_future(said(child.pieces, BODIES["many"]))
    await asyncio.sleep(0.01)
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    assert len(await said(child.pieces, reads(2))) == 2


async def test_a_child_that_dies_is_begun_again(child: ArrowChild) -> None:
    async def killed() -> None:
        async for _ in child.pieces(BODIES["many"]):
            assert child.pid is not None
            os.kill(child.pid, signal.SIGKILL)

    with pytest.raises(StreamError) as raised:
        await killed()
    assert raised.value.code == "busy"
    assert len(await said(child.pieces, reads(2))) == 2


@pytest.mark.parametrize(
    "words",
    [
        "import time; time.sleep(60)",
        "print('hello there, this is no answer', flush=True); import time; time.sleep(60)",
        "import sys; sys.stdout.buffer.write(b'\\x02\\0\\0\\0PX'); sys.stdout.flush(); import time; time.sleep(60)",
        "import sys; sys.stdout.buffer.write(b'\\x01\\0\\0\\0Q'); sys.stdout.flush(); import time; time.sleep(60)",
        "raise SystemExit(1)",
    ],
)
async def test_a_child_that_misbehaves_is_ended(words: str) -> None:
    child = ArrowChild((sys.executable, "-c", words), patience_s=1.0)
    with pytest.raises(StreamError) as raised:
        await said(child.pieces, reads(1))
    assert raised.value.code == "busy"
    assert child.pid is None


async def test_the_child_has_no_more_memory_than_it_may() -> None:
    words = "from wicketgate.reads import arrow_child as a; a.bound(); bytearray(a.MEMORY)"
    asked = await asyncio.create_subprocess_exec(sys.executable, "-c", words, stderr=asyncio.subprocess.PIPE)
    _, error = await asked.communicate()
    assert b"MemoryError" in error
    assert COMMAND[-1] == arrow_child.__name__
