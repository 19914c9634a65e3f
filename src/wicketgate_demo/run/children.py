"""The processes of a demonstration, from start to stop.

They are started in order, watched, and stopped in order.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from wicketgate.base.errors import ConfigurationError, WicketgateError

WICKETGATE = (sys.executable, "-P", "-m", "wicketgate")
"""The command `wicketgate` of this very Python, whatever the PATH says and whatever lies in the folder around us."""

_PR_SET_PDEATHSIG = 1
_READY_S = 60.0
_STOP_S = 40.0


def free_port(preferred: int) -> int:
    """Return `preferred` if nobody listens there, else a free port."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            found: int = probe.getsockname()[1]
            return found
    raise ConfigurationError("no port of the loopback is free")


class Child:
    """One process, bound to the life of this one.

    It gets SIGTERM when this process dies.

    Parameters
    ----------
    words : str
        What comes behind `wicketgate`.
    program : sequence of str, optional
        What is run instead of `wicketgate`.
    log : Path
        Where its standard error is appended, mode 0600.
    out : Path, optional
        Where its standard output goes; without it the first line can be awaited (`first_line`).
    """

    def __init__(
        self, *words: str | Path, log: Path, out: Path | None = None, program: Sequence[str] | None = None
    ) -> None:
        self._program = WICKETGATE if program is None else program
        self._words = [str(word) for word in words]
        self._log = log
        self._out = out
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it."""
        parent = os.getpid()
        # Loaded before the fork: the child does as little as it can until it is another program.
        libc = ctypes.CDLL(None, use_errno=True)

        def leave_no_orphan() -> None:
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            # This process may have died before the call took effect: then no signal comes.
            if os.getppid() != parent:
                os._exit(1)

        output: int = asyncio.subprocess.PIPE
        handles = [os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)]
        if self._out is not None:
            output = os.open(self._out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            handles.append(output)
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._program,
                *self._words,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=handles[0],
                # A Ctrl-C is for the demonstration alone, which stops its processes in their order.
                start_new_session=True,
                preexec_fn=leave_no_orphan,
            )
        finally:
            for handle in handles:
                os.close(handle)

    async def first_line(self) -> str:
        """Return the first line of its standard output.

        Raises
        ------
        WicketgateError
            Code `not-started`, if it ends or says nothing for a minute.
        """
        assert self._process is not None
        assert self._process.stdout is not None
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), _READY_S)
        except TimeoutError:
            line = b""
        if not line:
            raise WicketgateError(
                f"`wicketgate {self._words[0]}` did not start: see `{self._log}`", code="not-started"
            )
        return line.decode().strip()

    async def wait(self) -> int:
        """Wait for its end, and return its exit code.

        The code is negative for the signal that killed it.
        """
        assert self._process is not None
        return await self._process.wait()

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.returncode is None

    async def stop(self, patience_s: float = _STOP_S) -> int | None:
        """End it, and return its exit code.

        It gets SIGTERM, and SIGKILL if that does not help in time.
        """
        if self._process is None:
            return None
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), patience_s)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        return self._process.returncode


async def run_child(*words: str | Path, log: Path, out: Path, program: Sequence[str] | None = None) -> int:
    """Run one command to its end, and return its exit code.

    If this is cancelled, so is the command.
    """
    child = Child(*words, log=log, out=out, program=program)
    await child.start()
    try:
        return await child.wait()
    finally:
        await child.stop()
