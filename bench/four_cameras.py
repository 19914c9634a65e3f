"""`bench four_cameras`: what a small deployment needs of memory and disk, at rest and by the read, each read a post."""

from __future__ import annotations

import os
import time
from typing import Any, Final

from bench.harness import Running, gateway
from bench.memory import memory_mb
from tests.running import post, read

REST_S = float(os.environ.get("WICKETGATE_BENCH_REST", "120"))
READS = int(os.environ.get("WICKETGATE_BENCH_SINGLE", "600"))
A_DAY: Final = 10_000
_TERM_DAYS: Final = 14
_MONTH_DAYS: Final = 30
_LOG_A_YEAR: Final = 12e9
_DAY_S: Final = 86_400


def _streams(running: Running) -> int:
    """Return the bytes of the messages that the streams hold."""
    return sum(path.stat().st_size for path in (running.folder / "nats").rglob("*.blk"))


def run() -> dict[str, Any]:
    """Return the memory, the bytes a second at rest, those a read, and what a month comes to."""
    with gateway(4) as running:
        time.sleep(5)
        before = _streams(running)
        time.sleep(REST_S)
        rest = (_streams(running) - before) / REST_S
        before, began_s = _streams(running), time.monotonic()
        for number in range(READS):
            post(
                running, read(f"AB{number % 100:02d} {chr(65 + number % 20)}{chr(65 + number // 100 % 20)}C")
            )
        time.sleep(5)
        spent_s = time.monotonic() - began_s
        each = (_streams(running) - before - rest * spent_s) / READS
        memory = sum(size for name, size in memory_mb(running).items() if "," not in name)
    held = (rest * _DAY_S + each * A_DAY) * _TERM_DAYS
    log = _LOG_A_YEAR / 365 * _MONTH_DAYS
    return {
        "memory_mb": round(memory),
        "streams_bytes_a_second_at_rest": round(rest),
        "streams_bytes_a_read": round(each),
        "reads_a_day": A_DAY,
        "streams_gb_in_feed_term": round(held / 1e9, 1),
        "log_gb_a_month": round(log / 1e9, 1),
        "first_month_gb": round((held + log) / 1e9, 1),
    }


def main() -> None:
    """Print the table."""
    for name, value in run().items():
        print(f"{name.replace('_', ' '):<36}{value}")
