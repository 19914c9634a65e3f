"""A command that is killed at the n-th thing that it makes durable.

    python -m tests.killing N COMMAND ARGUMENT…

runs `wicketgate COMMAND ARGUMENT…`. Before and behind each write of a file, of a stamp, of a stream's settings, of a
transaction and of the log is a point; at the N-th the process ends by SIGKILL.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wicketgate.base.parts import LmdbPart
from wicketgate.base.streams.link import Link
from wicketgate.cli import main
from wicketgate.commits.writer import Commits
from wicketgate.feeds.index import FeedIndex
from wicketgate.ledger.writer import Ledger

KILLED = -signal.SIGKILL
_left = 0


def killed_at(point: int, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own; return how it ended."""
    command = [sys.executable, "-m", "tests.killing", str(point), *map(str, arguments)]
    root = Path(__file__).parent.parent
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=root)


def _pass() -> None:
    global _left
    _left -= 1
    if _left == 0:
        os.kill(os.getpid(), signal.SIGKILL)


def _around(owner: Any, name: str) -> None:
    """Make the begin and the end of a function points."""
    done: Callable[..., Any] = getattr(owner, name)

    def call(*arguments: Any, **more: Any) -> Any:
        _pass()
        result = done(*arguments, **more)
        _pass()
        return result

    async def wait(*arguments: Any, **more: Any) -> Any:
        _pass()
        result = await done(*arguments, **more)
        _pass()
        return result

    setattr(owner, name, wait if owner is Link else call)


if __name__ == "__main__":
    _left = int(sys.argv[1])
    for owner, name in (
        (os, "fsync"),
        (Path, "replace"),
        (LmdbPart, "put_stamp"),
        (Link, "_settle"),
        (Commits, "_stage"),
        (Commits, "_stored"),
        (Ledger, "append"),
        (FeedIndex, "write"),
    ):
        _around(owner, name)
    sys.exit(main(sys.argv[2:]))
