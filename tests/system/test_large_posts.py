"""Large posts of one source beside the single posts of others: they share the loop, and what has gone is not taken."""

from __future__ import annotations

import datetime as dt
import io
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pyarrow as pa
import pytest

from bench.harness import Running, gateway
from tests.beside import Seconds, Source, p99
from tests.running import SOURCE, bearer, client

log = logging.getLogger(__name__)

ROWS = 60_000
POSTS = 12
HELD_S = 0.15
MERGE_DELAY_S = 5.0
TIMES, LEAST_S = 3.0, 0.1


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with gateway(12) as made:
        yield made


def many(number: int) -> bytes:
    """Return a post of many reads that no other has."""
    now = dt.datetime.now(dt.UTC)
    table = pa.table(
        {
            "camera": [f"ccz-{1 + n % 12:04d}" for n in range(ROWS)],
            "captured_at": pa.array([now] * ROWS, pa.timestamp("us", "UTC")),
            "plate": [f"{'BCDEFGHJKLMN'[number]}{n:06d}" for n in range(ROWS)],
            "confidence": [0.9] * ROWS,
        }
    )
    written = io.BytesIO()
    with pa.ipc.new_stream(written, table.schema) as writer:
        writer.write_table(table)
    return written.getvalue()


def begin(running: Running, body: bytes) -> socket.socket:
    """Begin to send a post; the answer is not waited for."""
    (credential,) = bearer(running, SOURCE).values()
    one = socket.create_connection(running.address, timeout=60)
    head = (
        "POST /v1/reads HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/vnd.apache.arrow.stream\r\n"
        f"Authorization: {credential}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    threading.Thread(target=_send, args=(one, head.encode() + body)).start()
    return one


def _send(one: socket.socket, data: bytes) -> None:
    try:
        one.sendall(data)
    except OSError:
        return  # it was closed meanwhile


def metric(running: Running, name: str) -> float:
    with client(running, "admin") as admin:
        lines = admin.get("/metrics").text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name) and line[0] != "#")


@pytest.mark.slow
def test_large_posts_of_one_source_hold_up_no_other_and_end_with_their_clients(running: Running) -> None:
    with closing(Source(running)) as source:
        source.post(0.5)
        quiet = source.post(1.5)
        made = [many(number) for number in range(POSTS)]
        with Seconds(running) as seconds:
            posts = [begin(running, body) for body in made]
            time.sleep(1)
            beside = source.post(6)
            longest_s = metric(running, 'wicketgate_loop_longest_seconds{by="cpu"}')
            for one in posts:
                one.close()
            time.sleep(2)
            taken = metric(running, "wicketgate_reads_total")
            source.post(2)
        few = metric(running, "wicketgate_reads_total") - taken
        told = (
            f"quiet {p99(quiet):.3f} s, beside {p99(beside):.3f} s of {len(beside)}, loop {longest_s:.3f} s, "
        )
        told += f"a second {seconds.longest_s:.1f} s, taken {taken:.0f}, then {few:.0f}"
        log.info(told)
        assert taken > 1_000
        assert few < 500, f"what has gone is not taken: {told}"
        assert seconds.longest_s < MERGE_DELAY_S, told
        assert longest_s < HELD_S, told
        assert p99(beside) < TIMES * max(LEAST_S, p99(quiet)), told
