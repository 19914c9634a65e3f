"""Child processes that end with their parent."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Callable
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def dying_with_parent() -> Callable[[], None]:
    """Return what a child does between fork and exec, so that the kernel kills it when its parent ends."""
    parent = os.getpid()
    libc = ctypes.CDLL(None, use_errno=True)

    def ask() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it went before we asked
            os._exit(1)

    return ask
