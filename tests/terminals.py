"""A person at a terminal: a command with a controlling terminal of its own, and what is typed when it asks."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

PATIENCE_S = 120.0

_BEGIN = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from wicketgate.cli import main
sys.exit(main(sys.argv[1:]))
"""


def type_into(*words: str | Path, answers: Sequence[tuple[str, str]] = ()) -> tuple[int, str]:
    """Run `wicketgate` at a terminal; return its exit code and everything that the terminal showed.

    Parameters
    ----------
    answers : sequence of (str, str)
        What to wait for, and what to type then, in turn.
    """
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", _BEGIN, *map(str, words)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown = b""
    waiting = list(answers)
    seen = 0
    until = time.monotonic() + PATIENCE_S
    try:
        while time.monotonic() < until:
            ready, _, _ = select.select([ours], [], [], 0.2)
            if not ready and child.poll() is not None:
                break
            if ready:
                try:
                    data = os.read(ours, 4096)
                except OSError:  # Linux says so when the last of the other side has gone
                    break
                if not data:
                    break
                shown += data
            if waiting and (found := shown.find(waiting[0][0].encode(), seen)) >= 0:
                seen = found + len(waiting[0][0])
                os.write(ours, waiting.pop(0)[1].encode() + b"\n")
        code = child.wait(timeout=max(1.0, until - time.monotonic()))
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
        os.close(ours)
    text = shown.decode("utf-8", "replace").replace("\r\n", "\n")
    assert not waiting, f"never asked for {waiting[0][0]!r}: {text}"
    return code, text
