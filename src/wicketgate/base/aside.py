"""Work aside: tasks that nobody waits for, and threads that are waited for at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")


class TasksAside:
    """Tasks that are held until they end: the loop itself would let them be collected."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def begin(self, work: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
        """Begin a task."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def settle(self, seconds: float) -> None:
        """Wait for what is under way, for some seconds at most."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)


class ThreadsAside:
    """Work in threads, which goes on when whoever waits for it is cancelled."""

    def __init__(self) -> None:
        self._working: set[asyncio.Future[Any]] = set()

    async def run(self, work: Callable[..., _T], *arguments: Any) -> _T:
        """Return what work comes to in a thread."""
        working = asyncio.ensure_future(asyncio.to_thread(work, *arguments))
        self._working.add(working)
        working.add_done_callback(self._working.discard)
        return await asyncio.shield(working)

    async def ended(self) -> None:
        """Wait for all of it: a thread cannot be cancelled, and what it writes to is closed next."""
        await asyncio.gather(*self._working, return_exceptions=True)
