"""The exit codes, and the one line of an error.

docs/commands.md explains them.
"""

from __future__ import annotations

import sys

from wicketgate.base.errors import ConfigurationError, StreamError, Unreachable, WicketgateError
from wicketgate.base.shown_text import on_one_line

GOOD = 0
FAILED = 1
"""A check or a law did not hold, or the answer was no."""
USAGE = 2
"""What was given, or a file or setting that it names, cannot be used."""
UNREACHED = 3
"""The other side could not be reached, so that nothing was looked at."""
INTERRUPTED = 130


def exit_code(error: WicketgateError) -> int:
    """Return the exit code of an error."""
    if isinstance(error, ConfigurationError):
        return USAGE
    # Streams that stop or are full answered; `serve` and `init` could not reach those with this code.
    away = isinstance(error, Unreachable) or error.code == StreamError.code
    return UNREACHED if away else FAILED


def tell(error: WicketgateError) -> int:
    """Print an error, and return its exit code.

    Every command prints its errors so.
    """
    line = f"wicketgate: {error.detail} [{error.code}]"
    # One line whatever an answer from elsewhere holds, and nothing that moves a terminal's cursor.
    print(on_one_line(line), file=sys.stderr)
    return exit_code(error)
