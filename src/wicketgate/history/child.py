"""The process of a history: begun, replaced when it ends, and ended with whoever began it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import sys
from pathlib import Path
from typing import Final

from wicketgate.base.children import dying_with_parent
from wicketgate.history.client import HistoryClient
from wicketgate.history.messages import HistoryPosition
from wicketgate.history.position import read_position

log = logging.getLogger(__name__)

_MODULE: Final = "wicketgate.history.process"
_PAUSES_S: Final = (0.2, 1.0, 5.0, 20.0)
_STEADY_S: Final = 60.0
_LEAVE_S: Final = 10.0
_WAITING: Final = 64


class HistoryProcess:
    """The one process that owns a history.

    The socket at which it listens is made here, and outlives it: whoever asks while it is replaced waits.

    Parameters
    ----------
    folder, key : Path
        Of the history, and the file of its disk's key. Both are there.

    Attributes
    ----------
    restarts : int
        How often it was replaced.
    client : HistoryClient
        Whoever asks it.
    """

    def __init__(self, folder: Path, key: Path) -> None:
        self._folder, self._key = folder.resolve(), key.resolve()
        # By the descriptor of the folder: the path of a socket is 107 bytes at most, wherever the deployment lies.
        self._here = os.open(self._folder, os.O_PATH | os.O_DIRECTORY)
        address = Path(f"/proc/self/fd/{self._here}/ask")
        address.unlink(missing_ok=True)
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        former = os.umask(0o177)
        try:
            self._listening.bind(str(address))
        finally:
            os.umask(former)
        self._listening.listen(_WAITING)
        self.client = HistoryClient(address)
        self.restarts = 0
        self._process: asyncio.subprocess.Process | None = None
        self._left = asyncio.Event()

    @property
    def pid(self) -> int | None:
        """Its process id, or None while there is none."""
        return self._process.pid if self._process and self._process.returncode is None else None

    def position(self) -> HistoryPosition | None:
        """Return how far the history has come, as its file says; None where it has not begun."""
        return read_position(self._folder)

    async def run(self) -> None:
        """Keep it going, until `stop`."""
        loop = asyncio.get_running_loop()
        quick = 0
        while not self._left.is_set():
            began = loop.time()
            try:
                code: int | str = await self._live()
            except OSError as error:  # no process, or no descriptor, just now
                code = type(error).__name__
            if self._left.is_set():
                return
            self.restarts += 1
            log.error("the history's process ended (%s), and is replaced", code)
            quick = quick + 1 if loop.time() - began < _STEADY_S else 0
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._left.wait(), _PAUSES_S[min(quick, len(_PAUSES_S) - 1)])

    async def _live(self) -> int:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            _MODULE,
            str(self._folder),
            str(self._key),
            str(self._listening.fileno()),
            pass_fds=[self._listening.fileno()],
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            preexec_fn=dying_with_parent(),
        )
        try:
            return await self._process.wait()
        except asyncio.CancelledError:
            await self._end()
            raise

    async def _end(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _LEAVE_S)
        except TimeoutError:
            # What it was inserting is written down, and is inserted again.
            process.kill()
            await process.wait()

    async def stop(self) -> None:
        """End it."""
        self._left.set()
        await self._end()
        await self.client.close()
        self._listening.close()
        os.close(self._here)
