"""Run `wicketgate verify` beside one feed after the other, in one process.

To start the command takes longer than to check a short feed with it.

    python -m wicketgate_demo.run.outsider REPORT FEED-FILE [REPORT FEED-FILE ...] -- ARGUMENTS

`ARGUMENTS` are those of every `wicketgate verify`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import redirect_stdout
from pathlib import Path

from wicketgate.cli import main

OUTSIDER = (sys.executable, "-P", "-m", "wicketgate_demo.run.outsider")
"""The command that runs this module."""


def verify_beside(feeds: Iterable[tuple[Path, Path]], arguments: Sequence[str]) -> int:
    """Verify beside each feed, and return the highest exit code.

    Parameters
    ----------
    feeds : iterable of (Path, Path)
        Where the report goes, mode 0600, and the feed received.
    """
    highest = 0
    for path, feed in feeds:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as report, redirect_stdout(report):
            highest = max(highest, main(["verify", *arguments, "--feed-file", str(feed)]))
    return highest


if __name__ == "__main__":
    end = sys.argv.index("--")
    paths = [Path(word) for word in sys.argv[1:end]]
    sys.exit(verify_beside(zip(paths[::2], paths[1::2], strict=True), sys.argv[end + 1 :]))
