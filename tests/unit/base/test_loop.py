"""The guard of the event loop tells work from waiting, and one long stretch from many short ones."""

from __future__ import annotations

import asyncio
import logging
import time

import pytest

from wicketgate.base.loop import LoopGuard


def work(seconds: float) -> None:
    """Use the processor for so long."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


async def test_a_stretch_of_work_is_measured_and_told(caplog: pytest.LogCaptureFixture) -> None:
    guard = LoopGuard()
    guard.start()
    await asyncio.sleep(0.03)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            work(0.3)
            await asyncio.sleep(0.03)
    guard.stop()
    assert 0.28 <= guard.longest_s <= guard.longest_wait_s
    assert guard.long == 2
    assert [record.levelname for record in caplog.records] == ["WARNING"], "told once in ten seconds"
    assert "busy for" in caplog.text


async def test_waiting_is_no_work() -> None:
    guard = LoopGuard()
    guard.start()
    await asyncio.sleep(0.03)
    time.sleep(0.2)  # noqa: ASYNC251 - what stands here for a thread that holds the interpreter's lock
    await asyncio.sleep(0.03)
    guard.stop()
    assert guard.long == 0
    assert guard.longest_s < 0.05
    assert guard.longest_wait_s >= 0.18


async def test_work_with_breaks_is_no_long_stretch() -> None:
    guard = LoopGuard()
    guard.start()
    for _ in range(40):
        work(0.01)
        await asyncio.sleep(0)
    guard.stop()
    assert guard.long == 0
